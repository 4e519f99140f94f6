//! What one exchange said, as borrowed pieces: what `wire` reads and `guard` digests.
//! Nothing here is ever stored: it lives as long as the bodies it borrows from.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::exchange::{Endpoint, Usage};
use crate::time::Time;

/// Who says a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// `system` and `developer` messages, `instructions`.
    System,
    /// `user`, and the prompt of a completion or an embedding.
    User,
    /// The model, in the conversation so far or in the answer.
    Assistant,
    /// The result of a tool.
    Tool,
    /// A role that no API of ours has.
    Other,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Plain text.
    Text,
    /// Reasoning that is shown.
    Reasoning,
    /// A call of a tool: its name or its arguments, as text.
    Call,
    /// An image, a sound or a file; its text is empty.
    Media,
    /// A prompt given as token ids; its text is empty.
    Ids,
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Who says it.
    pub speaker: Speaker,
    /// What it is.
    pub part: Part,
    /// Which message it belongs to, counted from 0; in an answer, which choice.
    pub turn: u32,
    /// The text; empty where there is none to read.
    pub text: Cow<'a, str>,
}

/// The shape that a request asks its answer to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Form {
    /// Free text.
    #[default]
    Text,
    /// Any JSON object.
    Json,
    /// JSON after a schema.
    Schema,
}

/// The parameters of a request that tell harvesting from use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Answers asked for (`n`, or `best_of` where it is more); 0 where the body does not say.
    pub n: u32,
    /// Most tokens of an answer.
    pub max_tokens: Option<u32>,
    /// Hundredths of the sampling temperature.
    pub temperature: Option<u16>,
    /// Thousandths of `top_p`.
    pub top_p: Option<u16>,
    /// Alternatives to each token whose log-probabilities are asked for; `Some(0)`: of the tokens
    /// themselves only.
    pub logprobs: Option<u8>,
    /// Whether log-probabilities of the prompt are asked for.
    pub prompt_logprobs: bool,
    /// Entries of `logit_bias`.
    pub logit_bias: u32,
    /// Whether a seed is pinned.
    pub seed: bool,
    /// Whether stop texts are given.
    pub stop: bool,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether reasoning is asked for.
    pub reasoning: bool,
    /// The shape of the answer.
    pub form: Form,
    /// Tools offered.
    pub tools: u32,
    /// Prompts in one request of completions or embeddings; 1 elsewhere.
    pub prompts: u32,
}

/// What a request's body says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaidRequest<'a> {
    /// The model asked for; empty where the body does not say.
    pub model: Cow<'a, str>,
    /// Its parameters.
    pub parameters: Parameters,
    /// What is said, in order.
    pub pieces: Vec<Piece<'a>>,
    /// The tools as they were written, in JSON.
    pub tools: Option<&'a str>,
    /// The schema of the answer as it was written, in JSON.
    pub schema: Option<&'a str>,
    /// Parts that were not understood. They are counted and left out, never guessed at.
    pub unread: u32,
}

/// What an answer's body says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaidAnswer<'a> {
    /// What is said, by choice and in order.
    pub pieces: Vec<Piece<'a>>,
    /// Choices, or vectors of an embedding.
    pub choices: u32,
    /// Choices that ended because they were as long as asked for.
    pub full: u32,
    /// Whether log-probabilities were given.
    pub logprobs: bool,
    /// Parts that were not understood.
    pub unread: u32,
}

/// What kind of network an address belongs to, where the deployment knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Rented servers.
    Hosting,
    /// Homes.
    Residential,
    /// Mobile phones.
    Mobile,
    /// A company's own.
    Corporate,
    /// A school or a university.
    Education,
}

/// Where an exchange came from. What a deployment can't see is empty or `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Source<'a> {
    /// The client's address.
    pub address: &'a str,
    /// The number of its autonomous system.
    pub asn: Option<u32>,
    /// The kind of its network.
    pub network: Option<Network>,
    /// `User-Agent`.
    pub user_agent: &'a str,
    /// A hash of the order and the case of the header names, as text.
    pub header_order: &'a str,
    /// JA4 of the TLS client.
    pub ja4: Option<&'a str>,
    /// `Accept-Language`.
    pub accept_language: &'a str,
}

/// One exchange, whole, at its end.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The API that it came through.
    pub endpoint: &'a Endpoint,
    /// What was asked.
    pub request: &'a SaidRequest<'a>,
    /// What was answered; empty for a refusal.
    pub answer: &'a SaidAnswer<'a>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// Tokens used, where they are known.
    pub usage: Option<Usage>,
    /// Microseconds until the last byte.
    pub duration_us: u64,
    /// The HTTP status answered.
    pub status: u16,
    /// Whether the client left before the last byte.
    pub cut: bool,
    /// Where it came from.
    pub source: Source<'a>,
}

/// What an account pays for, as sets of traffic name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    /// Nothing.
    Free,
    /// By use.
    Payg,
    /// Seats of a team.
    Team,
    /// A contract.
    Enterprise,
}

/// The programme through which an account signed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// Schools and universities.
    Education,
    /// Young companies.
    Startup,
    /// Research.
    Research,
}

/// What is known of an account beside its traffic. What a deployment does not know is empty or
/// `None`. E-mail, payment and phone are hashes of the operator's, never the values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeenAccount<'a> {
    /// When it was opened.
    pub created: Option<Time>,
    /// What it pays for.
    pub plan: Option<PlanKind>,
    /// The verified organisation; keys of one organisation may share everything.
    pub organization: &'a str,
    /// Hash of the e-mail address.
    pub email: &'a str,
    /// Hash of the means of payment.
    pub payment: &'a str,
    /// Hash of the phone number.
    pub phone: &'a str,
    /// The programme of its sign-up.
    pub program: Option<Program>,
    /// The country that it declared. Never evidence of guilt.
    pub country: &'a str,
    /// What it says that it does.
    pub declared_use: &'a str,
}
