//! An upstream whose every move is made by the test, where timing must be exact.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::{Body, Frame};
use record::Endpoint;
use tokio::sync::{mpsc, oneshot};
use upstream::{Answer, AnswerBody, Ask, BoxFuture, EndpointSet, Error, Health, Upstream};

/// What the gateway asked, to be answered or not.
pub(crate) struct Asked {
    pub(crate) reply: oneshot::Sender<Result<Answer, Error>>,
}

/// The upstream's side of the channel.
pub(crate) struct Puppet {
    asked: mpsc::UnboundedSender<Asked>,
}

/// A puppet, and where its questions come.
pub(crate) fn puppet() -> (Arc<Puppet>, mpsc::UnboundedReceiver<Asked>) {
    let (asked, questions) = mpsc::unbounded_channel();
    (Arc::new(Puppet { asked }), questions)
}

impl Upstream for Puppet {
    fn name(&self) -> &str {
        "puppet"
    }

    fn endpoints(&self) -> EndpointSet {
        EndpointSet::of(&[Endpoint::Chat, Endpoint::Completions, Endpoint::Messages])
    }

    fn ask(&self, _: Ask) -> BoxFuture<'_, Result<Answer, Error>> {
        let (reply, answer) = oneshot::channel();
        self.asked.send(Asked { reply }).unwrap();
        Box::pin(async move {
            let dropped = Error::Broken {
                upstream: "puppet".into(),
                why: "the test dropped the question".into(),
            };
            answer.await.unwrap_or(Err(dropped))
        })
    }

    fn count_tokens(&self, _: Ask) -> BoxFuture<'_, Result<Option<u64>, Error>> {
        Box::pin(async { Ok(Some(42)) })
    }

    fn health(&self) -> Health {
        Health {
            ready: 1,
            unreachable: 0,
            servers: 1,
            in_flight: 0,
            last_error: None,
        }
    }
}

/// Parts that the test feeds.
pub(crate) type Feed = mpsc::UnboundedSender<Result<Bytes, Error>>;

struct Fed(mpsc::UnboundedReceiver<Result<Bytes, Error>>);

impl Body for Fed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.0
            .poll_recv(cx)
            .map(|part| part.map(|part| part.map(Frame::data)))
    }
}

fn answer(kind: &'static str, body: AnswerBody) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    Answer {
        status: StatusCode::OK,
        headers,
        body,
        server: "puppet:1".into(),
    }
}

impl Asked {
    /// Answers with a stream. The sender's `closed` is done when the gateway lets go of it.
    pub(crate) fn stream(self) -> Feed {
        let (feed, fed) = mpsc::unbounded_channel();
        let body = AnswerBody::Chunks(Box::pin(Fed(fed)));
        assert!(
            self.reply
                .send(Ok(answer("text/event-stream", body)))
                .is_ok()
        );
        feed
    }

    /// Answers at once.
    pub(crate) fn whole(self, body: &str) {
        let body = AnswerBody::Whole(Bytes::copy_from_slice(body.as_bytes()));
        assert!(
            self.reply
                .send(Ok(answer("application/json", body)))
                .is_ok()
        );
    }
}

/// Feeds one event.
pub(crate) fn feed(feed: &Feed, event: &str) {
    feed.send(Ok(Bytes::copy_from_slice(event.as_bytes())))
        .unwrap();
}
