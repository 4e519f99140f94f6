//! What a request may ask for at most: of the context, and of everything that costs. Each refusal
//! names the field at fault.

use lm::Model;
use record::Reason;
use wire::ApiError;
use wire::openai::{ChatRequest, CompletionRequest, Sampling};

use crate::options::Options;

/// Most answers to one prompt.
const MOST_PER_PROMPT: u32 = 16;
/// Most answers of one request, over all of its prompts.
const MOST_ANSWERS: usize = 1024;
/// Most alternatives of an answer's token; of a prompt's the format itself has 1000.
const MOST_ALTERNATIVES: u32 = 20;
/// Most log-probabilities of a request's prompts: tokens times alternatives.
const MOST_VALUES: usize = 2_000_000;
/// Most stop strings.
const MOST_STOPS: usize = 4;
/// Most bytes of a stop string.
const LONGEST_STOP: usize = 1024;
/// Most tokens with a bias.
const MOST_BIASES: usize = 1024;

/// What the context and the settings allow.
pub(crate) struct Bounds {
    context: usize,
    default_output: usize,
    max_output: usize,
    /// Bytes of the longest token.
    longest: usize,
}

type Read<T> = Result<T, ApiError>;

impl Bounds {
    pub(crate) fn new(model: &Model, options: &Options) -> Self {
        let tokenizer = model.tokenizer();
        let lengths = (0..tokenizer.vocabulary() as u32).map(|id| tokenizer.bytes(id).len());
        Self {
            context: model.context(),
            default_output: options.default_output,
            max_output: options.max_output,
            longest: lengths.max().unwrap_or(1),
        }
    }

    /// Refuses a text that is longer than the context however it is cut into tokens, before it
    /// costs the tokenizer anything.
    pub(crate) fn check_text(&self, prompt: &'static str, bytes: usize) -> Read<()> {
        /// Normalisation may shorten a text, by less than this.
        const NORMALISED: usize = 4;
        let least = bytes / self.longest.max(1) / NORMALISED;
        if least > self.context {
            let message = format!(
                "This model's maximum context length is {} tokens. However, '{prompt}' has more \
                 than {least}. Shorten it.",
                self.context
            );
            let error = ApiError::of(Reason::ContextLengthExceeded);
            return Err(error.with_param(prompt).with_message(message));
        }
        Ok(())
    }

    /// Most tokens of the answer: as asked, or what is left of the context.
    pub(crate) fn fit(
        &self,
        prompt: &'static str,
        tokens: usize,
        asked: Option<usize>,
    ) -> Read<usize> {
        let context = self.context;
        let least = asked.unwrap_or(1);
        if tokens.saturating_add(least) > context {
            let answer = match asked {
                Some(asked) => format!("{asked} in the answer asked for by 'max_tokens'"),
                None => "at least 1 in the answer".to_owned(),
            };
            let message = format!(
                "This model's maximum context length is {context} tokens. However, {} were \
                 requested: {tokens} in '{prompt}' and {answer}. Shorten either.",
                tokens.saturating_add(least)
            );
            let error = ApiError::of(Reason::ContextLengthExceeded);
            return Err(error.with_param(prompt).with_message(message));
        }
        match asked {
            Some(asked) if asked > self.max_output => {
                let most = self.max_output;
                let message = format!("'max_tokens' is {asked}; this model answers up to {most}.");
                Err(ApiError::invalid("max_tokens", "invalid_value", message))
            }
            Some(asked) => Ok(asked),
            None => Ok(self.default_output.min(context - tokens)),
        }
    }
}

/// Checks what of a chat does not depend on its tokens.
pub(crate) fn check_chat(request: &ChatRequest) -> Read<()> {
    if request.tools {
        let message = "This model does not use tools.";
        return Err(ApiError::unsupported("tools", message));
    }
    at_most("n", request.n, MOST_PER_PROMPT)?;
    at_most(
        "top_logprobs",
        request.logprobs.unwrap_or(0),
        MOST_ALTERNATIVES,
    )?;
    check_sampling(&request.sampling)
}

/// Checks what of a completion does not depend on its tokens.
pub(crate) fn check_completion(request: &CompletionRequest) -> Read<()> {
    at_most("n", request.n, MOST_PER_PROMPT)?;
    at_most("best_of", request.best_of, MOST_PER_PROMPT)?;
    at_most("logprobs", request.logprobs.unwrap_or(0), MOST_ALTERNATIVES)?;
    if request
        .prompts
        .len()
        .saturating_mul(request.best_of as usize)
        > MOST_ANSWERS
    {
        let message = format!("At most {MOST_ANSWERS} answers can be asked for at once.");
        return Err(ApiError::invalid("prompt", "invalid_value", message));
    }
    check_sampling(&request.sampling)
}

/// Refuses more log-probabilities of prompts than fit in memory beside everything else.
pub(crate) fn check_values(tokens: usize, top: Option<usize>) -> Read<()> {
    let values = top.map_or(0, |top| tokens.saturating_mul(1 + top));
    if values <= MOST_VALUES {
        return Ok(());
    }
    let message = format!(
        "'prompt_logprobs' asks for {values} log-probabilities; at most {MOST_VALUES} are told at \
         once. Send fewer prompts, or ask for fewer alternatives."
    );
    Err(ApiError::invalid(
        "prompt_logprobs",
        "invalid_value",
        message,
    ))
}

/// Each answer has a copy of its stop strings and biases, so both are bounded.
fn check_sampling(sampling: &Sampling) -> Read<()> {
    let too_long = |stop: &String| stop.len() > LONGEST_STOP;
    if sampling.stop.len() > MOST_STOPS || sampling.stop.iter().any(too_long) {
        let message = format!(
            "Invalid value for 'stop': expected at most {MOST_STOPS} strings of up to \
             {LONGEST_STOP} bytes."
        );
        return Err(ApiError::invalid("stop", "invalid_value", message));
    }
    if sampling.logit_bias.len() > MOST_BIASES {
        let message =
            format!("Invalid value for 'logit_bias': expected at most {MOST_BIASES} tokens.");
        return Err(ApiError::invalid("logit_bias", "invalid_value", message));
    }
    Ok(())
}

fn at_most(name: &'static str, value: u32, most: u32) -> Read<()> {
    if value > most {
        let message = format!("Invalid value for '{name}': {value} is more than {most}.");
        return Err(ApiError::invalid(name, "invalid_value", message));
    }
    Ok(())
}

/// A prompt without tokens.
pub(crate) fn empty(name: &'static str) -> ApiError {
    let message = format!("'{name}' has no tokens: there is nothing to go on from.");
    ApiError::invalid(name, "invalid_value", message)
}

/// A token that the vocabulary lacks.
pub(crate) fn unknown_token(name: &'static str, error: &lm::Error) -> ApiError {
    ApiError::invalid(
        name,
        "invalid_value",
        format!("Invalid value for '{name}': {error}."),
    )
}
