//! From chat answers and chunks to the pieces of which the other APIs make their items and
//! blocks. A whole answer gives the same pieces as its stream, only larger.

use serde_json::value::RawValue;

use super::chat::{ChatAnswer, Delta, ToolDelta};
use crate::error::Error;

/// A piece of an answer.
#[derive(Debug)]
pub(super) enum Piece {
    Reasoning(String),
    Text(String, Vec<Box<RawValue>>),
    /// A tool's call begins.
    Call {
        id: String,
        name: String,
    },
    /// More of the arguments of the call that has begun.
    Arguments(String),
    /// The answer has ended.
    Finish(Finish),
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finish {
    /// By itself, or with the calls that it made.
    Stop,
    /// By this stop text.
    StopText(String),
    /// By the token limit.
    Length,
    /// By a filter.
    Filter,
}

/// Splits answers into pieces; remembers which of the tool's calls is open.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    calls: Vec<u32>,
}

impl Splitter {
    /// The pieces of a chunk, or of a whole answer. Answers beyond the first are not asked for
    /// and not read.
    pub(super) fn split(&mut self, answer: ChatAnswer) -> Result<Vec<Piece>, Error> {
        let mut pieces = Vec::new();
        let first = answer
            .choices
            .into_iter()
            .filter(|choice| choice.index == 0);
        for choice in first {
            let logprobs = choice.logprobs.and_then(|logprobs| logprobs.content);
            if let Some(delta) = choice.delta {
                self.delta(delta, logprobs.unwrap_or_default(), &mut pieces)?;
            }
            let stop_text = choice.stop_reason.as_ref().and_then(|text| text.as_str());
            pieces.extend(choice.finish_reason.map(|reason| {
                Piece::Finish(match (reason.as_str(), stop_text) {
                    ("length", _) => Finish::Length,
                    ("content_filter", _) => Finish::Filter,
                    (_, Some(text)) => Finish::StopText(text.to_owned()),
                    _ => Finish::Stop,
                })
            }));
        }
        Ok(pieces)
    }

    fn delta(
        &mut self,
        delta: Delta,
        logprobs: Vec<Box<RawValue>>,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Error> {
        let full = |text: &String| !text.is_empty();
        let reasoning = delta.reasoning_content.or(delta.reasoning);
        pieces.extend(reasoning.filter(full).map(Piece::Reasoning));
        // What a model refuses with is text to those who can't tell the two apart.
        let text = delta.content.filter(full).or(delta.refusal.filter(full));
        pieces.extend(text.map(|text| Piece::Text(text, logprobs)));
        for (place, call) in (0..).zip(delta.tool_calls.unwrap_or_default()) {
            self.call(place, call, pieces)?;
        }
        Ok(())
    }

    fn call(&mut self, place: u32, call: ToolDelta, pieces: &mut Vec<Piece>) -> Result<(), Error> {
        let index = call.index.unwrap_or(place);
        let (name, arguments) = match call.function {
            Some(function) => (function.name, function.arguments),
            None => (None, None),
        };
        if self.calls.last() != Some(&index) {
            if self.calls.contains(&index) {
                return Err(Error::Answer(
                    "the calls of its tools are interleaved".into(),
                ));
            }
            self.calls.push(index);
            let name = name.ok_or_else(|| Error::Answer("a tool's call has no name".into()))?;
            let id = call.id.filter(|id| !id.is_empty());
            let id = id.unwrap_or_else(|| format!("call_{index}"));
            pieces.push(Piece::Call { id, name });
        }
        let arguments = arguments.filter(|arguments| !arguments.is_empty());
        pieces.extend(arguments.map(Piece::Arguments));
        Ok(())
    }
}

/// A chat answer or chunk.
pub(super) fn parse(data: &[u8]) -> Result<ChatAnswer, Error> {
    serde_json::from_slice(data).map_err(|error| {
        Error::Answer(format!(
            "not a chat completion (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}
