//! Tells the answers to completions: each prompt's stand together, and with `echo` each begins
//! with its prompt. The scores of a prompt are those of its own tokens, each at its own place.

use std::sync::Arc;

use bytes::BytesMut;
use lm::{Detokenizer, Scored, Tokenizer};
use wire::openai::{
    CompletionAnswer, CompletionChoice, CompletionStream, DONE, Finish, Prompt, TokenLogprob,
};

use crate::choice::{Choice, Listed, Part, Whole};
use crate::job::Event;
use crate::teller::{About, Teller, usage};
use crate::tokens;

/// What the answers are to have.
pub(crate) struct Wanted {
    /// Answers to each prompt.
    pub(crate) n: usize,
    /// Answers to each prompt that are written, of which the likeliest `n` are told; in a stream
    /// there are not more.
    pub(crate) best_of: usize,
    /// Alternatives with each token of the answer, and of an echoed prompt.
    pub(crate) logprobs: Option<usize>,
    /// Alternatives with each token of the prompt, in vLLM's own field.
    pub(crate) prompt_logprobs: Option<usize>,
    pub(crate) echo: bool,
    /// Nothing is written: the prompts alone are scored.
    pub(crate) only_scores: bool,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

/// The teller of one request's completions.
pub(crate) struct CompletionTeller {
    about: About,
    wanted: Wanted,
    prompts: Vec<Asked>,
    answers: Vec<Answer>,
    unfinished: usize,
}

/// A prompt.
struct Asked {
    tokens: Vec<u32>,
    text: String,
    scores: Vec<Scored>,
}

struct Answer {
    choice: Choice,
    begun: bool,
    /// Characters of the tokens told so far.
    offset: u64,
    whole: Whole,
}

impl CompletionTeller {
    /// `tokens` are those of `prompts`, one by one.
    pub(crate) fn new(
        about: About,
        prompts: Vec<Prompt>,
        tokens: Vec<Vec<u32>>,
        wanted: Wanted,
    ) -> Self {
        let asked = |(prompt, tokens): (Prompt, Vec<u32>)| Asked {
            text: match prompt {
                Prompt::Text(text) => text,
                Prompt::Tokens(_) if wanted.echo => text_of(&about.tokenizer, &tokens),
                Prompt::Tokens(_) => String::new(),
            },
            tokens,
            scores: Vec::new(),
        };
        let prompts: Vec<Asked> = prompts.into_iter().zip(tokens).map(asked).collect();
        let answer = |_| Answer {
            choice: Choice::new(
                Arc::clone(&about.tokenizer),
                wanted.logprobs,
                Listed::Sampled,
            ),
            begun: false,
            offset: 0,
            whole: Whole::default(),
        };
        let answers = (0..prompts.len() * wanted.best_of)
            .map(answer)
            .collect::<Vec<_>>();
        let unfinished = if wanted.only_scores {
            prompts.len()
        } else {
            answers.len()
        };
        Self {
            about,
            wanted,
            prompts,
            answers,
            unfinished,
        }
    }

    /// The prompt's tokens with their scores and up to so many alternatives.
    fn scores(&self, prompt: usize, top: usize) -> Vec<TokenLogprob> {
        let asked = &self.prompts[prompt];
        tokens::prompt(&self.about.tokenizer, &asked.tokens, &asked.scores, top)
    }

    /// An answer's beginning: with `echo` the prompt.
    fn opening(&self, prompt: usize) -> Option<Part> {
        self.wanted.echo.then(|| Part {
            text: self.prompts[prompt].text.clone(),
            tokens: self.wanted.logprobs.map(|top| self.scores(prompt, top)),
            ..Part::default()
        })
    }

    /// Takes a part of an answer; its opening comes before the first.
    fn tell(&mut self, index: usize, part: Part, out: &mut BytesMut) {
        let prompt = index / self.wanted.best_of;
        if !std::mem::replace(&mut self.answers[index].begun, true) {
            if let (true, Some(top)) = (self.wanted.stream, self.wanted.prompt_logprobs) {
                let stream = CompletionStream {
                    head: self.about.head(),
                };
                let scores = self.scores(prompt, top);
                out.extend_from_slice(&stream.prompt(index as u32, &scores));
            }
            if let Some(opening) = self.opening(prompt) {
                self.add(index, opening, out);
            }
        }
        self.add(index, part, out);
    }

    fn add(&mut self, index: usize, part: Part, out: &mut BytesMut) {
        let answer = &mut self.answers[index];
        self.unfinished -= usize::from(part.finish.is_some() && !self.wanted.only_scores);
        if !self.wanted.stream {
            return answer.whole.add(part);
        }
        let stream = CompletionStream {
            head: self.about.head(),
        };
        let number = index as u32;
        if !part.is_empty() {
            let tokens = part.tokens.as_deref();
            out.extend_from_slice(&stream.text(number, &part.text, tokens, answer.offset));
            let characters = |token: &TokenLogprob| token.text.chars().count() as u64;
            answer.offset += tokens
                .unwrap_or_default()
                .iter()
                .map(characters)
                .sum::<u64>();
        }
        if let Some(finish) = part.finish {
            out.extend_from_slice(&stream.finish(number, finish));
        }
    }

    fn usage(&self) -> record::Usage {
        let input = self
            .prompts
            .iter()
            .map(|prompt| prompt.tokens.len() as u64)
            .sum();
        let output = self
            .answers
            .iter()
            .map(|answer| answer.choice.sampled())
            .sum();
        usage(input, output)
    }

    /// The likeliest `n` of each prompt's answers, the likeliest first where more were written.
    fn choices(&mut self) -> Vec<CompletionChoice> {
        let (n, best_of) = (self.wanted.n, self.wanted.best_of);
        let mut answers = std::mem::take(&mut self.answers).into_iter();
        let mut choices = Vec::with_capacity(self.prompts.len() * n);
        for prompt in 0..self.prompts.len() {
            let mut written: Vec<Answer> = answers.by_ref().take(best_of).collect();
            if best_of > n {
                let mean = |answer: &Answer| answer.choice.mean_logprob();
                written.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
            }
            for Answer { whole, .. } in written.into_iter().take(n) {
                choices.push(CompletionChoice {
                    index: choices.len() as u32,
                    text: whole.text,
                    finish: whole.finish.unwrap_or(Finish::Stop),
                    logprobs: self
                        .wanted
                        .logprobs
                        .map(|_| whole.tokens.unwrap_or_default()),
                    prompt_logprobs: self
                        .wanted
                        .prompt_logprobs
                        .map(|top| self.scores(prompt, top)),
                });
            }
        }
        choices
    }
}

impl Teller for CompletionTeller {
    fn streams(&self) -> bool {
        self.wanted.stream
    }

    fn take(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Scored { prompt, scores } => {
                self.prompts[prompt].scores = scores;
                if !self.wanted.only_scores {
                    return;
                }
                let first = prompt * self.wanted.best_of;
                for index in first..first + self.wanted.n {
                    let part = Part {
                        finish: Some(Finish::Length),
                        ..Part::default()
                    };
                    self.tell(index, part, out);
                }
                self.unfinished -= 1;
            }
            Event::Piece { answer, piece } => {
                let part = self.answers[answer].choice.push(piece);
                self.tell(answer, part, out);
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.unfinished == 0
    }

    fn end(&mut self, out: &mut BytesMut) {
        let usage = self.usage();
        if self.wanted.stream {
            if self.wanted.include_usage {
                let stream = CompletionStream {
                    head: self.about.head(),
                };
                out.extend_from_slice(&stream.usage(&usage));
            }
            return out.extend_from_slice(DONE);
        }
        let choices = self.choices();
        let head = self.about.head();
        let answer = CompletionAnswer {
            head,
            choices: &choices,
            usage: &usage,
        };
        out.extend_from_slice(&answer.bytes());
    }
}

/// The text of a prompt that came as ids, its control tokens spelled out.
fn text_of(tokenizer: &Tokenizer, tokens: &[u32]) -> String {
    let mut detokenizer = Detokenizer::new();
    let mut text = String::new();
    for &token in tokens {
        text.push_str(&detokenizer.push(tokenizer.bytes(token)));
    }
    text.push_str(&detokenizer.finish());
    text
}
