//! What is done with a request: the stages in their order, and what needs none of them.
//! Nothing here knows connections or the server's own life.

use std::sync::Arc;

use guard::admission::Credential;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use record::{Endpoint, Reason};
use tokio::sync::Notify;
use wire::ApiError;

use crate::admit::{Refused, admit};
use crate::answer::unrecorded;
use crate::detached::answer;
use crate::identify::identify;
use crate::keep::{self, Keeping, Start};
use crate::models::Route;
use crate::received::{self, Peer, Received, Target};
use crate::record::{Turned, refusal};
use crate::replay;
use crate::reply::{self, Reply, Served};
use crate::state::Gateway;
use crate::trace::{Answered, TRACEPARENT};

impl Gateway {
    /// Answers one request.
    pub(crate) async fn request(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: &Peer,
        cut: Arc<Notify>,
    ) -> Served {
        let (parts, body) = request.into_parts();
        let received = Received::new(&self, peer, parts);
        let chunked = received.headers.contains_key(TRANSFER_ENCODING);
        let mut reply = match received.target.clone() {
            Target::Alive => reply::signed(
                &received,
                reply::json(StatusCode::OK, "{\"status\":\"ok\"}"),
            ),
            Target::Ready => reply::signed(&received, self.readiness()),
            Target::Models(model) => self.list_models(&received, model.as_deref()),
            Target::Unknown => {
                received::linger(&self, body);
                self.turn_away(&received, None, &ApiError::of(Reason::UnknownEndpoint))
            }
            Target::Exchange(endpoint) => self.exchange(received, endpoint, body, cut).await,
        };
        if chunked {
            // A proxy that goes by a length beside it would take the rest for another request.
            let close = http::HeaderValue::from_static("close");
            reply.headers_mut().insert(CONNECTION, close);
        }
        Ok(reply)
    }

    async fn exchange(
        self: &Arc<Self>,
        mut received: Received,
        endpoint: Endpoint,
        body: Incoming,
        cut: Arc<Notify>,
    ) -> Reply {
        let parent = received.headers.get(TRACEPARENT);
        let trace = self.observer.trace(parent);
        received.trace = trace.map(|trace| Box::new((trace, Answered::default())));
        let credential = match identify(self, &received) {
            Ok(credential) => credential,
            Err((credential, reason)) => {
                received::linger(self, body);
                let credential = credential.as_deref();
                return self.turn_away(&received, credential, &ApiError::of(reason));
            }
        };
        if received.method != Method::POST {
            received::linger(self, body);
            let error = ApiError::of(Reason::MethodNotAllowed);
            return self.turn_away(&received, Some(&credential), &error);
        }
        let body = match received::body(self, &received, body).await {
            Ok(body) => body,
            Err(error) => return self.turn_away(&received, Some(&credential), &error),
        };
        received.read_us = received.elapsed_us();
        let turn = match keep::start(self, &received, &body).await {
            Ok(Start::Plain) => None,
            Ok(Start::First(turn)) => Some(turn),
            Ok(Start::Again(known)) => {
                let repeated = self.table.repeat(&credential, received.arrived);
                let rates = match repeated {
                    Ok(rates) => rates,
                    Err(denied) => {
                        let refused = Refused::denied(&denied, "");
                        return self.refuse(&received, Some(&credential), &refused);
                    }
                };
                let done = replay::record(self, &received, &credential, &endpoint, &body, &known);
                return match done {
                    Ok(()) => replay::answer(&received, known, &rates),
                    Err(_) => unrecorded(&received),
                };
            }
            Err(error) => return self.turn_away(&received, Some(&credential), &error),
        };
        let admitted = admit(self, received, Arc::clone(&credential), endpoint, body).await;
        match admitted {
            Ok(admitted) => {
                let stored = admitted
                    .policy
                    .store
                    .then(|| admitted.policy.body().clone());
                answer(
                    admitted,
                    Keeping {
                        turn,
                        stored_request: stored,
                    },
                    cut,
                )
                .await
            }
            Err((received, refused)) => self.refuse(&received, Some(&credential), &refused),
        }
    }

    fn turn_away(
        &self,
        received: &Received,
        credential: Option<&Credential>,
        error: &ApiError,
    ) -> Reply {
        let refused = Refused {
            error: error.clone(),
            retry_after_us: None,
            model: String::new(),
            rates: None,
        };
        self.refuse(received, credential, &refused)
    }

    fn refuse(
        &self,
        received: &Received,
        credential: Option<&Credential>,
        refused: &Refused,
    ) -> Reply {
        let error = &refused.error;
        let reason = error.reason.unwrap_or(Reason::InvalidRequest);
        let models = self.models.load();
        let turned = Turned {
            model: &refused.model,
            number: models.get(&refused.model).map(|(_, number)| *number),
            status: error.status,
            reason,
        };
        refusal(self, received, credential, &turned);
        let mut reply = reply::error(received, error, refused.retry_after_us);
        if let Some(rates) = &refused.rates {
            reply::rates(rates, reply.headers_mut());
        }
        reply
    }

    /// Ready is who takes requests and, as far as probes tell, has somebody to ask.
    fn readiness(&self) -> Reply {
        let alone = || self.reaches_nobody().then_some(Reason::UpstreamUnavailable);
        match self.refuses().or_else(alone) {
            None => reply::json(StatusCode::OK, "{\"status\":\"ready\"}"),
            Some(reason) => {
                let body = ApiError::of(reason).body(wire::Dialect::OpenAi, "");
                reply::json(StatusCode::SERVICE_UNAVAILABLE, body)
            }
        }
    }

    /// Whether probes reach no server of any model that is switched on. They go on without
    /// traffic, so that this ends by itself; who merely failed requests does not count.
    fn reaches_nobody(&self) -> bool {
        let models = self.models.load();
        let is_public = |route: &Route| route.on && route.only.is_none();
        let mut on = models
            .all()
            .filter(|(route, _)| is_public(route))
            .peekable();
        on.peek().is_some()
            && on.all(|(route, _)| {
                let health = route.upstream.health();
                health.servers > 0 && health.unreachable == health.servers
            })
    }

    fn list_models(&self, received: &Received, model: Option<&str>) -> Reply {
        let credential = match identify(self, received) {
            Ok(credential) => credential,
            Err((credential, reason)) => {
                return self.turn_away(received, credential.as_deref(), &ApiError::of(reason));
            }
        };
        if received.method != Method::GET {
            let error = ApiError::of(Reason::MethodNotAllowed);
            return self.turn_away(received, Some(&credential), &error);
        }
        let terms = credential.holder().terms();
        let models = self.models.load();
        let asks = self.organization(&credential);
        let dialect = received.dialect();
        let mut allowed = models
            .all()
            .map(|(route, _)| route)
            .filter(|route| route.on && route.is_for(asks) && terms.allows_model(&route.model));
        let body = match model {
            None => {
                let described: Vec<_> =
                    allowed.map(|route| route.described(self.started)).collect();
                wire::openai::models(dialect, &described)
            }
            Some(model) => match allowed.find(|route| route.model.as_ref() == model) {
                Some(route) => wire::openai::model(dialect, &route.described(self.started)),
                None => {
                    let error = ApiError::of(Reason::ModelNotFound).with_param("model");
                    return self.turn_away(received, Some(&credential), &error);
                }
            },
        };
        reply::signed(received, reply::json(StatusCode::OK, body))
    }
}
