//! One request: find the verb, read the body within bounds, do it on a thread that may block.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use operations::{Error, House, Verb};
use record::Actor;
use serde_json::Value;

use crate::MAX_BODY_BYTES;
use crate::problem::{answer, refuse};

/// How long a caller may take to send its input.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers one request of `by`.
pub(crate) async fn route(
    house: Arc<House>,
    by: Actor,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let Some(verb) = find(request.uri().path()) else {
        let message = format!("there is no verb at {}", request.uri().path());
        let hint = "the client may be of another version than the server".to_owned();
        return refuse(StatusCode::NOT_FOUND, Error::missing(message, Some(hint)));
    };
    if request.method() != Method::POST {
        let error = Error::invalid("method", "verbs are called by POST");
        return refuse(StatusCode::METHOD_NOT_ALLOWED, error);
    }
    let input = match input(request.into_body()).await {
        Ok(input) => input,
        Err(refused) => return refused,
    };
    tracing::debug!(noun = verb.noun, verb = verb.verb, ?by, "a verb is called");
    let called = tokio::task::spawn_blocking(move || verb.call(&house, &by, input)).await;
    answer(called.unwrap_or_else(|_| {
        let message = "the verb broke off inside the server; see its log".to_owned();
        Err(Error::Internal {
            message,
            hint: None,
        })
    }))
}

fn find(path: &str) -> Option<&'static Verb> {
    let (noun, verb) = path.strip_prefix("/v1/")?.split_once('/')?;
    operations::verb(noun, verb)
}

async fn input(body: Incoming) -> Result<Value, Response<Full<Bytes>>> {
    let whole = Limited::new(body, MAX_BODY_BYTES).collect();
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) => {
            let error = Error::invalid("input", error);
            return Err(refuse(StatusCode::BAD_REQUEST, error));
        }
        Err(_) => {
            let error = Error::invalid("input", "the body did not arrive in time");
            return Err(refuse(StatusCode::REQUEST_TIMEOUT, error));
        }
    };
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| refuse(StatusCode::BAD_REQUEST, Error::invalid("input", error)))
}
