//! A completion request as a value: prompts are texts or token ids and never run through a chat
//! template.

use super::form::ResponseFormat;
use super::sampling::{Sampling, include_usage};
use crate::error::ApiError;
use crate::fields::{Fields, wrong_type, wrong_value};

/// One prompt of a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// A text, to be made into tokens as it is.
    Text(String),
    /// Token ids.
    Tokens(Vec<u32>),
}

/// A request to `/v1/completions`.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// The model asked for.
    pub model: String,
    /// The prompts, at least one; the answers to each stand together.
    pub prompts: Vec<Prompt>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// At most so many tokens; OpenAI's default is 16. 0 only with `echo`.
    pub max_tokens: u32,
    /// How many answers to each prompt, at least 1.
    pub n: u32,
    /// How many are made for each prompt, of which the likeliest `n` are sent; at least `n`.
    pub best_of: u32,
    /// Log-probabilities: how many alternatives a token.
    pub logprobs: Option<u32>,
    /// vLLM's log-probabilities of the prompt: how many alternatives a token.
    pub prompt_logprobs: Option<u32>,
    /// Whether the answer begins with the prompt.
    pub echo: bool,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether a stream ends with a usage chunk.
    pub include_usage: bool,
    /// The form of the answer.
    pub response_format: ResponseFormat,
}

impl CompletionRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 with the field at fault; `suffix` is not supported.
    pub fn read(body: &[u8]) -> Result<Self, ApiError> {
        let fields = Fields::of_body(body)?;
        fields.refuse(&["suffix"], "This model does not fill in the middle.")?;
        let echo = fields.flag("echo")?;
        let n = fields.integer("n", 1, 128)?.unwrap_or(1);
        let best_of = fields.integer("best_of", 1, 128)?.unwrap_or(n);
        if best_of < n {
            return Err(wrong_value("best_of".into(), "an integer of at least `n`"));
        }
        let stream = fields.flag("stream")?;
        if stream && best_of > n {
            return Err(wrong_value(
                "best_of".into(),
                "no more than `n` in a stream",
            ));
        }
        Ok(Self {
            model: fields.need("model", "a string")?,
            prompts: prompts(&fields)?,
            sampling: Sampling::read(&fields)?,
            max_tokens: fields
                .integer("max_tokens", u32::from(!echo), u32::MAX)?
                .unwrap_or(16),
            n,
            best_of,
            logprobs: fields.integer("logprobs", 0, 1000)?,
            prompt_logprobs: fields.integer("prompt_logprobs", 0, 1000)?,
            echo,
            stream,
            include_usage: include_usage(&fields)?,
            response_format: ResponseFormat::read(&fields)?,
        })
    }
}

fn prompts(fields: &Fields<'_>) -> Result<Vec<Prompt>, ApiError> {
    const EXPECTED: &str =
        "a string, a list of strings, a list of token ids, or a list of lists of token ids";
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Any {
        Text(String),
        Texts(Vec<String>),
        Tokens(Vec<u32>),
        Batch(Vec<Vec<u32>>),
    }
    let prompts = match fields.need::<Any>("prompt", EXPECTED)? {
        Any::Text(text) => vec![Prompt::Text(text)],
        Any::Texts(texts) => texts.into_iter().map(Prompt::Text).collect(),
        Any::Tokens(ids) => vec![Prompt::Tokens(ids)],
        Any::Batch(batch) => batch.into_iter().map(Prompt::Tokens).collect(),
    };
    if prompts.is_empty() {
        return Err(wrong_type("prompt".into(), EXPECTED));
    }
    Ok(prompts)
}
