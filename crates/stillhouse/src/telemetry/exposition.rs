//! Writes all metrics as text. Names and units are by Prometheus' conventions: base units, the
//! unit in the name, `_total` on what only grows (the encoder puts that one there).

use std::fmt::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::metrics::{ENDPOINTS, Metrics, OUTCOMES, OfModel, STATUSES, TOKENS, VERIFIED};
use super::page::{Page, Series};
use super::process::OwnProcess;
use super::sender::Outbox;
use super::standing::{House, Standing};

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

/// The metrics of traces, as they are where these are on.
#[cfg(test)]
pub(super) fn of_traces() -> String {
    let mut registry = Registry::with_prefix("stillhouse");
    registry.register_collector(Box::new(Traces(Some(Outbox::nowhere()))));
    text(&registry)
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
        "Requests that were let through and ended, and those that were turned away, by endpoint, model and class of the status; a list of models counts only where it was refused",
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
        "score_checks",
        "Looks at told scores, by model: positions compared with a second answer, those that differ by more than 0.05 nats, and requests refused as their scores can't be true",
        |series| each(series, models, "result", &VERIFIED, |model| &model.verified),
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
