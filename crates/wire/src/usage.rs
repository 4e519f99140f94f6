//! The usage that an upstream states in its answer, in each API's words. What is missing or
//! can't be read is `None`, never zero.

use record::{Endpoint, Usage, UsageSource};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// The usage stated in a whole answer of this endpoint.
///
/// # Errors
/// `Error::Answer` if the body is not a JSON object: the upstream answered rubbish.
pub fn read(endpoint: &Endpoint, body: &[u8]) -> Result<Option<Usage>, Error> {
    // A list would be read as a struct's fields in order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::Answer("not a JSON object".into()));
    }
    let whole: Whole<'_> = serde_json::from_slice(body).map_err(|error| {
        Error::Answer(format!(
            "not a JSON object (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    if matches!(endpoint, Endpoint::CountTokens | Endpoint::Models) {
        return Ok(None);
    }
    Ok(whole
        .usage
        .and_then(|raw| Stated::read(raw).usage(*endpoint == Endpoint::Embeddings)))
}

/// The number in an answer of `count_tokens`.
///
/// # Errors
/// `Error::Answer` if there is none.
pub fn counted(body: &[u8]) -> Result<u64, Error> {
    #[derive(Deserialize)]
    struct Count {
        input_tokens: u64,
    }
    serde_json::from_slice::<Count>(body)
        .map(|count| count.input_tokens)
        .map_err(|_| Error::Answer("no `input_tokens`".into()))
}

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// The numbers of a usage object, whichever API's; later ones of a stream replace earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Stated {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    thinking_tokens: Option<u64>,
}

impl Stated {
    /// What can't be read states nothing.
    pub(crate) fn read(raw: &RawValue) -> Self {
        let object = Some(raw.get()).filter(|text| text.starts_with('{'));
        object
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    pub(crate) fn read_value(value: &serde_json::Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }

    /// These numbers, and where they say nothing the earlier ones (Anthropic states the input
    /// at a stream's start and the output at its end).
    pub(crate) fn after(self, earlier: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.or(earlier.prompt_tokens),
            completion_tokens: self.completion_tokens.or(earlier.completion_tokens),
            prompt_tokens_details: self.prompt_tokens_details.or(earlier.prompt_tokens_details),
            completion_tokens_details: self
                .completion_tokens_details
                .or(earlier.completion_tokens_details),
            input_tokens: self.input_tokens.or(earlier.input_tokens),
            output_tokens: self.output_tokens.or(earlier.output_tokens),
            input_tokens_details: self.input_tokens_details.or(earlier.input_tokens_details),
            output_tokens_details: self.output_tokens_details.or(earlier.output_tokens_details),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .or(earlier.cache_creation_input_tokens),
            cache_read_input_tokens: self
                .cache_read_input_tokens
                .or(earlier.cache_read_input_tokens),
        }
    }

    /// As a usage, if input and output are stated; embeddings have no output.
    pub(crate) fn usage(self, no_output: bool) -> Option<Usage> {
        let output = self.completion_tokens.or(self.output_tokens);
        let output = output.or(no_output.then_some(0))?;
        let input_details = self.prompt_tokens_details.or(self.input_tokens_details);
        let cached = input_details.and_then(|details| details.cached_tokens);
        let (input, cached) = match (self.prompt_tokens, self.input_tokens) {
            (Some(input), _) => (input, cached),
            // Anthropic's `input_tokens` are those that the cache had no part in.
            (None, Some(input)) => {
                let read = self.cache_read_input_tokens;
                let written = self.cache_creation_input_tokens.unwrap_or(0);
                let all = input
                    .saturating_add(read.unwrap_or(0))
                    .saturating_add(written);
                (all, read.or(cached))
            }
            (None, None) => return None,
        };
        let details = self
            .completion_tokens_details
            .or(self.output_tokens_details);
        let reasoning = details.and_then(|d| d.reasoning_tokens.or(d.thinking_tokens));
        Some(Usage {
            input,
            cached_input: cached.unwrap_or(0).min(input),
            output,
            reasoning: reasoning.unwrap_or(0).min(output),
            source: UsageSource::Upstream,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(endpoint: &Endpoint, body: &str) -> Option<[u64; 4]> {
        let usage = read(endpoint, body.as_bytes()).unwrap()?;
        assert_eq!(usage.source, UsageSource::Upstream);
        Some([
            usage.input,
            usage.cached_input,
            usage.output,
            usage.reasoning,
        ])
    }

    #[test]
    fn every_api_is_understood() {
        for (endpoint, body, expected) in [
            (
                Endpoint::Chat,
                r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,
                "prompt_tokens_details":{"cached_tokens":3,"audio_tokens":0},
                "completion_tokens_details":{"reasoning_tokens":2}}}"#,
                [9, 3, 4, 2],
            ),
            (
                Endpoint::Chat,
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":null}}"#,
                [9, 0, 4, 0],
            ),
            (
                Endpoint::Embeddings,
                r#"{"usage":{"prompt_tokens":9,"total_tokens":9}}"#,
                [9, 0, 0, 0],
            ),
            (
                Endpoint::Responses,
                r#"{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":1},
                "output_tokens":4,"output_tokens_details":{"reasoning_tokens":3}}}"#,
                [9, 1, 4, 3],
            ),
            (
                Endpoint::Messages,
                r#"{"usage":{"input_tokens":9,"cache_creation_input_tokens":20,
                "cache_read_input_tokens":30,"output_tokens":4}}"#,
                [59, 30, 4, 0],
            ),
            (
                Endpoint::Messages,
                r#"{"usage":{"input_tokens":9,"cache_creation_input_tokens":null,"output_tokens":4}}"#,
                [9, 0, 4, 0],
            ),
        ] {
            assert_eq!(usage(&endpoint, body), Some(expected), "{body}");
        }
    }

    #[test]
    fn missing_is_none() {
        for body in [
            "{}",
            r#"{"usage":null}"#,
            r#"{"usage":{}}"#,
            r#"{"usage":{"prompt_tokens":5}}"#,
            r#"{"usage":{"completion_tokens":5}}"#,
            r#"{"usage":{"prompt_tokens":-1,"completion_tokens":5}}"#,
            r#"{"usage":"many"}"#,
            r#"{"usage":[1,2]}"#,
        ] {
            assert_eq!(usage(&Endpoint::Chat, body), None, "{body}");
        }
        assert!(read(&Endpoint::Chat, b"<html>").is_err());
        assert!(read(&Endpoint::Chat, b"[1]").is_err());
        assert_eq!(counted(br#"{"input_tokens":7}"#), Ok(7));
        assert!(counted(b"{}").is_err());
    }

    #[test]
    fn more_cached_than_read_is_not_believed() {
        let body = r#"{"usage":{"prompt_tokens":1,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":5}}}"#;
        assert_eq!(usage(&Endpoint::Chat, body), Some([1, 1, 1, 0]));
    }
}
