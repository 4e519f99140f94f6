//! How the house stands, looked at when somebody scrapes: door, ledger, upstreams, models in
//! process. Nothing here is counted.

use std::fmt::Result;
use std::sync::Arc;

use gateway::Gateway;
use ledger::State;
use ledger::facts::Facts;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use record::Time;

use super::page::{Page, Series};

const MICROS: f64 = 1e6;

/// Someone who answers for models, at one moment.
pub(crate) struct Answerer {
    /// The name in the settings.
    pub(crate) name: String,
    /// How it is.
    pub(crate) health: upstream::Health,
    /// How busy it is, where it is a model in process.
    pub(crate) load: Option<local::Load>,
    /// How its servers are; none for a model in process.
    pub(crate) servers: Vec<upstream::ServerState>,
    /// How often its servers were looked at; `None` for a model in process.
    pub(crate) probes: Option<upstream::Probes>,
}

/// What is looked at.
pub(crate) struct Standing {
    /// The door.
    pub(crate) gateway: Arc<Gateway>,
    /// The ledger.
    pub(crate) facts: Facts,
    /// Looks at everyone who answers.
    pub(crate) answerers: Box<dyn Fn() -> Vec<Answerer> + Send + Sync>,
    /// Since when it serves.
    pub(crate) since: Time,
    /// The program's version.
    pub(crate) version: &'static str,
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> Result {
        f.debug_struct("Standing").finish_non_exhaustive()
    }
}

/// Every state of a ledger, and its label.
const STATES: [(State, &str); 5] = [
    (State::Good, "good"),
    (State::Spooling, "spooling"),
    (State::Full, "full"),
    (State::Poisoned, "poisoned"),
    (State::Closed, "closed"),
];

/// How the house stands.
#[derive(Debug)]
pub(super) struct House(pub(super) Standing);

impl Collector for House {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let mut page = Page(encoder);
        page.metric(
            "build",
            "The program's version",
            MetricType::Info,
            |series| series.0.encode_info(&[("version", self.0.version)]),
        )?;
        self.door(&mut page)?;
        self.ledger(&mut page)?;
        self.upstreams(&mut page)
    }
}

impl House {
    fn door(&self, page: &mut Page<'_>) -> Result {
        let door = self.0.gateway.status();
        page.gauge(
            "requests_in_flight",
            "Requests that were let through and have not ended",
            |series| series.only(&door.in_flight),
        )?;
        page.gauge("open_streams", "Streamed answers that run", |series| {
            series.only(&door.streams)
        })?;
        page.gauge(
            "open_connections",
            "Connections of clients at the public port",
            |series| series.only(&door.connections),
        )?;
        page.gauge(
            "accepting_requests",
            "1 while new requests are let in, 0 while the server stops or the ledger takes nothing",
            |series| series.only(&u64::from(door.open)),
        )
    }

    fn ledger(&self, page: &mut Page<'_>) -> Result {
        let health = self.0.facts.ledger().health();
        page.gauge(
            "ledger_state",
            "1 for the state that the ledger is in",
            |series| {
                for (state, label) in STATES {
                    series.level(&[("state", label)], &u64::from(state == health.state))?;
                }
                Ok(())
            },
        )?;
        for (name, help, sequence) in [
            (
                "ledger_appended_sequence",
                "The last entry that was appended",
                health.appended,
            ),
            (
                "ledger_synced_sequence",
                "The last entry that is on the device",
                health.synced,
            ),
            (
                "ledger_folded_sequence",
                "The last entry that is in the store",
                health.folded,
            ),
            (
                "ledger_attested_sequence",
                "The last entry that a signed head attests",
                health.attested,
            ),
        ] {
            page.gauge(name, help, |series| series.only(&sequence))?;
        }
        page.gauge(
            "ledger_unfolded_bytes",
            "Bytes in the journal that the store does not hold yet",
            |series| series.only(&health.unfolded_bytes),
        )?;
        page.gauge(
            "ledger_cut_bytes",
            "Bytes of a torn end that the last start cut off: what a power cut took",
            |series| series.only(&health.cut_bytes),
        )?;
        let times = self.0.facts.ledger().sync_times();
        page.metric(
            "ledger_sync_seconds",
            "Time that bringing entries to the device took",
            MetricType::Histogram,
            |series| {
                let bound = |micros| match micros {
                    u64::MAX => f64::INFINITY,
                    micros => micros as f64 / MICROS,
                };
                let bins = times.bins.iter();
                let bins: Vec<_> = bins.map(|(end, count)| (bound(*end), *count)).collect();
                let count = bins.iter().map(|(_, count)| count).sum();
                let sum = times.sum_us as f64 / MICROS;
                series
                    .0
                    .encode_histogram::<NoLabelSet>(sum, count, &bins, None)
            },
        )
    }

    fn upstreams(&self, page: &mut Page<'_>) -> Result {
        let all = (self.0.answerers)();
        let named = |series: &mut Series<'_>, number: fn(&upstream::Health) -> usize| {
            all.iter().try_for_each(|one| {
                series.level(&[("upstream", one.name.as_str())], &number(&one.health))
            })
        };
        page.gauge("upstream_servers", "Servers of an upstream", |series| {
            named(series, |health| health.servers)
        })?;
        page.gauge(
            "upstream_servers_up",
            "Servers of an upstream that answer",
            |series| named(series, |health| health.ready),
        )?;
        page.gauge(
            "upstream_servers_unreachable",
            "Servers of an upstream that the last probe did not reach, and that have answered no request since",
            |series| named(series, |health| health.unreachable),
        )?;
        page.counter(
            "upstream_probes",
            "Probes of servers that nobody asked, by whether they were answered",
            |series| {
                let probed = all.iter().filter_map(|one| Some((one, one.probes?)));
                for (one, probes) in probed {
                    for (result, count) in
                        [("answered", probes.answered), ("failed", probes.failed)]
                    {
                        series.count(
                            &[("upstream", one.name.as_str()), ("result", result)],
                            &count,
                        )?;
                    }
                }
                Ok(())
            },
        )?;
        page.gauge(
            "upstream_requests_in_flight",
            "Requests that an upstream works on",
            |series| named(series, |health| health.in_flight),
        )?;
        for (name, help, times) in TIMES {
            page.gauge(name, help, |series| {
                let servers = all.iter().flat_map(|one| {
                    let servers = one.servers.iter();
                    servers.filter_map(move |server| Some((one, server, times(&server.latency)?)))
                });
                for (one, server, times) in servers {
                    for (quantile, micros) in [("0.5", times.p50_us), ("0.95", times.p95_us)] {
                        let labels = [
                            ("upstream", one.name.as_str()),
                            ("server", &*server.url),
                            ("quantile", quantile),
                        ];
                        series.level(&labels, &(micros as f64 / MICROS))?;
                    }
                }
                Ok(())
            })?;
        }
        for (name, help, number) in LOADS {
            page.gauge(name, help, |series| {
                let loaded = all.iter().filter_map(|one| Some((one, one.load?)));
                loaded.into_iter().try_for_each(|(one, load)| {
                    series.level(&[("upstream", one.name.as_str())], &number(&load))
                })
            })?;
        }
        Ok(())
    }
}

type OfTimes = fn(&upstream::Latency) -> Option<upstream::Percentiles>;

/// What is said of how quick a server is; servers are as many as the settings name.
const TIMES: [(&str, &str, OfTimes); 2] = [
    (
        "upstream_recent_first_byte_seconds",
        "From the choice of a server to the first byte of its answer's body, over the last 5 minutes",
        |latency| latency.first_byte,
    ),
    (
        "upstream_recent_answer_seconds",
        "From the choice of a server to the last byte of its answer, over the last 5 minutes",
        |latency| latency.whole,
    ),
];

type OfLoad = fn(&local::Load) -> usize;

/// What is said of a model in process.
const LOADS: [(&str, &str, OfLoad); 4] = [
    (
        "local_slots",
        "Requests that a model in process works on at once, at most",
        |load| load.slots,
    ),
    (
        "local_slots_used",
        "Requests that a model in process works on",
        |load| load.working,
    ),
    (
        "local_queue_places",
        "Places in the queue of a model in process",
        |load| load.queue,
    ),
    (
        "local_queue_length",
        "Requests in the queue of a model in process",
        |load| load.waiting,
    ),
];
