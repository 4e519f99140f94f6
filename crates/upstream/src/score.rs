//! Scores given texts where the servers can: by `/v1/score` where they have it, else by vLLM's
//! `prompt_logprobs`, which tell the likeliest tokens alone.
//! Nothing is guessed here: what a server can't tell is refused before it is asked.

use bytes::Bytes;
use record::Endpoint;
use wire::ApiError;
use wire::score::{ScoreRequest, Scores, completions_body, read_completions};

use crate::http_upstream::HttpUpstream;
use crate::route::Target;
use crate::{AnswerBody, Ask, Error, Kind, ScoreAsk, ScoreOutcome, Upstream as _};

pub(crate) async fn score(upstream: &HttpUpstream, asked: ScoreAsk) -> Result<ScoreOutcome, Error> {
    let endpoints = upstream.endpoints();
    let has = |endpoint: &Endpoint| upstream.kind == Kind::OpenAi && endpoints.has(endpoint);
    let (endpoint, body) = if has(&Endpoint::Score) {
        (Endpoint::Score, asked.request.bytes())
    } else if has(&Endpoint::Completions) {
        match completions_body(&asked.request) {
            Ok(body) => (Endpoint::Completions, body),
            Err(unable) => {
                return Ok(ScoreOutcome::Unable {
                    field: Some(format!("items.{}", unable.field)),
                    why: unable.why.into_owned(),
                });
            }
        }
    } else {
        return Ok(cannot());
    };
    let ask = Ask {
        endpoint,
        query: None,
        body,
        streamed: false,
        headers: asked.headers,
        account: asked.account,
    };
    let answer = upstream
        .ask_at(Target::Endpoint(&ask.endpoint), &ask)
        .await?;
    let AnswerBody::Whole(body) = answer.body else {
        return Err(upstream.broken("asked for scores, it answered a stream".to_owned()));
    };
    if !answer.status.is_success() {
        return Ok(ScoreOutcome::Refused {
            error: ApiError::from_upstream(answer.status.as_u16(), &body),
            headers: answer.headers,
            server: answer.server,
        });
    }
    let told = read(&ask.endpoint, &body, &asked.request)
        .map_err(|error| upstream.broken(error.to_string()))?;
    Ok(match told {
        Some(scores) => ScoreOutcome::Told {
            scores,
            server: answer.server,
        },
        None => cannot(),
    })
}

fn read(
    endpoint: &Endpoint,
    body: &Bytes,
    request: &ScoreRequest,
) -> Result<Option<Scores>, wire::Error> {
    match endpoint {
        Endpoint::Score => Scores::read(body).map(Some),
        _ => read_completions(body, request),
    }
}

fn cannot() -> ScoreOutcome {
    ScoreOutcome::Unable {
        field: None,
        why: "This model's server tells no log-probabilities of given texts.".to_owned(),
    }
}
