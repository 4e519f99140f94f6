//! Stage three: may this request go through? Its body is read for policy, its model found, its
//! limits and budgets passed; what comes out holds the proofs and the body as it will be sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use guard::admission::{Credential, Denied, Rates, Want};
use record::{Amount, Edit, Endpoint, Reason};
use wire::score::ScoreRequest;
use wire::translate::Translation;
use wire::{ApiError, Policy, Splice, splice};

use crate::budget;
use crate::models::Route;
use crate::observer::ModelNumber;
use crate::received::Received;
use crate::record::InFlight;
use crate::reply;
use crate::state::Gateway;

/// What a client without the leave for scores is told.
const SCORES_NEED: &str = "Scores need a grant of tier `score` or above. A grant of tier `topk` \
    gives the likeliest tokens alone: `top_k` up to 100, and no `ids_at`.";

/// A refusal on its way to the client.
pub(crate) struct Refused {
    pub(crate) error: ApiError,
    pub(crate) retry_after_us: Option<u64>,
    pub(crate) model: String,
    /// What is left of the limits, where one was reached.
    pub(crate) rates: Option<Rates>,
}

impl Refused {
    fn new(error: ApiError, model: &str) -> Self {
        Self {
            error,
            retry_after_us: None,
            model: model.to_owned(),
            rates: None,
        }
    }

    pub(crate) fn denied(denied: &Denied, model: &str) -> Self {
        Self {
            error: reply::denied(denied),
            retry_after_us: denied.retry_after_us,
            model: model.to_owned(),
            rates: denied.rates,
        }
    }
}

/// How the answer is to be made.
pub(crate) enum Way {
    /// The upstream has the endpoint itself.
    Native,
    /// It is made from chat completions.
    Translated(Box<Translation>),
    /// Given texts are scored.
    Scored(Arc<ScoreRequest>),
}

/// A request that was let through: what to ask, and the proofs.
pub(crate) struct Admitted {
    pub(crate) in_flight: InFlight,
    pub(crate) policy: Policy,
    pub(crate) way: Way,
    /// The endpoint that the upstream is asked, and the body for it.
    pub(crate) ask_endpoint: Endpoint,
    pub(crate) ask_body: Bytes,
    /// Whether the stream's usage chunk was asked for by us alone.
    pub(crate) take_usage_chunk: bool,
}

/// Lets a request through, or says why not. The received request comes back with a refusal.
///
/// # Errors
/// The refusal, which the caller records and answers.
pub(crate) async fn admit(
    gateway: &Arc<Gateway>,
    received: Received,
    credential: Arc<Credential>,
    endpoint: Endpoint,
    body: Bytes,
) -> Result<Admitted, (Received, Refused)> {
    match prepare(gateway, &received, &credential, &endpoint, body).await {
        Ok(prepared) => Ok(prepared.admitted(gateway, received, endpoint)),
        Err(refused) => Err((received, refused)),
    }
}

/// Everything that admission found out, before it takes the request over.
struct Prepared {
    policy: Policy,
    route: Arc<Route>,
    model: ModelNumber,
    way: Way,
    ask_endpoint: Endpoint,
    ask_body: Bytes,
    edits: Vec<Edit>,
    take_usage_chunk: bool,
    permit: guard::admission::Permit,
    tickets: budget::Tickets,
}

impl Prepared {
    fn admitted(self, gateway: &Arc<Gateway>, received: Received, endpoint: Endpoint) -> Admitted {
        gateway.answering.fetch_add(1, Ordering::Relaxed);
        let in_flight = InFlight {
            gateway: Arc::clone(gateway),
            received,
            endpoint,
            route: self.route,
            model: self.model,
            permit: self.permit,
            tickets: self.tickets,
            server: None,
            edits: self.edits,
            streamed: self.policy.stream,
            status: None,
            request_bytes: self.policy.body().len() as u64,
            response_bytes: 0,
            first_byte_us: None,
            asked_us: 0,
            answered_us: 0,
            left: None,
            head_sent: false,
            recorded: false,
        };
        Admitted {
            in_flight,
            policy: self.policy,
            way: self.way,
            ask_endpoint: self.ask_endpoint,
            ask_body: self.ask_body,
            take_usage_chunk: self.take_usage_chunk,
        }
    }
}

async fn prepare(
    gateway: &Arc<Gateway>,
    received: &Received,
    credential: &Arc<Credential>,
    endpoint: &Endpoint,
    body: Bytes,
) -> Result<Prepared, Refused> {
    if let Some(reason) = gateway.refuses() {
        return Err(Refused {
            retry_after_us: Some(1_000_000),
            ..Refused::new(ApiError::of(reason), "")
        });
    }
    let policy = Policy::read(endpoint, &body).map_err(|error| Refused::new(error, ""))?;
    let refused = |error: ApiError| Refused::new(error, &policy.model);
    let (route, model) = find(gateway, credential, &policy, endpoint).map_err(refused)?;
    check_size(&policy, &route).map_err(refused)?;
    let scored = match endpoint {
        Endpoint::Score => Some(scored(&policy, &route).map_err(refused)?),
        _ => None,
    };
    let cap = route.max_output_tokens.or(route.context_tokens);
    let cap = cap.unwrap_or(gateway.options.default_max_output);
    let (tokens, worst) = most(endpoint, &policy, scored.as_ref(), &route, cap);
    let denied = |denied: Denied| {
        let mut refused = Refused::denied(&denied, &policy.model);
        if scored.is_some() && denied.reason == Reason::CapabilityNotAllowed {
            refused.error = refused.error.with_message(SCORES_NEED);
        }
        refused
    };
    let permit = {
        let want = Want {
            model: &route.model,
            tokens,
            beyond: &|set| match &scored {
                Some(scored) => scored.beyond(set),
                None => policy.beyond(set).map(|(_, param)| param),
            },
        };
        gateway
            .table
            .admit(credential, &want, received.arrived)
            .map_err(denied)?
    };
    let tickets = budget::draw(gateway, credential, worst)
        .await
        .map_err(denied)?;
    // A budget is drawn on for no more than this: the upstream must be told so, unless its
    // context bounds the answer anyway. Without a budget its own default holds.
    let bounded = !tickets.is_empty();
    let limit = match (route.max_output_tokens, route.context_tokens) {
        (Some(most), _) if bounded || policy.max_tokens.is_some() => Some(most),
        (None, None) if bounded => Some(cap),
        _ => None,
    };
    let sent = match scored {
        Some(scored) => send_scored(scored, &route),
        None => send_as(&policy, &route, endpoint, limit).map_err(refused)?,
    };
    let (way, ask_endpoint, ask_body, edits, take_usage_chunk) = sent;
    Ok(Prepared {
        way,
        ask_endpoint,
        ask_body,
        edits,
        take_usage_chunk,
        permit,
        tickets,
        route,
        model,
        policy,
    })
}

/// The tokens that a request counts for a minute until they are known, and the most that it costs.
fn most(
    endpoint: &Endpoint,
    policy: &Policy,
    scored: Option<&ScoreRequest>,
    route: &Route,
    cap: u64,
) -> (u64, Amount) {
    if let Some(scored) = scored {
        let tokens = scored.worst_tokens();
        return (tokens, route.prices.worst(tokens, 0));
    }
    let bytes = policy.body().len() as u64;
    let output = match endpoint {
        Endpoint::CountTokens | Endpoint::Embeddings => 0,
        _ => policy.worst_output(cap),
    };
    let worst = match endpoint {
        Endpoint::CountTokens => Amount::ZERO,
        // Metered by bytes, both ways.
        Endpoint::Listed(_) => route.prices.worst(bytes, cap),
        _ => route.prices.worst(bytes, output),
    };
    (bytes.div_ceil(4).saturating_add(output), worst)
}

/// What is to be scored, as far as it can fit the model's context.
fn scored(policy: &Policy, route: &Route) -> Result<ScoreRequest, ApiError> {
    let request = ScoreRequest::read(policy.body())?;
    let Some(context) = route.context_tokens else {
        return Ok(request);
    };
    for (index, item) in request.items.iter().enumerate() {
        if let wire::openai::Prompt::Tokens(ids) = &item.text
            && ids.len() as u64 > context
        {
            let message = format!(
                "This model's context is {context} tokens, but items[{index}] has {}. Shorten it.",
                ids.len()
            );
            let error = ApiError::of(Reason::ContextLengthExceeded).with_message(message);
            return Err(error.with_param(format!("items[{index}].ids")));
        }
    }
    Ok(request)
}

/// The model's route and number, if it serves this endpoint.
fn find(
    gateway: &Gateway,
    credential: &Credential,
    policy: &Policy,
    endpoint: &Endpoint,
) -> Result<(Arc<Route>, ModelNumber), ApiError> {
    let models = gateway.models.load();
    let is_known =
        |route: &Route| route.only.is_none() || route.is_for(gateway.organization(credential));
    let route = match (policy.model.is_empty(), endpoint) {
        // A listed path may name no model; then it is the only one's, if there is only one.
        (true, Endpoint::Listed(_)) => {
            let mut routes = models.all().filter(|(route, _)| is_known(route));
            routes.next().filter(|_| routes.next().is_none())
        }
        _ => models
            .get(&policy.model)
            .filter(|(route, _)| is_known(route)),
    };
    let missing = || {
        let message = format!(
            "The model `{}` does not exist or you do not have access to it. GET /v1/models lists yours.",
            policy.model.chars().take(128).collect::<String>()
        );
        ApiError::of(Reason::ModelNotFound)
            .with_param("model")
            .with_message(message)
    };
    let route = route.cloned().ok_or_else(missing)?;
    match route.0.on {
        true => Ok(route),
        false => Err(ApiError::of(Reason::ModelUnavailable).with_param("model")),
    }
}

/// Refuses what can't fit the model's context whatever the tokenizer says.
fn check_size(policy: &Policy, route: &Route) -> Result<(), ApiError> {
    let (Some(context), Some(asked)) = (route.context_tokens, policy.max_tokens) else {
        return Ok(());
    };
    if asked <= context {
        return Ok(());
    }
    let message = format!(
        "This model's context is {context} tokens, but {asked} were asked for in the answer alone."
    );
    let error = ApiError::of(Reason::ContextLengthExceeded).with_message(message);
    Err(error.with_param(policy.max_tokens_name().unwrap_or("max_tokens")))
}

type Sent = (Way, Endpoint, Bytes, Vec<Edit>, bool);

/// The body as the upstream gets it: spliced, or translated and then spliced.
fn send_as(
    policy: &Policy,
    route: &Route,
    endpoint: &Endpoint,
    limit: Option<u64>,
) -> Result<Sent, ApiError> {
    let natives = route.upstream.endpoints();
    if natives.has(endpoint) {
        let (body, edits) = spliced(policy, route, limit);
        let take = edits.contains(&Edit::IncludeUsage);
        return Ok((Way::Native, endpoint.clone(), body, edits, take));
    }
    if !Translation::is_possible(endpoint) || !natives.has(&Endpoint::Chat) {
        return Err(ApiError::of(Reason::EndpointNotSupported).with_param("model"));
    }
    let translation = Translation::read(endpoint, policy.body())?;
    let chat_policy = Policy::read(&Endpoint::Chat, translation.chat_body())?;
    let (body, mut edits) = spliced(&chat_policy, route, limit);
    edits.insert(0, Edit::Translated);
    Ok((
        Way::Translated(Box::new(translation)),
        Endpoint::Chat,
        body,
        edits,
        false,
    ))
}

/// The upstream is asked in values: where it is a server, the body is built anew.
fn send_scored(mut request: ScoreRequest, route: &Route) -> Sent {
    let mut edits = vec![Edit::Translated];
    if let Some(name) = &route.upstream_model {
        request.model.clone_from(name);
        edits.push(Edit::ModelName);
    }
    let way = Way::Scored(Arc::new(request));
    (way, Endpoint::Score, Bytes::new(), edits, false)
}

fn spliced(policy: &Policy, route: &Route, limit: Option<u64>) -> (Bytes, Vec<Edit>) {
    let mut splices: smallvec::SmallVec<[Splice<'_>; 3]> = smallvec::SmallVec::new();
    if let Some(name) = &route.upstream_model {
        splices.push(Splice::ModelName(name));
    }
    if policy.stream && !policy.include_usage {
        splices.push(Splice::IncludeUsage);
    }
    splices.extend(limit.map(Splice::MaxTokens));
    splice::apply(policy, &splices)
}
