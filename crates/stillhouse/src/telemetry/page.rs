//! Writes metrics and their series: a thin layer over the encoder, so that who has numbers need
//! not know its types. Nothing is counted or looked at here.

use std::fmt::Result;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder,
    NoLabelSet,
};
use prometheus_client::metrics::MetricType;

/// Writes one metric, with what it is.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

impl Page<'_> {
    pub(super) fn counter(
        &mut self,
        name: &str,
        help: &str,
        write: impl Fn(&mut Series<'_>) -> Result,
    ) -> Result {
        self.metric(name, help, MetricType::Counter, write)
    }

    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        write: impl Fn(&mut Series<'_>) -> Result,
    ) -> Result {
        self.metric(name, help, MetricType::Gauge, write)
    }

    pub(super) fn metric(
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
pub(super) struct Series<'a>(pub(super) MetricEncoder<'a>);

impl Series<'_> {
    pub(super) fn count(
        &mut self,
        labels: &impl EncodeLabelSet,
        value: &impl EncodeCounterValue,
    ) -> Result {
        self.0
            .encode_family(labels)?
            .encode_counter::<NoLabelSet, _, f64>(value, None)
    }

    pub(super) fn level(
        &mut self,
        labels: &impl EncodeLabelSet,
        value: &impl EncodeGaugeValue,
    ) -> Result {
        self.0.encode_family(labels)?.encode_gauge(value)
    }

    /// A gauge without labels.
    pub(super) fn only(&mut self, value: &impl EncodeGaugeValue) -> Result {
        self.0.encode_gauge(value)
    }

    /// A counter without labels.
    pub(super) fn total(&mut self, value: &impl EncodeCounterValue) -> Result {
        self.0.encode_counter::<NoLabelSet, _, f64>(value, None)
    }
}
