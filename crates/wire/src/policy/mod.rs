//! What policy needs to know of a request's body, read in one pass, with the place of each field.
//! A body that two JSON readers could read differently is refused, so that what is judged here
//! is what the upstream reads. Nothing here changes a body.

mod field;
mod read;

use bytes::Bytes;
use record::{Capability, CapabilitySet, Endpoint};
use smallvec::SmallVec;

pub(crate) use self::field::Field;
pub(crate) use self::read::{INCLUDE_LOGPROBS, INCLUDE_REASONING};
use crate::error::ApiError;
use crate::json::Member;

/// A field that the body has, and where. Fields that are `null` are here too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) field: Field,
    pub(crate) member: Member,
}

pub(crate) type FoundFields = SmallVec<[Found; 8]>;

/// The policy fields of one request's body. `null` counts as absent, as in the APIs themselves.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The model asked for; never empty but on listed endpoints.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the client itself asked for the usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    /// The most tokens of one answer, by whichever field says the most; 0 only where a
    /// completion echoes its prompt.
    pub max_tokens: Option<u64>,
    /// Answers to each prompt (`n`), at least 1.
    pub n: u64,
    /// Answers made for each prompt, of which `n` are sent; at least 1.
    pub best_of: Option<u64>,
    /// Prompts in the body: more than 1 only for a batch of completions or embeddings.
    pub prompts: u64,
    /// Log-probabilities of the answer's tokens: how many alternatives a token.
    pub logprobs: Option<u64>,
    /// Log-probabilities of the prompt's tokens: how many alternatives a token.
    pub prompt_logprobs: Option<u64>,
    /// Whether a completion repeats its prompt.
    pub echo: bool,
    /// Whether `logit_bias` has entries.
    pub logit_bias: bool,
    /// Whether `store` is a literal `true`.
    pub store: bool,
    /// Whether reasoning is asked for: its text, a summary, its encrypted form or an effort.
    pub reasoning: bool,
    /// Whether tools are offered to the model.
    pub tools: bool,
    /// The client's own name of its user (`user`; `metadata.user_id` of Messages).
    pub user: Option<String>,
    /// `previous_response_id` of the Responses API.
    pub previous_response_id: Option<String>,
    body: Bytes,
    /// The endpoint's own token limit, if it has one.
    own_max: Option<Field>,
    stream_options: bool,
    fields: FoundFields,
}

impl Policy {
    /// Reads the body of a request to this endpoint.
    ///
    /// # Errors
    /// 400 with a code (`invalid_json`, `duplicate_key`, `invalid_type`, `invalid_value`,
    /// `missing_required_parameter`) and the field at fault. It is always the client's fault.
    pub fn read(endpoint: &Endpoint, body: &Bytes) -> Result<Self, ApiError> {
        read::read(endpoint, body)
    }

    /// The body that was read.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The name of the endpoint's own token limit, for messages about it.
    pub fn max_tokens_name(&self) -> Option<&'static str> {
        self.own_max.map(Field::name)
    }

    /// The most tokens that all answers together may have, where one may have `cap` at most.
    pub fn worst_output(&self, cap: u64) -> u64 {
        let one = self.max_tokens.unwrap_or(cap).min(cap);
        let answers = self.n.max(self.best_of.unwrap_or(1));
        one.saturating_mul(answers).saturating_mul(self.prompts)
    }

    /// The first thing that the body asks for and this set does not give, with the field's name.
    pub fn beyond(&self, set: &CapabilitySet) -> Option<(Capability, &'static str)> {
        let over = |asked: Option<u64>| {
            asked.is_some_and(|asked| set.top_logprobs.is_none_or(|most| asked > u64::from(most)))
        };
        let asked = [
            (Capability::LogProbabilities, over(self.logprobs)),
            (
                Capability::PromptLogProbabilities,
                over(self.prompt_logprobs)
                    || (self.prompt_logprobs.is_some() && !set.prompt_logprobs),
            ),
            (
                Capability::ManyAnswers,
                self.n.max(self.best_of.unwrap_or(1)) > u64::from(set.max_n),
            ),
            (Capability::LogitBias, self.logit_bias && !set.logit_bias),
            (Capability::Reasoning, self.reasoning && !set.reasoning),
        ];
        let (capability, _) = asked.into_iter().find(|(_, beyond)| *beyond)?;
        Some((capability, self.param(capability)))
    }

    /// The field by which the body asks for this capability.
    fn param(&self, capability: Capability) -> &'static str {
        let has = |found: &&Found| found.field.capability() == Some(capability);
        let named = self
            .fields
            .iter()
            .rfind(has)
            .map(|found| found.field.name());
        named.unwrap_or(match capability {
            Capability::PromptLogProbabilities => "echo",
            _ => "include",
        })
    }

    pub(crate) fn found(&self) -> &[Found] {
        &self.fields
    }

    pub(crate) fn find(&self, field: Field) -> Option<Member> {
        let mut found = self.fields.iter();
        found
            .find(|found| found.field == field)
            .map(|found| found.member)
    }

    pub(crate) const fn own_max(&self) -> Option<Field> {
        self.own_max
    }

    /// Whether the endpoint has `stream_options.include_usage`.
    pub(crate) const fn has_stream_options(&self) -> bool {
        self.stream_options
    }

    /// The body as text; it was checked when it was read.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
