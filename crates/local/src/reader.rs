//! From a request's bytes to what the scheduler runs: parsing, what this model can't do, tokens,
//! and the limits of the context. Everything a client can get wrong is found here, before the
//! request costs the model anything.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use lm::{Chat, Date, Grammar, Limits, Model, Specials, Writer};
use record::{Endpoint, Reason, Time};
use upstream::Ask;
use wire::ApiError;
use wire::openai::{ChatMessage, ChatRequest, CompletionRequest, Sampling};

use crate::bounds::{self, Bounds, empty, unknown_token};
use crate::chat::{self, ChatTeller};
use crate::completion::{self, CompletionTeller};
use crate::forms::Forms;
use crate::job;
use crate::options::Options;
use crate::teller::{About, Teller};

/// Reads requests for one model.
pub(crate) struct Reader {
    model: Arc<Model>,
    fingerprint: Arc<str>,
    /// The digest of the model's weights, as scores tell it.
    revision: String,
    bounds: Bounds,
    forms: Forms,
    /// The path of plain answers.
    sampling: lm::Path,
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
            .update(env!("CARGO_PKG_VERSION").as_bytes())
            .update(&[u8::from(options.sampling == lm::Path::Fast)]);
        let hex = hasher.finalize().to_hex();
        Self {
            bounds: Bounds::new(&model, options),
            sampling: options.sampling,
            forms: Forms::new(Arc::clone(model.tokenizer())),
            model,
            fingerprint: format!("fp_{}", &hex[..10]).into(),
            revision: format!("blake3:{}", blake3::Hash::from_bytes(digest).to_hex()),
        }
    }

    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(crate) fn revision(&self) -> &str {
        &self.revision
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Reads a request.
    pub(crate) fn read(&self, ask: &Ask, now: Time, random: &dyn Fn() -> u64) -> Read<Plan> {
        let mut plan = match ask.endpoint {
            Endpoint::Chat => self.chat(ChatRequest::read(&ask.body)?, now, random),
            Endpoint::Completions => {
                self.completion(CompletionRequest::read(&ask.body)?, now, random)
            }
            _ => Err(ApiError::of(Reason::EndpointNotSupported)),
        }?;
        for prompt in &mut plan.prompts {
            prompt.account = ask.account;
        }
        Ok(plan)
    }

    /// Counts the tokens of a chat request's prompt.
    pub(crate) fn count(&self, ask: &Ask, now: Time) -> Read<u64> {
        let request = ChatRequest::read(&ask.body)?;
        Ok(self.chat_tokens(&request.messages, now)?.len() as u64)
    }

    fn chat(&self, request: ChatRequest, now: Time, random: &dyn Fn() -> u64) -> Read<Plan> {
        bounds::check_chat(&request)?;
        let tokens = self.chat_tokens(&request.messages, now)?;
        let limit = request.max_tokens.map(|limit| limit as usize);
        let n = request.n as usize;
        let writing = Writing {
            sampling: &request.sampling,
            max_tokens: self.bounds.fit("messages", tokens.len(), limit)?,
            alternatives: request.logprobs,
            tokens: &tokens,
            form: self.forms.read(&request.response_format)?,
        };
        let top = request.prompt_logprobs.map(|top| top as usize);
        bounds::check_values(tokens.len(), top)?;
        let answers = self.writers(&writing, random, 0..n)?;
        let scored = request.logprobs.is_some() || top.is_some();
        let score = top.map(|top| job::Score {
            temperature: told_at(&request.sampling),
            ..job::Score::all(top)
        });
        let wanted = chat::Wanted {
            n,
            logprobs: request.logprobs.map(|top| top as usize),
            prompt_logprobs: top,
            stream: request.stream,
            include_usage: request.include_usage,
            stop: request.sampling.stop.clone(),
        };
        let about = self.about("chatcmpl", request.model, now, random);
        let teller = Box::new(ChatTeller::new(about, tokens.clone(), wanted));
        let prompts = vec![job::Prompt {
            index: 0,
            tokens,
            score,
            path: self.path(scored),
            account: None,
            answers,
        }];
        Ok(Plan {
            prompts,
            parts: 1 + n,
            teller,
        })
    }

    fn completion(
        &self,
        request: CompletionRequest,
        now: Time,
        random: &dyn Fn() -> u64,
    ) -> Read<Plan> {
        bounds::check_completion(&request)?;
        let each = request.best_of as usize;
        let echoed = request.logprobs.filter(|_| request.echo);
        let only_scores = request.max_tokens == 0;
        let score = request.prompt_logprobs.max(echoed);
        let score = score.or(only_scores.then_some(0)).map(|top| top as usize);
        let told_at = request
            .prompt_logprobs
            .and_then(|_| told_at(&request.sampling));
        let score = score.map(|top| job::Score {
            temperature: told_at,
            ..job::Score::all(top)
        });
        let form = self.forms.read(&request.response_format)?;
        // The best are chosen by their log-probabilities.
        let chosen = request.best_of > request.n;
        let scored = request.logprobs.is_some() || score.is_some() || chosen;
        let mut prompts = Vec::with_capacity(request.prompts.len());
        let mut read = 0;
        for (index, prompt) in request.prompts.iter().enumerate() {
            let tokens = self.prompt_tokens(prompt)?;
            read += tokens.len();
            bounds::check_values(read, score.as_ref().map(|score| score.top))?;
            let limit = Some(request.max_tokens as usize);
            let writing = Writing {
                sampling: &request.sampling,
                max_tokens: self.bounds.fit("prompt", tokens.len(), limit)?,
                alternatives: request.logprobs,
                tokens: &tokens,
                form: form.clone(),
            };
            let first = index * each;
            let last = if only_scores { first } else { first + each };
            let answers = self.writers(&writing, random, first..last)?;
            prompts.push(job::Prompt {
                index,
                tokens,
                score: score.clone(),
                path: self.path(scored),
                account: None,
                answers,
            });
        }
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
        let tokens = prompts.iter().map(|prompt| prompt.tokens.clone()).collect();
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

    /// How a request is computed: exactly where anything of it is told as a number.
    fn path(&self, scored: bool) -> lm::Path {
        if scored {
            lm::Path::Exact
        } else {
            self.sampling
        }
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
        let bytes = messages.iter().map(|message| message.content.len()).sum();
        self.bounds.check_text("messages", bytes)?;
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
            wire::openai::Prompt::Text(text) => {
                self.bounds.check_text("prompt", text.len())?;
                tokenizer.encode(text, Specials::Text)
            }
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

    /// The writers of a prompt's answers, by the answers' numbers. Where there is a seed, a prompt
    /// gets the same answers alone and in a batch: the first has the seed itself, the others ones
    /// made from it.
    fn writers(
        &self,
        writing: &Writing<'_>,
        random: &dyn Fn() -> u64,
        numbers: Range<usize>,
    ) -> Read<Vec<(usize, Writer)>> {
        /// An odd constant (2^64 over the golden ratio) keeps the seeds of answers apart.
        const APART: u64 = 0x9E37_79B9_7F4A_7C15;
        let seed = writing
            .sampling
            .seed
            .map_or_else(random, i64::cast_unsigned);
        let seeds = (0..).map(|i: u64| seed.wrapping_add(i.wrapping_mul(APART)));
        numbers
            .zip(seeds)
            .map(|(number, seed)| Ok((number, self.writer(writing, seed)?)))
            .collect()
    }

    fn writer(&self, writing: &Writing<'_>, seed: u64) -> Read<Writer> {
        let asked = writing.sampling;
        let sampling = lm::Sampling {
            temperature: asked.temperature.unwrap_or(1.0) as f32,
            // What is above 0 stays so.
            top_p: (asked.top_p.unwrap_or(1.0) as f32).max(f32::MIN_POSITIVE),
            top_k: asked.top_k.unwrap_or(0) as usize,
            min_p: asked.min_p.unwrap_or(0.0) as f32,
            repetition_penalty: (asked.repetition_penalty.unwrap_or(1.0) as f32)
                .max(f32::MIN_POSITIVE),
            seed,
            logit_bias: asked
                .logit_bias
                .iter()
                .map(|&(id, bias)| (id, bias as f32))
                .collect(),
            presence_penalty: asked.presence_penalty as f32,
            frequency_penalty: asked.frequency_penalty as f32,
            top_logprobs: writing.alternatives.unwrap_or(0) as usize,
            watermark: None,
        };
        let limits = Limits {
            max_tokens: writing.max_tokens,
            stop: asked.stop.clone(),
            ignore_end: false,
        };
        let writer = Writer::new(Arc::clone(self.model.tokenizer()), sampling, limits);
        let mut writer = writer.map_err(|error| match &error {
            lm::Error::UnknownToken { .. } => unknown_token("logit_bias", &error),
            _ => ApiError::of(Reason::InvalidRequest).with_message(error.to_string()),
        })?;
        writer.prompt(writing.tokens);
        if let Some(form) = &writing.form {
            writer.constrain(form.clone());
        }
        Ok(writer)
    }
}

/// The temperature at which `prompt_logprobs` are told: the request's own, as by a vLLM server
/// with `--logprobs-mode processed_logprobs`, which trainers ask for. 0 stands for no sampling at
/// all, where there is nothing to divide by.
fn told_at(sampling: &Sampling) -> Option<f32> {
    let temperature = sampling.temperature.map(|t| t as f32);
    temperature.filter(|&t| t > 0.0 && t != 1.0)
}

/// How the answers to one prompt are written.
struct Writing<'a> {
    sampling: &'a Sampling,
    max_tokens: usize,
    alternatives: Option<u32>,
    /// The prompt.
    tokens: &'a [u32],
    form: Option<Grammar>,
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
