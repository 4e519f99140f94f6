//! Tells an answer to a chat, as OpenAI's API has it.

use std::sync::Arc;

use bytes::BytesMut;
use wire::openai::{ChatAnswer, ChatChoice, ChatStream, DONE, Finish, TokenLogprob};

use crate::choice::{Choice, Listed, Whole};
use crate::job::Event;
use crate::teller::{About, Teller, usage};
use crate::tokens;

/// What the answer is to have.
pub(crate) struct Wanted {
    pub(crate) n: usize,
    /// Alternatives with each token of the answer.
    pub(crate) logprobs: Option<usize>,
    /// Alternatives with each token of the prompt.
    pub(crate) prompt_logprobs: Option<usize>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    /// The stop texts: an answer tells which of them ended it.
    pub(crate) stop: Vec<String>,
}

/// The teller of one chat.
pub(crate) struct ChatTeller {
    about: About,
    wanted: Wanted,
    prompt: Vec<u32>,
    scores: Option<Vec<TokenLogprob>>,
    answers: Vec<Answer>,
    unfinished: usize,
}

struct Answer {
    choice: Choice,
    begun: bool,
    whole: Whole,
}

impl ChatTeller {
    pub(crate) fn new(about: About, prompt: Vec<u32>, wanted: Wanted) -> Self {
        let answer = |_| Answer {
            choice: Choice::new(Arc::clone(&about.tokenizer), wanted.logprobs, Listed::Shown),
            begun: false,
            whole: Whole::default(),
        };
        let answers: Vec<Answer> = (0..wanted.n).map(answer).collect();
        Self {
            about,
            prompt,
            scores: None,
            unfinished: answers.len(),
            answers,
            wanted,
        }
    }

    fn usage(&self) -> record::Usage {
        let output = self
            .answers
            .iter()
            .map(|answer| answer.choice.sampled())
            .sum();
        usage(self.prompt.len() as u64, output)
    }
}

impl Teller for ChatTeller {
    fn streams(&self) -> bool {
        self.wanted.stream
    }

    fn take(&mut self, event: Event, out: &mut BytesMut) {
        let (index, piece) = match event {
            Event::Scored { scores, .. } => {
                let top = self.wanted.prompt_logprobs.unwrap_or(0);
                let tokenizer = &self.about.tokenizer;
                self.scores = Some(tokens::prompt(tokenizer, &self.prompt, &scores, top));
                return;
            }
            Event::Piece { answer, piece } => (answer, piece),
        };
        let Some(answer) = self.answers.get_mut(index) else {
            return;
        };
        let part = answer.choice.push(piece);
        self.unfinished -= usize::from(part.finish.is_some());
        if !self.wanted.stream {
            return answer.whole.add(part);
        }
        let stream = ChatStream {
            head: self.about.head(),
        };
        let number = index as u32;
        if !std::mem::replace(&mut answer.begun, true) {
            // The prompt is the same for all answers: one of them tells its scores.
            let scores = if index == 0 { self.scores.take() } else { None };
            out.extend_from_slice(&stream.start(number, scores.as_deref()));
        }
        if !part.is_empty() {
            out.extend_from_slice(&stream.text(number, &part.text, part.tokens.as_deref()));
        }
        if let Some(finish) = part.finish {
            let stop = part.stop.and_then(|index| self.wanted.stop.get(index));
            out.extend_from_slice(&stream.finish(number, finish, stop.map(String::as_str)));
        }
    }

    fn is_complete(&self) -> bool {
        self.unfinished == 0
    }

    fn end(&mut self, out: &mut BytesMut) {
        let usage = self.usage();
        if self.wanted.stream {
            if self.wanted.include_usage {
                let stream = ChatStream {
                    head: self.about.head(),
                };
                out.extend_from_slice(&stream.usage(&usage));
            }
            return out.extend_from_slice(DONE);
        }
        let answers = std::mem::take(&mut self.answers).into_iter();
        let choices = answers
            .zip(0..)
            .map(|(Answer { whole, .. }, index)| ChatChoice {
                index,
                text: whole.text,
                finish: whole.finish.unwrap_or(Finish::Stop),
                stop_text: whole
                    .stop
                    .and_then(|index| self.wanted.stop.get(index).cloned()),
                logprobs: self
                    .wanted
                    .logprobs
                    .map(|_| whole.tokens.unwrap_or_default()),
            });
        let answer = ChatAnswer {
            head: self.about.head(),
            choices: &choices.collect::<Vec<_>>(),
            usage: &usage,
            prompt_logprobs: self.scores.as_deref(),
        };
        out.extend_from_slice(&answer.bytes());
    }
}
