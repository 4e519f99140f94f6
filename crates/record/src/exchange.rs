//! One request and its answer, or its refusal, as facts: who, what, how much, and how it ended.
//! No text of either is here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::id::{Id, kind};
use crate::time::Time;

/// The API that a request came through.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
    /// `/v1/responses`
    Responses,
    /// `/v1/embeddings`
    Embeddings,
    /// `/v1/messages`
    Messages,
    /// `/v1/messages/count_tokens`
    CountTokens,
    /// `/v1/models` and `/v1/models/{id}`
    Models,
    /// A path that the operator listed, passed through and metered by bytes.
    Listed(String),
    /// `/v1/score`
    Score,
}

impl Endpoint {
    /// Its path as clients write it.
    pub fn path(&self) -> &str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
            Self::Embeddings => "/v1/embeddings",
            Self::Messages => "/v1/messages",
            Self::CountTokens => "/v1/messages/count_tokens",
            Self::Models => "/v1/models",
            Self::Listed(path) => path,
            Self::Score => "/v1/score",
        }
    }

    /// Whether clients of this endpoint expect Anthropic's shapes rather than OpenAI's.
    pub const fn is_anthropic(&self) -> bool {
        matches!(self, Self::Messages | Self::CountTokens)
    }
}

/// Tokens used, and who counted them. `cached_input` is part of `input`, `reasoning` of `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input: u64,
    /// Of these, tokens that the upstream had cached.
    pub cached_input: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// Of these, tokens of hidden reasoning.
    pub reasoning: u64,
    /// Who counted.
    pub source: UsageSource,
}

/// Where a usage comes from. A missing usage is never taken for zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The upstream said so.
    Upstream,
    /// We counted with the model's own tokenizer.
    Counted,
    /// We estimated from bytes and chunks, because the upstream said nothing.
    Estimated,
}

/// Where a request came from, as far as the deployment can see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The client's address, through trusted proxies only.
    pub address: String,
    /// A hash of the order and the case of the header names.
    pub header_order: u64,
    /// `User-Agent`, at most 256 bytes.
    pub user_agent: String,
    /// `Accept-Language`, at most 64 bytes.
    pub accept_language: String,
}

/// What was changed in a request's body on its way to the upstream (a closed list), or that it
/// was built anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// The upstream's own name for the model.
    ModelName,
    /// `stream_options.include_usage`, so that the usage is known.
    IncludeUsage,
    /// A cap on the answer's tokens.
    MaxTokens,
    /// A capability taken out by a measure of the guard.
    Capability,
    /// The body was translated from another API's shape.
    Translated,
}

/// The part of an exchange's cost that one slice bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The slice.
    pub slice: Id<kind::Slice>,
    /// Its part.
    pub spent: Amount,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole answer was sent.
    Completed,
    /// The upstream answered with an error of its own, which was passed on.
    UpstreamError,
    /// The upstream broke off, hung or answered rubbish.
    UpstreamBroken,
    /// The client left before the last byte.
    ClientLeft,
    /// The key or grant was revoked, or expired, in mid-stream.
    Revoked,
    /// The server was told to stop before the answer was whole.
    ShutDown,
}

/// One request that was let through, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its id, also the request id that the client sees.
    pub id: Id<kind::Exchange>,
    /// The account that asked.
    pub account: Id<kind::Account>,
    /// The key that it used, where it used one.
    pub key: Option<Id<kind::Key>>,
    /// The grant that it drew on, where it did.
    pub grant: Option<Id<kind::Grant>>,
    /// The API that it came through.
    pub endpoint: Endpoint,
    /// The model it asked for.
    pub model: String,
    /// The upstream that answered.
    pub upstream: String,
    /// When the request arrived.
    pub arrived: Time,
    /// Microseconds until the answer's first byte.
    pub first_byte_us: u32,
    /// Microseconds until the answer's last byte.
    pub duration_us: u64,
    /// The HTTP status that the client got.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// Tokens used; `None` where nothing was generated (an upstream's refusal).
    pub usage: Option<Usage>,
    /// What it costs.
    pub cost: Amount,
    /// What of the cost was drawn from which slice.
    pub shares: Vec<Share>,
    /// What was changed in the body.
    pub edits: Vec<Edit>,
    /// Where it came from.
    pub origin: Origin,
    /// BLAKE3 of the request's and the answer's body, where they are kept in the vault.
    pub bodies: Option<[[u8; 32]; 2]>,
    /// Where the client sent an `Idempotency-Key` and got a whole answer: what a repetition needs.
    pub idempotency: Option<Idempotency>,
}

/// What makes a repeated request with the same `Idempotency-Key` get the first answer again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// BLAKE3 of the credential's hash and the key that the client sent.
    pub key: [u8; 32],
    /// BLAKE3 of the request's path and body.
    pub request: [u8; 32],
    /// BLAKE3 of the answer's body, by which the vault has it.
    pub answer: [u8; 32],
    /// The HTTP status of the answer.
    pub status: u16,
    /// The answer's content type.
    pub content_type: String,
}

/// Why a request was not let through. Each is a code that clients and reviewers see.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No credential, or one that is unknown.
    InvalidApiKey,
    /// The key or grant is past its end.
    CredentialExpired,
    /// The key or grant was revoked.
    CredentialRevoked,
    /// The account is closed.
    AccountClosed,
    /// No such path.
    UnknownEndpoint,
    /// The path does not take this method.
    MethodNotAllowed,
    /// The body can't be read as the endpoint's format.
    InvalidRequest,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// No such model, or the plan or grant does not include it.
    ModelNotFound,
    /// The model does not have this endpoint.
    EndpointNotSupported,
    /// The prompt and the answer asked for do not fit the model's context.
    ContextLengthExceeded,
    /// The plan or the grant does not include what was asked for.
    CapabilityNotAllowed,
    /// Too many requests a minute.
    RequestsPerMinute,
    /// Too many tokens a minute.
    TokensPerMinute,
    /// Too many requests at the same time.
    Concurrency,
    /// What is left of a budget is less than the request may cost.
    BudgetExhausted,
    /// Another request with this `Idempotency-Key` is still running, or had another body.
    IdempotencyConflict,
    /// Every place in the model's queue is taken.
    QueueFull,
    /// No upstream of the model can be reached.
    UpstreamUnavailable,
    /// The ledger can't take entries.
    LedgerUnavailable,
    /// The server is stopping.
    ShuttingDown,
    /// The operator has switched the model off.
    ModelUnavailable,
}

/// One request that was not let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The request id that the client sees.
    pub id: Id<kind::Exchange>,
    /// The account, where the credential told it.
    pub account: Option<Id<kind::Account>>,
    /// The key, likewise.
    pub key: Option<Id<kind::Key>>,
    /// The grant, likewise.
    pub grant: Option<Id<kind::Grant>>,
    /// The path asked for, at most 128 bytes.
    pub path: String,
    /// The model asked for, where the body told it, at most 128 bytes.
    pub model: String,
    /// When the request arrived.
    pub arrived: Time,
    /// The HTTP status that the client got.
    pub status: u16,
    /// Why.
    pub reason: Reason,
    /// Where it came from.
    pub origin: Origin,
}
