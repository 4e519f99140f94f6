//! What the outside is told of the house: metrics that are scraped, traces that are sent.
//!
//! The gateway tells an observer of each request; here that is counted and, where it is to be
//! traced, put on a bounded queue. Nothing here waits on the way of a request, no body and no
//! secret gets here, and no account is a label.

mod exposition;
mod histogram;
mod metrics;
mod otlp;
mod page;
mod process;
mod sender;
mod spans;
mod standing;

use std::sync::Arc;

use gateway::{Ended, ModelNumber, Observer, Trace, TurnedAway, Verified};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failure::Result;
use crate::settings::Settings;
use metrics::Metrics;
use sender::Outbox;
use spans::Spans;

pub(crate) use standing::{Answerer, Standing};

/// Writes the metrics, in Prometheus' text format.
pub(crate) type Exposition = Arc<dyn Fn() -> String + Send + Sync>;

/// Both, as far as the settings want them.
#[derive(Clone)]
pub(crate) struct Telemetry {
    metrics: Option<Arc<Metrics>>,
    spans: Option<Arc<Spans>>,
}

impl Telemetry {
    /// What the settings want. The task, where there is one, sends traces until `stopped` turns
    /// true and what waits has been sent.
    ///
    /// # Errors
    /// A secret that can't be read.
    pub(crate) fn start(
        settings: &Settings,
        stopped: watch::Receiver<bool>,
    ) -> Result<(Self, Option<JoinHandle<()>>)> {
        let written = &settings.telemetry;
        let metrics = written.metrics.then(Arc::<Metrics>::default);
        let (mut spans, mut task) = (None, None);
        if let Some(traces) = &written.traces {
            let (outbox, sending) = Outbox::open(traces, stopped)?;
            spans = Some(Arc::new(Spans::new(settings, traces.ratio, outbox)));
            task = Some(tokio::spawn(sending));
        }
        Ok((Self { metrics, spans }, task))
    }

    /// Who is to be told of each request.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        match (&self.metrics, &self.spans) {
            (None, None) => Arc::new(gateway::Unobserved),
            _ => Arc::new(self.clone()),
        }
    }

    /// What writes the metrics, where they are on.
    pub(crate) fn exposition(&self, standing: Standing) -> Option<Exposition> {
        let metrics = Arc::clone(self.metrics.as_ref()?);
        let outbox = self.spans.as_ref().map(|spans| spans.outbox());
        let registry = exposition::registry(metrics, standing, outbox);
        Some(Arc::new(move || exposition::text(&registry)))
    }
}

impl Observer for Telemetry {
    fn model(&self, name: &str) -> ModelNumber {
        let number = |metrics: &Arc<Metrics>| metrics.model(name);
        self.metrics.as_ref().map_or(0, number)
    }

    fn trace(&self, traceparent: Option<&http::HeaderValue>) -> Option<Trace> {
        self.spans.as_ref()?.begin(traceparent)
    }

    fn ended(&self, ended: &Ended<'_>) {
        if let Some(metrics) = &self.metrics {
            metrics.ended(ended);
        }
        if let (Some(spans), Some((trace, answered))) = (&self.spans, ended.trace) {
            spans.ended(ended, trace, answered);
        }
    }

    fn turned_away(&self, turned: &TurnedAway<'_>) {
        if let Some(metrics) = &self.metrics {
            metrics.turned_away(turned);
        }
        if let (Some(spans), Some(trace)) = (&self.spans, turned.trace) {
            spans.turned_away(turned, trace);
        }
    }

    fn verified(&self, verified: &Verified) {
        if let Some(metrics) = &self.metrics {
            metrics.verified(verified);
        }
    }
}

#[cfg(test)]
mod tests;
