//! Counts a prompt's tokens where the servers can.
//! Nothing is estimated here: what can't be counted is `None`.

use http::StatusCode;
use record::Endpoint;

use crate::http_upstream::HttpUpstream;
use crate::route::Target;
use crate::{AnswerBody, Ask, Error, Kind};

/// Anthropic's answer, or vLLM's.
#[derive(serde::Deserialize)]
struct Counted {
    #[serde(alias = "count")]
    input_tokens: u64,
}

/// Anthropic: a body for `/v1/messages/count_tokens` goes there. vLLM: a body for chat or
/// completions goes to `/tokenize`, which overlooks the fields that it doesn't know. Anything
/// else, and a server that says that it lacks the endpoint, is `None`.
pub(crate) async fn count_tokens(upstream: &HttpUpstream, ask: Ask) -> Result<Option<u64>, Error> {
    let target = match (&ask.endpoint, upstream.kind) {
        (Endpoint::CountTokens, Kind::Anthropic) => Target::Endpoint(&Endpoint::CountTokens),
        (Endpoint::Chat | Endpoint::Completions, Kind::OpenAi) if upstream.tokenize => {
            Target::Tokenize
        }
        _ => return Ok(None),
    };
    let answer = upstream.ask_at(target, &ask).await?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            return Ok(None);
        }
        status => return Err(upstream.broken(format!("counting tokens, it answered {status}"))),
    }
    let AnswerBody::Whole(body) = &answer.body else {
        return Err(upstream.broken("counting tokens, it answered a stream".to_owned()));
    };
    let counted: Counted = serde_json::from_slice(body)
        .map_err(|e| upstream.broken(format!("its count of tokens can't be read: {e}")))?;
    Ok(Some(counted.input_tokens))
}
