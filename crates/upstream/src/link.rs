//! One connection to a server, and one request on it.
//! An HTTP/1.1 connection has no task of its own: whoever waits for its answer drives it. That
//! saves two wake-ups a request, and dropping the answer closes the socket there and then. Nothing
//! here decides where to send or whether to try again.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use tokio::task::unconstrained;

use crate::dial::{Io, in_words};
use crate::patience::Patience;

/// A connection.
pub(crate) enum Link {
    /// For one request at a time.
    Http1(Box<Http1>),
    /// One of the senders of a connection that many share.
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Why no head of an answer came.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// Nothing was sent, or the connection, idle before, was closed before a byte came back.
    Stale(String),
    /// No byte of an answer within the patience.
    TimedOut,
    /// The connection broke, or what came is no HTTP.
    Broken(String),
}

impl Link {
    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        patience: &mut Patience,
    ) -> Result<Response<Incoming>, NoAnswer> {
        match self {
            Self::Http1(http1) => http1.send(request, patience).await,
            Self::Http2(sender) => {
                let mut asked = Box::pin(async {
                    if let Err(error) = sender.ready().await {
                        return Err(NoAnswer::Stale(in_words(&error)));
                    }
                    sender.try_send_request(request).await.map_err(|mut error| {
                        let unsent = error.take_message().is_some();
                        let why = in_words(error.error());
                        if unsent {
                            NoAnswer::Stale(why)
                        } else {
                            NoAnswer::Broken(why)
                        }
                    })
                });
                poll_fn(|cx| match asked.as_mut().poll(cx) {
                    Poll::Pending => patience.poll_over(cx).map(|()| Err(NoAnswer::TimedOut)),
                    ready => ready,
                })
                .await
            }
        }
    }

    /// Lets the connection work, where it has no task of its own.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Self::Http1(http1) = self {
            http1.drive(cx);
        }
    }
}

/// An HTTP/1.1 connection with what drives it.
pub(crate) struct Http1 {
    sender: http1::SendRequest<Full<Bytes>>,
    connection: http1::Connection<Io, Full<Bytes>>,
    /// Set when a byte comes.
    heard: Arc<AtomicBool>,
    /// The connection's future is over and must not be polled again.
    ended: bool,
    /// It has carried an answer before.
    reused: bool,
    /// Since when it has been idle.
    idle_since: Option<Instant>,
}

impl Http1 {
    pub(crate) fn new(
        sender: http1::SendRequest<Full<Bytes>>,
        connection: http1::Connection<Io, Full<Bytes>>,
        heard: Arc<AtomicBool>,
    ) -> Self {
        Self {
            sender,
            connection,
            heard,
            ended: false,
            reused: false,
            idle_since: None,
        }
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended && Pin::new(&mut self.connection).poll(cx).is_ready() {
            // Its error, if any, also reaches the request or the body that is under way.
            self.ended = true;
        }
    }

    /// Works as far as is possible now. Without a waker, so that an idle connection neither keeps
    /// nor wakes a finished task; outside of Tokio's budget, so that a busy task's connections
    /// don't seem unusable.
    fn look(&mut self) {
        let looking = pin!(unconstrained(poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(())
        })));
        let _ = looking.poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Makes it idle after an answer has been read to its end; false if it can't be used again.
    pub(crate) fn settle(&mut self, now: Instant) -> bool {
        self.look();
        self.reused = true;
        self.idle_since = Some(now);
        !self.ended && self.sender.is_ready()
    }

    /// Whether it may be used now: the server may have closed it meanwhile.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.look();
        !self.ended && self.sender.is_ready()
    }

    pub(crate) fn idle_since(&self) -> Option<Instant> {
        self.idle_since
    }

    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        patience: &mut Patience,
    ) -> Result<Response<Incoming>, NoAnswer> {
        self.heard.store(false, Relaxed);
        let mut asked = pin!(self.sender.try_send_request(request));
        let (connection, ended) = (&mut self.connection, &mut self.ended);
        let answered = poll_fn(|cx| {
            if !*ended && Pin::new(&mut *connection).poll(cx).is_ready() {
                *ended = true;
            }
            match asked.as_mut().poll(cx) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending => patience.poll_over(cx).map(|()| None),
            }
        })
        .await;
        match answered {
            Some(Ok(response)) => Ok(response),
            None => Err(NoAnswer::TimedOut),
            Some(Err(mut error)) => {
                let unsent = error.take_message().is_some();
                let silent = self.reused && !self.heard.load(Relaxed);
                let why = in_words(error.error());
                Err(if unsent || silent {
                    NoAnswer::Stale(why)
                } else {
                    NoAnswer::Broken(why)
                })
            }
        }
    }
}
