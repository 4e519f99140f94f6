//! The trait "ask a model", its request, its answer and its failures.
//! Nothing here dials; who implements the trait does, or computes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use record::{Endpoint, Id, Time, id::kind};
use wire::ApiError;
use wire::score::{ScoreRequest, Scores};

/// A boxed future, so that the trait can be an object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The parts of an answer as they come. Dropping it ends the upstream's work within a second.
pub type Chunks = Pin<Box<dyn http_body::Body<Data = Bytes, Error = Error> + Send>>;

/// A set of the endpoints that an upstream has itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndpointSet(u16);

impl EndpointSet {
    /// No endpoint.
    pub const NONE: Self = Self(0);

    /// The set of these.
    pub fn of(endpoints: &[Endpoint]) -> Self {
        endpoints.iter().fold(Self::NONE, |set, endpoint| {
            Self(set.0 | Self::bit(endpoint))
        })
    }

    /// Whether this one is in the set. Listed paths always are: they are the operator's own.
    pub fn has(self, endpoint: &Endpoint) -> bool {
        self.0 & Self::bit(endpoint) != 0 || matches!(endpoint, Endpoint::Listed(_))
    }

    const fn bit(endpoint: &Endpoint) -> u16 {
        match endpoint {
            Endpoint::Chat => 1,
            Endpoint::Completions => 2,
            Endpoint::Responses => 4,
            Endpoint::Embeddings => 8,
            Endpoint::Messages => 16,
            Endpoint::CountTokens => 32,
            Endpoint::Models => 64,
            Endpoint::Listed(_) => 128,
            Endpoint::Score => 256,
        }
    }
}

/// What a model is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The endpoint whose format the body has.
    pub endpoint: Endpoint,
    /// The query of the URL, without `?`; mostly absent.
    pub query: Option<Arc<str>>,
    /// The body, byte for byte as it is to be sent.
    pub body: Bytes,
    /// Whether the body asks for a stream of server-sent events.
    pub streamed: bool,
    /// Headers to hand on (`anthropic-version`, `traceparent`, …): never credentials, never
    /// hop-by-hop ones.
    pub headers: HeaderMap,
    /// Whose request it is: a model in process shares what it has computed of a prompt within one
    /// account alone, so that nobody learns by the time of an answer what others have asked. None
    /// shares nothing.
    pub account: Option<Id<kind::Account>>,
}

impl Ask {
    /// Which models there are: what costs a server next to nothing to answer.
    #[must_use]
    pub fn models() -> Self {
        Self {
            endpoint: Endpoint::Models,
            query: None,
            body: Bytes::new(),
            streamed: false,
            headers: HeaderMap::new(),
            account: None,
        }
    }
}

/// What came back, also an error that the upstream answered itself.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Content type, request id, rate limits, `Retry-After`: end-to-end headers alone, without
    /// length and transfer coding.
    pub headers: HeaderMap,
    /// The body.
    pub body: AnswerBody,
    /// The server that answered, for the record.
    pub server: Arc<str>,
}

/// An answer's body: whole where it is one JSON document, in chunks where it is a stream.
pub enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// Parts as they come.
    Chunks(Chunks),
}

/// A failure that is not the client's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No server could be reached, or none is healthy. Nothing was asked.
    #[error("no server of `{upstream}` can be reached: {why}")]
    Unreachable {
        /// The upstream's name.
        upstream: String,
        /// What went wrong, in words.
        why: String,
    },
    /// The server took longer than the setting allows.
    #[error("`{upstream}` sent {awaited} for {after:?}")]
    TimedOut {
        /// The upstream's name.
        upstream: String,
        /// What was waited for, such as `no first byte`.
        awaited: &'static str,
        /// How long.
        after: Duration,
    },
    /// The server broke off, or answered what is no HTTP.
    #[error("`{upstream}` broke off: {why}")]
    Broken {
        /// The upstream's name.
        upstream: String,
        /// What went wrong, in words.
        why: String,
    },
    /// The answer is larger than the setting allows.
    #[error("the answer of `{upstream}` is larger than {limit} bytes")]
    TooLarge {
        /// The upstream's name.
        upstream: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// Every place in the queue is taken; worth another try later.
    #[error("the queue of `{upstream}` is full")]
    QueueFull {
        /// The upstream's name.
        upstream: String,
        /// When another try may succeed.
        retry_after: Duration,
    },
}

/// What a model is to score.
#[derive(Debug, Clone)]
pub struct ScoreAsk {
    /// The items, under the upstream's own name for the model; who asks keeps them to check the answer.
    pub request: Arc<ScoreRequest>,
    /// As [`Ask::headers`].
    pub headers: HeaderMap,
    /// As [`Ask::account`].
    pub account: Option<Id<kind::Account>>,
    /// Whether it goes another way than usual: in a batch of one, with nothing kept of other
    /// requests. A model in process does; of a server it is one more request.
    pub alone: bool,
}

/// What came of a [`ScoreAsk`].
#[derive(Debug, Clone, PartialEq)]
pub enum ScoreOutcome {
    /// The scores.
    Told {
        /// As they were told; nobody has looked whether they are possible.
        scores: Scores,
        /// The server that told them, for the record.
        server: Arc<str>,
    },
    /// The model refused: the client's fault, or a limit of the server.
    Refused {
        /// What the client is told.
        error: ApiError,
        /// As [`Answer::headers`]: when to try again, and the like.
        headers: HeaderMap,
        /// The server that refused.
        server: Arc<str>,
    },
    /// The upstream can't score, or not this; it was not asked.
    Unable {
        /// The field that asks for more than it can tell, if it is one, such as `items[0].ids_at`.
        field: Option<String>,
        /// Why, for the client.
        why: String,
    },
}

/// How an upstream is, for the operator and for `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Servers (or the model in process) that answer, as far as is known.
    pub ready: usize,
    /// Servers that the last probe did not reach, and that have answered no request since.
    pub unreachable: usize,
    /// All servers.
    pub servers: usize,
    /// Requests in flight.
    pub in_flight: usize,
    /// What went wrong last, if anything did.
    pub last_error: Option<String>,
}

/// How one server of an upstream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// Its base URL, without a slash at the end.
    pub url: Arc<str>,
    /// Whether the operator lets requests go there.
    pub on: bool,
    /// Whether it answers, as far as is known: it is on, not out after failures, and the last
    /// probe, where there was one, reached it.
    pub ready: bool,
    /// Since when no probe has reached it, and no request was answered.
    pub unreachable_since: Option<Time>,
    /// Requests in flight.
    pub in_flight: usize,
    /// How quick it was in the last minutes.
    pub latency: crate::Latency,
}

/// Someone who answers for a model.
pub trait Upstream: Send + Sync {
    /// Its name in the settings.
    fn name(&self) -> &str;

    /// The endpoints that it has itself; the others are made from chat completions.
    fn endpoints(&self) -> EndpointSet;

    /// Asks. A whole answer is bounded in size; a stream in the time between its chunks.
    ///
    /// # Errors
    /// Where no usable answer came. Nothing is asked twice once an answer began.
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, Error>>;

    /// Counts the tokens of a chat request's prompt with the model's own tokenizer, where there
    /// is one: `None` where the upstream can't.
    ///
    /// # Errors
    /// As [`Self::ask`].
    fn count_tokens(&self, ask: Ask) -> BoxFuture<'_, Result<Option<u64>, Error>>;

    /// Scores given texts: log-probabilities of their tokens and at the ids asked for. Who can't
    /// says so.
    ///
    /// # Errors
    /// As [`Self::ask`].
    fn score(&self, _: ScoreAsk) -> BoxFuture<'_, Result<ScoreOutcome, Error>> {
        let unable = ScoreOutcome::Unable {
            field: None,
            why: "This model's server can't score given texts.".to_owned(),
        };
        Box::pin(std::future::ready(Ok(unable)))
    }

    /// How it is now.
    fn health(&self) -> Health;
}
