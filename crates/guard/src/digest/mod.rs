//! The privacy wall: an exchange's text goes in, a bounded record without text comes out, and that
//! is all that the rest of the guard ever sees.
//!
//! Numbers, choices and counts are kept as they are; of text only keyed hashes, sketches and a
//! position in a space of meaning are. A digest never holds a byte of what was said, is at most
//! [`LONGEST`] bytes encoded whatever goes in, and is the same for the same exchange and key.
//! `docs/decisions/0010-guard-digest.md` says what each part is for and what it misses.

mod about;
mod chain;
mod code;
mod key;
mod make;
mod meaning;
mod origin;
mod phrases;
mod prints;
mod sample;
mod sketch;
mod text;

use record::{Form, Usage};
use serde::{Deserialize, Serialize};

pub use self::about::{About, Declared};
pub use self::chain::Chain;
pub use self::code::{DigestError, LONGEST};
pub use self::key::HashKey;
pub use self::make::{Digester, Scratch};
pub use self::meaning::{DIMENSIONS, Position};
pub use self::origin::Prints as Origin;
pub use self::phrases::{Counts, FAMILIES, FAMILIES_COUNT, Family};
pub use self::prints::{OF_ANSWER, OF_REQUEST, RUN};
pub use self::sample::TEXT;
pub use self::sketch::MinHash;

/// One exchange without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The API that it came through.
    pub endpoint: Api,
    /// The keyed hash of the model's name; 0 without one.
    pub model: u32,
    /// The HTTP status answered.
    pub status: u16,
    /// Whether the client left before the last byte.
    pub cut: bool,
    /// Milliseconds until the last byte.
    pub duration_ms: u32,
    /// What was asked for beside the text.
    pub asked: Asked,
    /// How much there was of everything.
    pub sizes: Sizes,
    /// Tokens used, where they are known.
    pub usage: Option<Usage>,
    /// By what the request's template is known again.
    pub template: Template,
    /// By what the last thing asked is known again.
    pub ask: Ask,
    /// Phrases in the request.
    pub asking: Counts,
    /// Phrases in the answer.
    pub answering: Counts,
    /// The position of the answer.
    pub answer: Position,
    /// Prefixes of the conversation.
    pub chain: Chain,
    /// Fingerprints of the answer, sorted: at most [`OF_ANSWER`].
    #[serde(with = "code::sorted")]
    pub answer_prints: Vec<u64>,
    /// Fingerprints of the last thing asked, sorted: at most [`OF_REQUEST`].
    #[serde(with = "code::sorted")]
    pub ask_prints: Vec<u64>,
    /// Fingerprints of the conversation before and of results of tools, likewise.
    #[serde(with = "code::sorted")]
    pub past_prints: Vec<u64>,
    /// Where it came from.
    pub origin: Origin,
}

/// The API of an exchange, without the names of an operator's own paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Api {
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
    /// Counting tokens, listing models, an operator's own paths.
    Other,
}

/// The parameters of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Answers asked for; 0 where the body does not say.
    pub n: u32,
    /// Most tokens of an answer.
    pub max_tokens: Option<u32>,
    /// Hundredths of the sampling temperature.
    pub temperature: Option<u16>,
    /// Thousandths of `top_p`.
    pub top_p: Option<u16>,
    /// Alternatives to each token whose log-probabilities are asked for.
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
    /// The keyed hash of the answer's schema; 0 without one.
    pub schema: u32,
    /// Tools offered.
    pub tools: u32,
    /// The keyed hash of the tools as they were written; 0 without any.
    pub toolset: u32,
    /// Prompts in one request; 1 but for batches of completions and embeddings.
    pub prompts: u32,
}

/// Sizes, in bytes of text where nothing else is said. Beyond the range they stay at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Bytes of the request's body.
    pub request: u32,
    /// Bytes of the answer's body.
    pub response: u32,
    /// System texts.
    pub system: u32,
    /// The last thing asked.
    pub ask: u32,
    /// The conversation before it, and results of tools.
    pub past: u32,
    /// The answer, all choices together.
    pub answer: u32,
    /// Of the answer, reasoning that is shown.
    pub reasoning: u32,
    /// Messages of the request.
    pub messages: u32,
    /// Of these, the model's.
    pub answers: u32,
    /// Results of tools in the request.
    pub results: u32,
    /// Images, sounds and files.
    pub media: u32,
    /// Prompts given as token ids.
    pub ids: u32,
    /// Calls of tools in the answer.
    pub calls: u32,
    /// Choices of the answer, or vectors.
    pub choices: u32,
    /// Choices that ended because they were as long as asked for.
    pub full: u32,
    /// Parts of request and answer that were not understood.
    pub unread: u32,
    /// Bytes of text that were not read, because there was more than [`TEXT`].
    pub skipped: u32,
}

/// By what a prompt's template is known again when its slots are filled otherwise. Words with digits
/// are all the same here. Hashes are 0 where there are too few words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// All system texts.
    pub system: u32,
    /// The first 4, 8 and 16 words of the last thing asked.
    pub heads: [u32; 3],
    /// Its last 4 and 8 words.
    pub tails: [u32; 2],
    /// Shingles of five words of the first 96 words of the system texts, and of the first 96 and
    /// the last 48 of the last thing asked.
    pub shingles: MinHash<32>,
}

/// By what the last thing asked is known again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// All its words, in order; 0 without any.
    pub exact: u64,
    /// Its pairs of words, for near duplicates.
    pub pairs: MinHash<16>,
    /// Its position in the space of meaning.
    pub position: Position,
    /// Words that were read of it.
    pub words: u32,
}
