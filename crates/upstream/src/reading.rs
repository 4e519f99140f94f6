//! An answer's body on its way in, whole or in parts.
//! Whatever ends it early (a drop, a failure, a size) closes its connection at once, so that the
//! server stops computing; nothing is drained here.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::Error;
use crate::dial::in_words;
use crate::http_upstream::Shared;
use crate::link::Link;
use crate::patience::Patience;
use crate::server::Turn;

/// A body that is being read.
pub(crate) struct Reading {
    incoming: Incoming,
    /// Taken away, and with it closed or given back, when the body ends.
    link: Option<Link>,
    turn: Turn,
    patience: Patience,
    idle_timeout: Duration,
    upstream: Arc<Shared>,
    /// Whether its times count: a refusal says nothing of how quick a server answers.
    is_timed: bool,
    begun: bool,
}

impl Reading {
    pub(crate) fn new(
        incoming: Incoming,
        link: Link,
        turn: Turn,
        mut patience: Patience,
        upstream: &Arc<Shared>,
        is_timed: bool,
    ) -> Self {
        let idle_timeout = upstream.idle_timeout;
        patience.restart(idle_timeout);
        let upstream = Arc::clone(upstream);
        Self {
            incoming,
            link: Some(link),
            turn,
            patience,
            idle_timeout,
            upstream,
            is_timed,
            begun: false,
        }
    }

    /// The next part; `None` at the end, when the connection has been given back.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            let Some(link) = &mut self.link else {
                return Poll::Ready(None);
            };
            let mut polled = Pin::new(&mut self.incoming).poll_frame(cx);
            if polled.is_pending() {
                link.drive(cx);
                polled = Pin::new(&mut self.incoming).poll_frame(cx);
            }
            match polled {
                Poll::Ready(Some(Ok(frame))) => {
                    self.begin();
                    if self.incoming.is_end_stream() {
                        self.finish();
                    } else {
                        self.patience.restart(self.idle_timeout);
                    }
                    // Trailers are the connection's own matter.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let why = format!("in the middle of its answer: {}", in_words(&error));
                    return Poll::Ready(Some(Err(self.fail(self.upstream.broken(why)))));
                }
                Poll::Ready(None) => {
                    self.finish();
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    std::task::ready!(self.patience.poll_over(cx));
                    let error = self
                        .upstream
                        .timed_out("no further byte", self.patience.limit());
                    return Poll::Ready(Some(Err(self.fail(error))));
                }
            }
        }
    }

    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) && self.is_timed {
            self.turn.clock(|times| &times.first_byte);
        }
    }

    fn finish(&mut self) {
        if let Some(link) = self.link.take() {
            if self.is_timed {
                self.turn.clock(|times| &times.whole);
            }
            self.turn.server.give_back(link);
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        if let Some(link) = self.link.take() {
            self.turn.server.distrust(&link);
        }
        self.upstream.failed(&self.turn.server, &error);
        error
    }

    /// All of it, up to `limit` bytes.
    pub(crate) async fn whole(mut self, limit: usize) -> Result<Bytes, Error> {
        let too_large = |upstream: &Shared| Error::TooLarge {
            upstream: upstream.name.clone(),
            limit,
        };
        let expected = usize::try_from(self.incoming.size_hint().lower()).unwrap_or(usize::MAX);
        if expected > limit {
            return Err(too_large(&self.upstream));
        }
        if self.incoming.is_end_stream() {
            self.finish();
        }
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(data) = poll_fn(|cx| self.poll_data(cx)).await {
            let data = data?;
            if data.len() > limit - all.len().max(first.len()) {
                return Err(too_large(&self.upstream));
            }
            if first.is_empty() && all.is_empty() {
                // Mostly the only part: handed on without a copy.
                first = data;
                continue;
            }
            if all.is_empty() {
                all.reserve(expected.max(first.len() + data.len()));
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }
}

/// A stream's parts. The first one is what makes the server count as healthy again.
pub(crate) struct Parts {
    reading: Reading,
    begun: bool,
}

impl Parts {
    pub(crate) fn new(reading: Reading) -> Self {
        Self {
            reading,
            begun: false,
        }
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = self.reading.poll_data(cx);
        if !self.begun && matches!(polled, Poll::Ready(Some(Ok(_)))) {
            self.begun = true;
            self.reading.turn.server.health.succeeded();
        }
        polled.map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.reading.link.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.reading.incoming.size_hint()
    }
}
