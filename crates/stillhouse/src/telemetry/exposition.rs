//! Writes all metrics as text. Names and units are by Prometheus' conventions: base units, the
//! unit in the name, `_total` on what only grows (the encoder puts that one there).

use std::fmt::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder,
    NoLabelSet, prometheus_text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use record::Time;

use super::metrics::{ENDPOINTS, Metrics, OUTCOMES, OfModel, STATUSES, TOKENS};
use super::process::{Process, seconds};
use super::sender::Outbox;
use super::standing::{STATES, Standing};

const NANOS: f64 = 1e9;

/// All collectors.
pub(super) fn registry(
    metrics: Arc<Metrics>,
    standing: Standing,
    outbox: Option<Outbox>,
) -> Registry {
    let mut all = Registry::default();
    let since = OwnProcess {
        since: standing.since,
    };
    let ours = all.sub_registry_with_prefix("stillhouse");
    ours.register_collector(Box::new(Requests(metrics)));
    ours.register_collector(Box::new(House(standing)));
    ours.register_collector(Box::new(Traces(outbox)));
    all.register_collector(Box::new(since));
    all
}

/// The text now.
pub(super) fn text(registry: &Registry) -> String {
    let mut text = String::with_capacity(32 << 10);
    // Writing into a string does not fail.
    let _ = prometheus_text::encode(&mut text, registry);
    text
}

/// Writes one metric, with what it is.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counter(
        &mut self,
        name: &str,
        help: &str,
        write: impl Fn(&mut Series<'_>) -> Result,
    ) -> Result {
        self.metric(name, help, MetricType::Counter, write)
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        write: impl Fn(&mut Series<'_>) -> Result,
    ) -> Result {
        self.metric(name, help, MetricType::Gauge, write)
    }

    fn metric(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        write: impl Fn(&mut Series<'_>) -> Result,
    ) -> Result {
        let metric = self.0.encode_descriptor(name, help, None, kind)?;
        write(&mut Series(metric))
    }
}

/// Writes the series of one metric.
struct Series<'a>(MetricEncoder<'a>);

impl Series<'_> {
    fn count(&mut self, labels: &impl EncodeLabelSet, value: &impl EncodeCounterValue) -> Result {
        self.0
            .encode_family(labels)?
            .encode_counter::<NoLabelSet, _, f64>(value, None)
    }

    fn level(&mut self, labels: &impl EncodeLabelSet, value: &impl EncodeGaugeValue) -> Result {
        self.0.encode_family(labels)?.encode_gauge(value)
    }

    /// A gauge without labels.
    fn only(&mut self, value: &impl EncodeGaugeValue) -> Result {
        self.0.encode_gauge(value)
    }

    /// A counter without labels.
    fn total(&mut self, value: &impl EncodeCounterValue) -> Result {
        self.0.encode_counter::<NoLabelSet, _, f64>(value, None)
    }
}

/// What the gateway told.
#[derive(Debug)]
struct Requests(Arc<Metrics>);

impl Collector for Requests {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let mut page = Page(encoder);
        let models = self.0.models();
        requests(&mut page, &models)?;
        usage(&mut page, &models)?;
        times(&mut page, &models)?;
        page.metric(
            "added_latency_seconds",
            "Time that this server added to a request: from its body's last byte until the upstream was asked and, for a whole answer, from when it was here until it was recorded",
            MetricType::Histogram,
            |series| {
                for (streamed, histogram) in ["false", "true"].into_iter().zip(&self.0.added) {
                    let labels = [("streamed", streamed)];
                    histogram.write(series.0.encode_family(&labels)?)?;
                }
                Ok(())
            },
        )?;
        page.counter(
            "refusals",
            "Requests that were turned away, by the reason's code",
            |series| {
                for (reason, count) in self.0.refusals() {
                    series.count(&[("reason", reason)], &count)?;
                }
                Ok(())
            },
        )?;
        page.counter(
            "unrecorded_exchanges",
            "Requests that were let through and could not be recorded: the ledger did not take them",
            |series| series.total(&self.0.unrecorded.load(Relaxed)),
        )
    }
}

fn requests(page: &mut Page<'_>, models: &[Arc<OfModel>]) -> Result {
    page.counter(
        "requests",
        "Requests that were answered, also those that were turned away, by endpoint, model and class of the status",
        |series| {
            for model in models {
                for (endpoint, counts) in ENDPOINTS.iter().zip(&model.requests) {
                    for (status, count) in STATUSES.iter().zip(counts) {
                        let labels = [("endpoint", *endpoint), ("model", &model.name), ("status", status)];
                        // Few of all combinations are ever seen.
                        match count.load(Relaxed) {
                            0 => {}
                            count => series.count(&labels, &count)?,
                        }
                    }
                }
            }
            Ok(())
        },
    )?;
    page.counter(
        "exchanges",
        "Requests that were let through, by model and by how they ended; client_left is a client that aborted",
        |series| each(series, models, "outcome", &OUTCOMES, |model| &model.outcomes),
    )
}

fn usage(page: &mut Page<'_>, models: &[Arc<OfModel>]) -> Result {
    page.counter(
        "tokens",
        "Tokens used, by model and kind; cached_input is a part of input, reasoning a part of output",
        |series| each(series, models, "kind", &TOKENS, |model| &model.tokens),
    )?;
    page.counter(
        "estimated_usage",
        "Exchanges whose tokens were estimated, since the upstream stated none",
        |series| {
            models.iter().try_for_each(|model| {
                series.count(&[("model", &*model.name)], &model.estimated.load(Relaxed))
            })
        },
    )?;
    page.counter(
        "spend_dollars",
        "What the tokens cost by the prices of the settings",
        |series| {
            models.iter().try_for_each(|model| {
                let nanos = model.spent_nanodollars.load(Relaxed);
                series.count(&[("model", &*model.name)], &(nanos as f64 / NANOS))
            })
        },
    )
}

fn times(page: &mut Page<'_>, models: &[Arc<OfModel>]) -> Result {
    page.metric(
        "request_duration_seconds",
        "Time from a request's head to its answer's last byte, of those that were let through",
        MetricType::Histogram,
        |series| {
            models.iter().try_for_each(|model| {
                let labels = [("model", &*model.name)];
                model.duration.write(series.0.encode_family(&labels)?)
            })
        },
    )?;
    page.metric(
        "time_to_first_byte_seconds",
        "Time from a request's head until its answer began",
        MetricType::Histogram,
        |series| {
            models.iter().try_for_each(|model| {
                let labels = [("model", &*model.name)];
                model.first_byte.write(series.0.encode_family(&labels)?)
            })
        },
    )
}

/// One counter a model and label.
fn each<const N: usize>(
    series: &mut Series<'_>,
    models: &[Arc<OfModel>],
    key: &str,
    labels: &[&str; N],
    of: impl Fn(&OfModel) -> &[AtomicU64; N],
) -> Result {
    for model in models {
        for (label, count) in labels.iter().zip(of(model)) {
            let labels = [("model", &*model.name), (key, label)];
            series.count(&labels, &count.load(Relaxed))?;
        }
    }
    Ok(())
}

/// How the house stands.
#[derive(Debug)]
struct House(Standing);

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
            "upstream_requests_in_flight",
            "Requests that an upstream works on",
            |series| named(series, |health| health.in_flight),
        )?;
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

/// Traces on their way out.
#[derive(Debug)]
struct Traces(Option<Outbox>);

impl Collector for Traces {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let Some(outbox) = &self.0 else {
            return Ok(());
        };
        let mut page = Page(encoder);
        page.counter(
            "trace_spans_sent",
            "Spans that the receiver of traces took",
            |series| series.total(&outbox.sent()),
        )?;
        page.counter(
            "trace_spans_dropped",
            "Spans that were thrown away: the queue was full, or the receiver did not take them",
            |series| series.total(&outbox.dropped()),
        )
    }
}

/// The process, under the names that every client library uses.
#[derive(Debug)]
struct OwnProcess {
    since: Time,
}

impl Collector for OwnProcess {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let mut page = Page(encoder);
        let process = Process::now();
        page.counter(
            "process_cpu_seconds",
            "Processor time that the process has used",
            |series| series.total(&process.cpu_seconds),
        )?;
        page.gauge(
            "process_start_time_seconds",
            "When the server began to serve, in seconds since the epoch",
            |series| series.only(&seconds(self.since)),
        )?;
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Memory of the process that is resident",
                process.resident_bytes,
            ),
            (
                "process_open_fds",
                "File descriptors that the process has open",
                process.open_fds,
            ),
            (
                "process_max_fds",
                "File descriptors that the process may have open",
                process.max_fds,
            ),
        ] {
            if let Some(value) = value {
                page.gauge(name, help, |series| series.only(&value))?;
            }
        }
        Ok(())
    }
}
