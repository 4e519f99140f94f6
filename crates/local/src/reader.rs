//! From a request's bytes to what the scheduler runs: parsing, what this model can't do, tokens,
//! and the limits of the context. Everything a client can get wrong is found here, before the
//! request costs the model anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use lm::{Chat, Date, Limits, Model, Specials, Writer};
use record::{Endpoint, Reason, Time};
use upstream::Ask;
use wire::ApiError;
use wire::openai::{ChatMessage, ChatRequest, CompletionRequest, ResponseFormat, Sampling};

use crate::chat::{self, ChatTeller};
use crate::completion::{self, CompletionTeller};
use crate::job;
use crate::options::Options;
use crate::teller::{About, Teller};

/// Most answers to one prompt.
const MOST_PER_PROMPT: u32 = 16;
/// Most answers of one request, over all of its prompts.
const MOST_ANSWERS: usize = 1024;
/// Most alternatives with a log-probability.
const MOST_ALTERNATIVES: u32 = 20;
/// Most stop strings.
const MOST_STOPS: usize = 4;

/// Reads requests for one model.
pub(crate) struct Reader {
    model: Arc<Model>,
    fingerprint: Arc<str>,
    default_output: usize,
    max_output: usize,
}

/// A request that can be answered.
pub(crate) struct Plan {
    pub(crate) prompts: Vec<job::Prompt>,
    /// Prompts and answers.
    pub(crate) parts: usize,
    pub(crate) teller: Box<dyn Teller>,
}

type Read<T> = Result<T, ApiError>;

impl Reader {
    pub(crate) fn new(model: Arc<Model>, digest: [u8; 32], options: &Options) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&digest)
            .update(env!("CARGO_PKG_VERSION").as_bytes());
        let hex = hasher.finalize().to_hex();
        Self {
            model,
            fingerprint: format!("fp_{}", &hex[..10]).into(),
            default_output: options.default_output,
            max_output: options.max_output,
        }
    }

    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Reads a request.
    pub(crate) fn read(&self, ask: &Ask, now: Time, random: &dyn Fn() -> u64) -> Read<Plan> {
        match ask.endpoint {
            Endpoint::Chat => self.chat(ChatRequest::read(&ask.body)?, now, random),
            Endpoint::Completions => {
                self.completion(CompletionRequest::read(&ask.body)?, now, random)
            }
            _ => Err(ApiError::of(Reason::EndpointNotSupported)),
        }
    }

    /// Counts the tokens of a chat request's prompt.
    pub(crate) fn count(&self, ask: &Ask, now: Time) -> Read<u64> {
        let request = ChatRequest::read(&ask.body)?;
        Ok(self.chat_tokens(&request.messages, now)?.len() as u64)
    }

    fn chat(&self, request: ChatRequest, now: Time, random: &dyn Fn() -> u64) -> Read<Plan> {
        if request.tools {
            return Err(ApiError::unsupported(
                "tools",
                "This model does not use tools.",
            ));
        }
        if request.response_format != ResponseFormat::Text {
            let message = "This model answers with plain text only.";
            return Err(ApiError::unsupported("response_format", message));
        }
        at_most("n", request.n, MOST_PER_PROMPT)?;
        at_most(
            "top_logprobs",
            request.logprobs.unwrap_or(0),
            MOST_ALTERNATIVES,
        )?;
        at_most(
            "prompt_logprobs",
            request.prompt_logprobs.unwrap_or(0),
            MOST_ALTERNATIVES,
        )?;
        let tokens = self.chat_tokens(&request.messages, now)?;
        let limit = request.max_tokens.map(|limit| limit as usize);
        let max_tokens = self.fit("messages", "max_tokens", tokens.len(), limit)?;
        let seed = request
            .sampling
            .seed
            .map_or_else(random, i64::cast_unsigned);
        let asked = Asked {
            sampling: &request.sampling,
            max_tokens,
            alternatives: request.logprobs,
        };
        let answers = (0..request.n as usize).map(|i| Ok((i, self.writer(&asked, seed, i)?)));
        let prompt = job::Prompt {
            index: 0,
            score: request.prompt_logprobs.map(|top| top as usize),
            answers: answers.collect::<Read<_>>()?,
            tokens,
        };
        let wanted = chat::Wanted {
            n: request.n as usize,
            logprobs: request.logprobs.map(|top| top as usize),
            prompt_logprobs: prompt.score,
            stream: request.stream,
            include_usage: request.include_usage,
        };
        let about = self.about("chatcmpl", request.model, now, random);
        let teller = Box::new(ChatTeller::new(about, prompt.tokens.clone(), wanted));
        Ok(Plan {
            prompts: vec![prompt],
            parts: 1 + request.n as usize,
            teller,
        })
    }

    fn completion(
        &self,
        request: CompletionRequest,
        now: Time,
        random: &dyn Fn() -> u64,
    ) -> Read<Plan> {
        at_most("n", request.n, MOST_PER_PROMPT)?;
        at_most("best_of", request.best_of, MOST_PER_PROMPT)?;
        at_most("logprobs", request.logprobs.unwrap_or(0), MOST_ALTERNATIVES)?;
        at_most(
            "prompt_logprobs",
            request.prompt_logprobs.unwrap_or(0),
            MOST_ALTERNATIVES,
        )?;
        let each = request.best_of as usize;
        if request.prompts.len().saturating_mul(each) > MOST_ANSWERS {
            let message = format!("At most {MOST_ANSWERS} answers can be asked for at once.");
            return Err(ApiError::invalid("prompt", "invalid_value", message));
        }
        let echoed = request.logprobs.filter(|_| request.echo);
        let only_scores = request.max_tokens == 0;
        let score = request
            .prompt_logprobs
            .max(echoed)
            .or(only_scores.then_some(0));
        let mut prompts = Vec::with_capacity(request.prompts.len());
        for (index, prompt) in request.prompts.iter().enumerate() {
            let tokens = self.prompt_tokens(prompt)?;
            let limit = Some(request.max_tokens as usize);
            let max_tokens = self.fit("prompt", "max_tokens", tokens.len(), limit)?;
            // A prompt gets the same answer alone and in a batch, where there is a seed.
            let seed = request
                .sampling
                .seed
                .map_or_else(random, i64::cast_unsigned);
            let asked = Asked {
                sampling: &request.sampling,
                max_tokens,
                alternatives: request.logprobs,
            };
            let wanted = if only_scores { 0 } else { each };
            let answers = (0..wanted)
                .map(|i| Ok((index * each + i, self.writer(&asked, seed, i)?)))
                .collect::<Read<_>>()?;
            let score = score.map(|top| top as usize);
            prompts.push(job::Prompt {
                index,
                tokens,
                score,
                answers,
            });
        }
        let tokens: Vec<Vec<u32>> = prompts.iter().map(|prompt| prompt.tokens.clone()).collect();
        let wanted = completion::Wanted {
            n: request.n as usize,
            best_of: each,
            logprobs: request.logprobs.map(|top| top as usize),
            prompt_logprobs: request.prompt_logprobs.map(|top| top as usize),
            echo: request.echo,
            only_scores,
            stream: request.stream,
            include_usage: request.include_usage,
        };
        let about = self.about("cmpl", request.model, now, random);
        let teller = Box::new(CompletionTeller::new(
            about,
            request.prompts,
            tokens,
            wanted,
        ));
        let parts = prompts.len() * (1 + each);
        Ok(Plan {
            prompts,
            parts,
            teller,
        })
    }

    fn about(&self, prefix: &str, model: String, now: Time, random: &dyn Fn() -> u64) -> About {
        About {
            id: format!("{prefix}-{:016x}{:016x}", random(), random()),
            created: now,
            model,
            fingerprint: Arc::clone(&self.fingerprint),
            tokenizer: Arc::clone(self.model.tokenizer()),
        }
    }

    /// The conversation by the model's own template.
    fn chat_tokens(&self, messages: &[ChatMessage], now: Time) -> Read<Vec<u32>> {
        let messages: Vec<BTreeMap<&str, &str>> = messages
            .iter()
            .map(|m| BTreeMap::from([("role", m.role.name()), ("content", m.content.as_str())]))
            .collect();
        let encoded =
            Chat::new(&messages).and_then(|chat| self.model.encode_chat(&chat.date(date(now))));
        let refused = |error: lm::Error| {
            let message = format!("The messages don't suit this model: {error}.");
            ApiError::invalid("messages", "invalid_value", message)
        };
        match encoded.map_err(refused)? {
            tokens if tokens.is_empty() => Err(empty("messages")),
            tokens => Ok(tokens),
        }
    }

    /// A completion's prompt: text as it is, or token ids as they are.
    fn prompt_tokens(&self, prompt: &wire::openai::Prompt) -> Read<Vec<u32>> {
        let tokenizer = self.model.tokenizer();
        let tokens = match prompt {
            wire::openai::Prompt::Text(text) if text.is_empty() => return Err(empty("prompt")),
            wire::openai::Prompt::Text(text) => tokenizer.encode(text, Specials::Text),
            wire::openai::Prompt::Tokens(tokens) => tokens.clone(),
        };
        if tokens.is_empty() {
            return Err(empty("prompt"));
        }
        tokenizer
            .check(&tokens)
            .map_err(|error| unknown_token("prompt", &error))?;
        Ok(tokens)
    }

    /// Most tokens of the answer: as asked, or what is left of the context.
    fn fit(
        &self,
        prompt: &'static str,
        limit: &'static str,
        tokens: usize,
        asked: Option<usize>,
    ) -> Read<usize> {
        let context = self.model.context();
        let least = asked.unwrap_or(1);
        if tokens.saturating_add(least) > context {
            let answer = match asked {
                Some(asked) => format!("{asked} in the answer asked for by '{limit}'"),
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
                let message = format!("'{limit}' is {asked}; this model answers up to {most}.");
                Err(ApiError::invalid(limit, "invalid_value", message))
            }
            Some(asked) => Ok(asked),
            None => Ok(self.default_output.min(context - tokens)),
        }
    }

    /// The writer of one answer; the first has the seed itself, the others ones made from it.
    fn writer(&self, asked: &Asked<'_>, seed: u64, answer: usize) -> Read<Writer> {
        /// An odd constant (2^64 over the golden ratio) keeps the seeds of answers apart.
        const APART: u64 = 0x9E37_79B9_7F4A_7C15;
        let wire = asked.sampling;
        refuse_unsupported(wire)?;
        let sampling = lm::Sampling {
            temperature: wire.temperature.unwrap_or(1.0) as f32,
            // What is above 0 stays so.
            top_p: (wire.top_p.unwrap_or(1.0) as f32).max(f32::MIN_POSITIVE),
            seed: seed.wrapping_add((answer as u64).wrapping_mul(APART)),
            logit_bias: wire
                .logit_bias
                .iter()
                .map(|&(id, bias)| (id, bias as f32))
                .collect(),
            presence_penalty: wire.presence_penalty as f32,
            frequency_penalty: wire.frequency_penalty as f32,
            top_logprobs: asked.alternatives.unwrap_or(0) as usize,
        };
        let limits = Limits {
            max_tokens: asked.max_tokens,
            stop: wire.stop.clone(),
            ignore_end: false,
        };
        let writer = Writer::new(Arc::clone(self.model.tokenizer()), sampling, limits);
        writer.map_err(|error| match &error {
            lm::Error::UnknownToken { .. } => unknown_token("logit_bias", &error),
            _ => ApiError::of(Reason::InvalidRequest).with_message(error.to_string()),
        })
    }
}

/// What the answers to one prompt have in common.
struct Asked<'a> {
    sampling: &'a Sampling,
    max_tokens: usize,
    alternatives: Option<u32>,
}

fn refuse_unsupported(sampling: &Sampling) -> Read<()> {
    if sampling.top_k.is_some() {
        return Err(ApiError::unsupported(
            "top_k",
            "This model samples by 'top_p' only.",
        ));
    }
    if sampling.min_p.is_some_and(|min_p| min_p > 0.0) {
        return Err(ApiError::unsupported(
            "min_p",
            "This model samples by 'top_p' only.",
        ));
    }
    if sampling.stop.len() > MOST_STOPS {
        let message = format!("Invalid value for 'stop': expected at most {MOST_STOPS} strings.");
        return Err(ApiError::invalid("stop", "invalid_value", message));
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

fn empty(name: &'static str) -> ApiError {
    let message = format!("'{name}' has no tokens: there is nothing to go on from.");
    ApiError::invalid(name, "invalid_value", message)
}

fn unknown_token(name: &'static str, error: &lm::Error) -> ApiError {
    ApiError::invalid(
        name,
        "invalid_value",
        format!("Invalid value for '{name}': {error}."),
    )
}

/// The day of a time, for templates that tell the model the date.
fn date(now: Time) -> Date {
    let text = record::time::day_text(now.day());
    let mut parts = text.split('-').map(|part| part.parse().unwrap_or(1));
    let mut next = || parts.next().unwrap_or(1);
    Date {
        year: next(),
        month: next() as u8,
        day: next() as u8,
    }
}
