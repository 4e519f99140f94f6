//! Stage four for `/v1/score`: the upstream is asked for scores, what it tells is looked at, and
//! the answer is written. Nothing here believes a server: what no model can have said is refused,
//! and a share of the items is asked again by another way and compared.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use record::{Outcome, Reason, ScoreAccess};
use upstream::{ScoreAsk, ScoreOutcome};
use wire::ApiError;
use wire::score::{Difference, ScoreAnswer, ScoreRequest, Scores};

use crate::answer::{Answered, failed, handed_on, own_error, turned_away, unrecorded};
use crate::failure;
use crate::keep::Keeping;
use crate::observer::Verified;
use crate::record::{InFlight, Kept};
use crate::reply::{self, Reply};

/// Asks for scores and answers.
pub(crate) async fn answer(
    mut in_flight: InFlight,
    request: Arc<ScoreRequest>,
    keeping: Keeping,
) -> Reply {
    let (mut scores, server) = match ask(&in_flight, Arc::clone(&request), false).await {
        Ok(ScoreOutcome::Told { scores, server }) => (scores, server),
        Ok(ScoreOutcome::Refused {
            error,
            headers,
            server,
        }) => {
            in_flight.server = Some(server);
            in_flight.first_byte();
            return refused(in_flight, &error, headers);
        }
        Ok(ScoreOutcome::Unable { field, why }) => {
            let error = ApiError {
                code: Some("score_unavailable".into()),
                message: why.into(),
                ..ApiError::of(Reason::EndpointNotSupported)
            };
            let error = error.with_param(field.unwrap_or_else(|| "model".to_owned()));
            return turned_away(in_flight, &error, None);
        }
        Err(error) => return failed(in_flight, &error),
    };
    in_flight.server = Some(server);
    in_flight.first_byte();
    if let Err(why) = verify(&in_flight, &request, &scores).await {
        return unverified(in_flight, &why);
    }
    in_flight.status = Some(StatusCode::OK.as_u16());
    let usage = scores.usage();
    let holder = in_flight.permit.credential().holder();
    if holder.terms().capabilities.scores < ScoreAccess::Given {
        scores.keep_likeliest();
    }
    let answer = ScoreAnswer {
        id: &in_flight.received.id.to_string(),
        created: in_flight.received.arrived,
        model: &in_flight.route.model,
        scores: &scores,
    };
    let body = answer.bytes();
    json(StatusCode::OK, HeaderMap::new())
        .finish(in_flight, Some(usage), body, keeping)
        .await
}

async fn ask(
    in_flight: &InFlight,
    request: Arc<ScoreRequest>,
    alone: bool,
) -> Result<ScoreOutcome, upstream::Error> {
    let ask = ScoreAsk {
        request,
        headers: handed_on(&in_flight.received),
        account: Some(in_flight.permit.credential().holder().account()),
        alone,
    };
    in_flight.route.upstream.score(ask).await
}

/// Looks whether the scores are possible, and asks for some of them again.
///
/// # Errors
/// Why they are worth nothing, in words.
async fn verify(
    in_flight: &InFlight,
    request: &ScoreRequest,
    scores: &Scores,
) -> Result<(), String> {
    let mut found = Difference::default();
    let mut told = scores
        .check(request)
        .map_err(|impossible| impossible.to_string());
    if told.is_ok() {
        told = recompute(in_flight, request, scores, &mut found).await;
    }
    if found.positions > 0 || told.is_err() {
        in_flight.gateway.observer.verified(&Verified {
            model: in_flight.model,
            difference: found,
            refused: told.is_err(),
        });
    }
    told
}

/// Asks for a share of the items again, each alone, and compares. A second answer that does not
/// come says nothing of the first.
async fn recompute(
    in_flight: &InFlight,
    request: &ScoreRequest,
    scores: &Scores,
    found: &mut Difference,
) -> Result<(), String> {
    for (index, item) in request.items.iter().enumerate() {
        if !is_picked(in_flight) {
            continue;
        }
        let again = ScoreRequest {
            model: request.model.clone(),
            items: vec![item.clone()],
        };
        let id = &in_flight.received.id;
        let second = match ask(in_flight, Arc::new(again), true).await {
            Ok(ScoreOutcome::Told { scores, .. }) => scores,
            Ok(other) => {
                tracing::warn!(request = %id, ?other, "scores could not be asked for again");
                continue;
            }
            Err(error) => {
                tracing::warn!(request = %id, %error, "scores could not be asked for again");
                continue;
            }
        };
        if second.revision != scores.revision {
            return Err(format!("item {index}: the model changed meanwhile"));
        }
        let (Some(first), [second]) = (scores.items.get(index), &second.items[..]) else {
            return Err(format!("item {index}: the second answer has another shape"));
        };
        let difference = first.difference(second);
        if difference.most > Difference::NOTED {
            let (positions, most) = (difference.positions, difference.most);
            tracing::warn!(request = %id, positions, most, "scores differ when asked for again");
        }
        found.add(difference);
        if difference.most > Difference::TOO_FAR {
            return Err(format!(
                "item {index}: asked for again it differs by {:.2} nats",
                difference.most
            ));
        }
    }
    Ok(())
}

/// Whether an item is among those that are asked for again: each by its own chance, so that the
/// share holds for positions too.
fn is_picked(in_flight: &InFlight) -> bool {
    let gateway = &in_flight.gateway;
    let share = gateway.options.score_check_share;
    if share <= 0.0 {
        return false;
    }
    let [a, b, c, d, ..] = gateway.random_bytes();
    f64::from(u32::from_le_bytes([a, b, c, d])) < share * f64::from(u32::MAX)
}

/// A refusal of the model's own.
fn refused(mut in_flight: InFlight, error: &ApiError, headers: HeaderMap) -> Reply {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_GATEWAY);
    // It is our credential that a server refused, not the client's.
    let (status, body) = match status {
        StatusCode::UNAUTHORIZED => (
            StatusCode::BAD_GATEWAY,
            own_error(&in_flight, &failure::unauthorized()),
        ),
        status => (status, own_error(&in_flight, error)),
    };
    in_flight.status = Some(status.as_u16());
    in_flight.response_bytes = body.len() as u64;
    let recorded = in_flight.record(Outcome::UpstreamError, None, Kept::default());
    if recorded.is_err() {
        return unrecorded(&in_flight.received);
    }
    json(status, headers).reply(&in_flight, body)
}

/// The scores can't be believed: none is given out, and nothing is charged.
fn unverified(mut in_flight: InFlight, why: &str) -> Reply {
    tracing::warn!(request = %in_flight.received.id, why, "scores are refused");
    let error = ApiError {
        status: 502,
        kind: "server_error".into(),
        code: Some("logprobs_unverified".into()),
        param: None,
        message: format!(
            "The model's server told log-probabilities that can't be true ({why}). Nothing was \
             charged. Ask again; if it stays so, tell the operator."
        )
        .into(),
        reason: None,
    };
    in_flight.status = Some(error.status);
    let recorded = in_flight.record(Outcome::UpstreamBroken, None, Kept::default());
    if recorded.is_err() {
        return unrecorded(&in_flight.received);
    }
    reply::error(&in_flight.received, &error, None)
}

fn json(status: StatusCode, mut headers: HeaderMap) -> Answered {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Answered { status, headers }
}
