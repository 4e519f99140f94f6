//! Drives a teller: gives out a whole answer when it is complete, or a stream as it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::{Body, Frame};
use upstream::{Answer, AnswerBody, Error};
use wire::{ApiError, Dialect};

use crate::job::Events;
use crate::teller::Teller;

/// A frame takes no more events once it has so many bytes.
const FRAME: usize = 16 * 1024;

/// An answer that says what the client did wrong.
pub(crate) fn refusal(error: &ApiError, server: &Arc<str>) -> Answer {
    // OpenAI's shape has no request id in it; the gateway makes the client's own of it.
    let body = error.body(Dialect::OpenAi, "");
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    Answer {
        status,
        headers: headers("application/json"),
        body: AnswerBody::Whole(body),
        server: Arc::clone(server),
    }
}

/// The answer. It begins when the model has begun: what fails before that is an error and no
/// broken stream.
pub(crate) async fn answer(
    mut teller: Box<dyn Teller>,
    mut events: Events,
    server: Arc<str>,
) -> Result<Answer, Error> {
    let mut out = BytesMut::new();
    loop {
        let Some(event) = events.next().await else {
            return Err(broken(&events, &server));
        };
        teller.take(event, &mut out);
        let complete = teller.is_complete();
        if complete {
            teller.end(&mut out);
        }
        if !teller.streams() {
            if complete {
                let body = AnswerBody::Whole(out.freeze());
                let headers = headers("application/json");
                return Ok(Answer {
                    status: StatusCode::OK,
                    headers,
                    body,
                    server,
                });
            }
        } else if !out.is_empty() {
            let mut headers = headers("text/event-stream; charset=utf-8");
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            let begun = out.freeze();
            let stream = Stream {
                begun,
                events,
                teller,
                complete,
                server: Arc::clone(&server),
            };
            let body = AnswerBody::Chunks(Box::pin(stream));
            return Ok(Answer {
                status: StatusCode::OK,
                headers,
                body,
                server,
            });
        }
    }
}

fn headers(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

fn broken(events: &Events, server: &str) -> Error {
    Error::Broken {
        upstream: server.to_owned(),
        why: events.why(),
    }
}

/// A stream of server-sent events. Dropping it ends the model's work on it.
struct Stream {
    /// What was told before the stream was handed out.
    begun: Bytes,
    events: Events,
    teller: Box<dyn Teller>,
    /// The end was told, or the stream broke off.
    complete: bool,
    server: Arc<str>,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if !this.begun.is_empty() {
            let begun = std::mem::take(&mut this.begun);
            return Poll::Ready(Some(Ok(Frame::data(begun))));
        }
        let mut out = BytesMut::new();
        while !this.complete && out.len() < FRAME {
            let event = match this.events.poll_next(cx) {
                Poll::Pending if out.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(event) => event,
            };
            let Some(event) = event else {
                if !out.is_empty() {
                    // What is there first; the next look finds the end again.
                    break;
                }
                this.complete = true;
                return Poll::Ready(Some(Err(broken(&this.events, &this.server))));
            };
            this.teller.take(event, &mut out);
            if this.teller.is_complete() {
                this.teller.end(&mut out);
                this.complete = true;
            }
        }
        let frame = (!out.is_empty()).then(|| Ok(Frame::data(out.freeze())));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.complete && self.begun.is_empty()
    }
}
