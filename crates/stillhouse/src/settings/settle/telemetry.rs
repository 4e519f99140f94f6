//! Settles `[telemetry]`.

use http::Uri;

use super::super::error::Error;
use super::super::settled::{Telemetry, Traces};
use super::super::written;
use super::Settler;

impl Settler<'_> {
    pub(super) fn telemetry(&mut self, written: written::Telemetry) -> Result<Telemetry, Error> {
        let metrics = self.value("telemetry.metrics", written.metrics, true);
        let url = self.maybe("telemetry.otlp_url", written.otlp_url);
        let ratio = self.value("telemetry.trace_ratio", written.trace_ratio, 1.0);
        if !(0.0..=1.0).contains(&ratio) {
            return Err(self.wrong("telemetry.trace_ratio", "0 to 1 are possible", None));
        }
        let queue_spans = self.value(
            "telemetry.trace_queue_spans",
            written.trace_queue_spans,
            4096,
        );
        if !(1..=1 << 20).contains(&queue_spans) {
            let what = format!("1 to {} are possible", 1 << 20);
            return Err(self.wrong("telemetry.trace_queue_spans", what, None));
        }
        let service_name = self.value(
            "telemetry.service_name",
            written.service_name,
            "stillhouse".to_owned(),
        );
        let authorization = self.maybe("telemetry.otlp_authorization", written.otlp_authorization);
        let traces = match url {
            Some(url) => Some(Traces {
                url: self.receiver(&url)?,
                ratio,
                queue_spans,
                service_name,
                authorization,
            }),
            None => None,
        };
        Ok(Telemetry { metrics, traces })
    }

    /// Where traces go: the base URL, and the path that OTLP has for them.
    fn receiver(&self, base: &str) -> Result<Uri, Error> {
        const KEY: &str = "telemetry.otlp_url";
        let hint = || Some("such as `http://127.0.0.1:4318`; `/v1/traces` is added".to_owned());
        let whole = format!("{}/v1/traces", base.trim_end_matches('/'));
        let url: Uri = whole
            .parse()
            .map_err(|_| self.wrong(KEY, format!("`{base}` is no URL"), hint()))?;
        let is_http = matches!(url.scheme_str(), Some("http" | "https"));
        if !is_http || url.host().is_none_or(str::is_empty) || url.query().is_some() {
            return Err(self.wrong(KEY, format!("`{base}` is no base URL of HTTP"), hint()));
        }
        Ok(url)
    }
}
