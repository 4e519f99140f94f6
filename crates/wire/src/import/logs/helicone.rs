//! Helicone: what `npx @helicone/export --include-body` writes, which is the object
//! `HeliconeRequest` of its API (docs.helicone.ai/rest/request/get-v1request).
//!
//! The account is `request_user_id`, which clients send as `Helicone-User-Id`; a log without it needs
//! the name of another field, such as a property of the requests.

use super::Options;
use super::fields::{self, Object};
use crate::traffic::{Exchange, LineError, Said, Source};

pub(super) fn read<'a>(
    object: &Object<'a>,
    options: Options<'_>,
) -> Result<Exchange<'a>, LineError> {
    let time = object
        .time(&["request_created_at"])
        .ok_or(LineError::Missing("time"))?;
    let delay = object
        .count(&["delay_ms"])
        .map(|delay| delay.saturating_mul(1000));
    let ended = || Some(object.time(&["response_created_at"])?.micros_since(time));
    let account = fields::account(object, options.account, || {
        object.name(&["request_user_id", "request_properties.Helicone-User-Id"])
    })?;
    let status = object.count(&["response_status"]);
    Ok(Exchange {
        id: object.named(&["request_id"]),
        time,
        duration_us: delay.or_else(ended).unwrap_or(0),
        account,
        organization: "".into(),
        seq: None,
        // Helicone writes -3 where the client left; other negative numbers are its own states.
        cut: object.number(&["response_status"]) == Some(-3.0),
        endpoint: fields::endpoint(&object.named(&["request_path", "target_url"])),
        model: object.named(&["request_model", "model", "response_model"]),
        status: status
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(0),
        request_bytes: 0,
        response_bytes: 0,
        usage: object.usage("prompt_tokens", "completion_tokens"),
        source: Source::default(),
        said: Said::Bodies {
            request: object.body(&["request_body"]).unwrap_or_default(),
            response: object.body(&["response_body"]),
        },
    })
}
