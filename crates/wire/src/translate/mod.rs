//! The Responses and the Messages API for upstreams that have chat completions only: the request
//! is built anew as a chat request, the answer is made from the chat answer, whole or event by
//! event. Pure state machines; what chat completions can't do is refused before it is asked.

mod chat;
mod messages;
mod piece;
mod responses;
mod stream;

use bytes::Bytes;
use record::{Endpoint, Time};

pub use self::stream::{AnswerStream, TranslatedStream};
use crate::error::{ApiError, Error};
use crate::json;
use crate::sse::StreamKind;
use crate::usage;

/// A request of one API, read to be answered by way of chat completions.
#[derive(Debug)]
pub struct Translation {
    request: Request,
    chat_body: Bytes,
}

#[derive(Debug)]
enum Request {
    Responses(Box<responses::Request>),
    Messages(Box<messages::Request>),
}

impl Translation {
    /// Whether requests to this endpoint can be answered by way of chat completions.
    pub const fn is_possible(endpoint: &Endpoint) -> bool {
        matches!(
            endpoint,
            Endpoint::Responses | Endpoint::Messages | Endpoint::CountTokens
        )
    }

    /// Reads a request to Responses, Messages or `count_tokens`.
    ///
    /// # Errors
    /// 400 with the field at fault, also for what chat completions can't do.
    pub fn read(endpoint: &Endpoint, body: &[u8]) -> Result<Self, ApiError> {
        let request = match endpoint {
            Endpoint::Responses => Request::Responses(Box::new(responses::Request::read(body)?)),
            Endpoint::Messages => Request::Messages(Box::new(messages::Request::read(body)?)),
            Endpoint::CountTokens => {
                Request::Messages(Box::new(messages::Request::read_count(body)?))
            }
            _ => return Err(ApiError::of(record::Reason::EndpointNotSupported)),
        };
        let chat_body = match &request {
            Request::Responses(request) => json::bytes(&request.chat),
            Request::Messages(request) => json::bytes(&request.chat),
        };
        Ok(Self { request, chat_body })
    }

    /// The body of the chat request, with `stream_options.include_usage` where it streams.
    pub const fn chat_body(&self) -> &Bytes {
        &self.chat_body
    }

    /// The whole answer, from the whole chat answer. `id` is the exchange's, to which the API's
    /// prefix is added.
    ///
    /// # Errors
    /// `Error::Answer`: the upstream's answer is not a chat completion.
    pub fn answer(&self, id: &str, created: Time, chat_answer: &[u8]) -> Result<Bytes, Error> {
        let usage = usage::read(&Endpoint::Chat, chat_answer)?;
        let mut stream = self.maker(id, created);
        let answer = piece::parse(chat_answer)?;
        if answer.choices.is_empty() {
            return Err(Error::Answer("a chat completion without choices".into()));
        }
        let pieces = piece::Splitter::default().split(answer)?;
        let mut events = Vec::new();
        stream.take(pieces, &mut events);
        stream.end(usage, &mut events);
        Ok(stream.whole(usage))
    }

    /// The machine that makes the answer's events from the chat answer's.
    pub fn stream(&self, id: &str, created: Time) -> AnswerStream {
        let kind = match self.request {
            Request::Responses(_) => StreamKind::Responses,
            Request::Messages(_) => StreamKind::Messages,
        };
        let stream = TranslatedStream::new(kind, id, self.maker(id, created));
        AnswerStream::Translated(Box::new(stream))
    }

    fn maker(&self, id: &str, created: Time) -> Maker {
        match &self.request {
            Request::Responses(request) => Maker::Responses(Box::new(request.maker(id, created))),
            Request::Messages(request) => Maker::Messages(Box::new(request.maker(id))),
        }
    }
}

/// Who makes an answer of either API.
#[derive(Debug)]
enum Maker {
    Responses(Box<responses::Maker>),
    Messages(Box<messages::Maker>),
}

impl Maker {
    fn take(&mut self, pieces: Vec<piece::Piece>, out: &mut Vec<u8>) {
        match self {
            Self::Responses(maker) => maker.take(pieces, out),
            Self::Messages(maker) => maker.take(pieces, out),
        }
    }

    fn end(&mut self, usage: Option<record::Usage>, out: &mut Vec<u8>) {
        match self {
            Self::Responses(maker) => maker.end(usage, out),
            Self::Messages(maker) => maker.end(usage, out),
        }
    }

    fn whole(&self, usage: Option<record::Usage>) -> Bytes {
        match self {
            Self::Responses(maker) => maker.whole(usage),
            Self::Messages(maker) => maker.whole(usage),
        }
    }

    const fn sequence(&self) -> u64 {
        match self {
            Self::Responses(maker) => maker.sequence(),
            Self::Messages(maker) => maker.sequence(),
        }
    }
}
