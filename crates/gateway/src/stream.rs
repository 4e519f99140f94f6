//! An answer that comes in events: passed on as they come, watched for usage and for its end,
//! recorded before the last byte leaves.
//!
//! A stream that breaks is an error to the client, never a clean end: an error event in the
//! API's shape, then the connection is cut.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use record::{Outcome, Reason, Usage};
use tokio::sync::oneshot;
use upstream::Chunks;
use wire::{ApiError, Ending, StreamKind};

use crate::course::Course;
use crate::failure;
use crate::keep::{Keeping, Turn};
use crate::live::Place;
use crate::options::ClientGone;
use crate::record::{InFlight, Kept};
use crate::state::Stage;

/// How long an upstream may take to close a stream whose end marker has come.
const CLOSE_LIMIT: std::time::Duration = std::time::Duration::from_secs(2);

enum Phase {
    Flowing,
    /// The end is here; the copy is being kept before it is recorded.
    Keeping(oneshot::Receiver<(Kept, Option<Turn>)>),
    /// An error was told; the connection is cut once it has been sent.
    Cutting(bool),
    Done,
}

/// The body of a streamed answer.
pub(crate) struct StreamBody {
    /// Gone once a drain has taken it over.
    passage: Option<Box<Passage>>,
}

/// What passes one stream on.
struct Passage {
    upstream: Option<Chunks>,
    course: Course,
    kind: Option<StreamKind>,
    in_flight: InFlight,
    place: Place,
    phase: Phase,
    keeping: Option<(Keeping, String)>,
    copy: BytesMut,
    /// The last bytes, until the exchange is recorded.
    held: Bytes,
}

impl StreamBody {
    pub(crate) fn new(
        upstream: Chunks,
        course: Course,
        in_flight: InFlight,
        place: Place,
        keeping: Option<(Keeping, String)>,
    ) -> Self {
        let passage = Passage {
            upstream: Some(upstream),
            course,
            kind: StreamKind::of(&in_flight.endpoint),
            in_flight,
            place,
            phase: Phase::Flowing,
            keeping,
            copy: BytesMut::new(),
            held: Bytes::new(),
        };
        Self {
            passage: Some(Box::new(passage)),
        }
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match &mut self.passage {
            Some(passage) => passage.poll(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for StreamBody {
    /// The client has left, unless the answer was whole.
    fn drop(&mut self) {
        let Some(mut passage) = self.passage.take() else {
            return;
        };
        if passage.in_flight.recorded {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return passage.leave(Kept::default());
        };
        if let Phase::Keeping(kept) = std::mem::replace(&mut passage.phase, Phase::Done) {
            // The answer is whole and being kept: a repetition will find it.
            runtime.spawn(async move {
                let (kept, turn) = kept.await.unwrap_or_default();
                passage.leave(kept);
                drop(turn);
            });
            return;
        }
        match passage.in_flight.gateway.options.client_gone {
            ClientGone::Drain(limit) => drop(runtime.spawn(passage.drain(limit))),
            ClientGone::Cancel => passage.leave(Kept::default()),
        }
    }
}

impl Passage {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        loop {
            match &mut self.phase {
                Phase::Flowing => {
                    if let Some(frame) = ready!(self.flow(cx)) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Phase::Keeping(kept) => {
                    let (kept, turn) = ready!(Pin::new(kept).poll(cx)).unwrap_or_default();
                    let frame = self.complete(Outcome::Completed, kept);
                    // Only now may a repetition find the answer.
                    drop(turn);
                    if let Some(frame) = frame {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                // One round without bytes, so that the error event is flushed before the cut.
                Phase::Cutting(flushed @ false) => {
                    *flushed = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Phase::Cutting(_) => {
                    self.phase = Phase::Done;
                    let error = std::io::Error::other("the answer ended with an error");
                    return Poll::Ready(Some(Err(error)));
                }
                Phase::Done => return Poll::Ready(None),
            }
        }
    }

    /// One step of a running stream: a frame to send, or nothing where the phase has changed or
    /// the upstream's bytes are not yet a whole event.
    fn flow(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        if self.place.running.has_ended(cx.waker()) {
            return Poll::Ready(self.cut_off());
        }
        let Some(upstream) = &mut self.upstream else {
            return Poll::Ready(self.end());
        };
        let frame = match ready!(upstream.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                let (error, _) = failure::upstream_error(&error);
                return Poll::Ready(self.fail(&error, Outcome::UpstreamBroken));
            }
            None => {
                self.upstream = None;
                return Poll::Ready(self.end());
            }
        };
        let Ok(data) = frame.into_data() else {
            return Poll::Ready(None);
        };
        self.in_flight.first_byte();
        let out = match self.course.push(data) {
            Ok(out) => out,
            Err(error) => {
                return Poll::Ready(
                    self.fail(&ApiError::bad_answer(&error), Outcome::UpstreamBroken),
                );
            }
        };
        if self.course.has_ended() {
            self.close_upstream(cx);
        }
        Poll::Ready(self.send(out))
    }

    /// The end marker has come. The connection can be used again if the upstream closes the
    /// body now; where it dawdles, the client does not wait for it.
    fn close_upstream(&mut self, cx: &mut Context<'_>) {
        let Some(mut upstream) = self.upstream.take() else {
            return;
        };
        loop {
            match upstream.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    // Held back with the end marker; too much of it ends the watch.
                    if self.course.push(data).is_err() {
                        return;
                    }
                }
                Poll::Ready(_) => return,
                Poll::Pending => break,
            }
        }
        tokio::spawn(tokio::time::timeout(CLOSE_LIMIT, async move {
            while let Some(Ok(_)) = next(&mut upstream).await {}
        }));
    }

    fn send(&mut self, out: Bytes) -> Option<Frame<Bytes>> {
        if out.is_empty() {
            return None;
        }
        self.in_flight.look(&out);
        self.in_flight.response_bytes += out.len() as u64;
        if self.keeping.is_some() {
            if self.copy.len() + out.len() > self.in_flight.gateway.options.keep_max_bytes {
                tracing::warn!(request = %self.in_flight.received.id, "an answer is too large to be kept");
                self.keeping = None;
            } else {
                self.copy.extend_from_slice(&out);
            }
        }
        Some(Frame::data(out))
    }

    /// The upstream has ended, one way or another.
    fn end(&mut self) -> Option<Frame<Bytes>> {
        let ending = self.course.ending();
        self.held = self.course.release();
        match ending {
            Ending::Complete => {}
            Ending::Failed(_) => return self.complete(Outcome::UpstreamError, Kept::default()),
            Ending::Broken => {
                let broken = wire::Error::Answer("the stream ended without its end marker".into());
                return self.fail(&ApiError::bad_answer(&broken), Outcome::UpstreamBroken);
            }
        }
        match self.keep() {
            Some(kept) => {
                self.phase = Phase::Keeping(kept);
                None
            }
            None => self.complete(Outcome::Completed, Kept::default()),
        }
    }

    /// Keeps the answer, where it is to be kept; it is whole but for the bytes held back.
    fn keep(&mut self) -> Option<oneshot::Receiver<(Kept, Option<Turn>)>> {
        let (keeping, content_type) = self.keeping.take()?;
        self.copy.extend_from_slice(&self.held);
        let answer = self.copy.split().freeze();
        let gateway = self.in_flight.gateway.clone();
        let status = self.in_flight.status.unwrap_or(200);
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let _ = sender.send(keeping.keep(gateway, status, content_type, answer).await);
        });
        Some(receiver)
    }

    /// Records, then gives out the bytes that were held back.
    fn complete(&mut self, outcome: Outcome, kept: Kept) -> Option<Frame<Bytes>> {
        let last = std::mem::take(&mut self.held);
        self.in_flight.response_bytes += last.len() as u64;
        let usage = self.usage();
        if self.in_flight.record(outcome, Some(usage), kept).is_err() {
            return self.tell(&ApiError::of(Reason::LedgerUnavailable));
        }
        self.phase = Phase::Done;
        (!last.is_empty()).then(|| Frame::data(last))
    }

    /// The credential ended, or the server stops.
    fn cut_off(&mut self) -> Option<Frame<Bytes>> {
        if self.place.running.was_stopped() {
            return self.fail(&ApiError::of(Reason::ShuttingDown), Outcome::ShutDown);
        }
        let now = self.in_flight.gateway.now();
        let denied = self.in_flight.permit.credential().ended(now);
        let reason = denied.map_or(Reason::CredentialRevoked, |denied| denied.reason);
        self.fail(&ApiError::of(reason), Outcome::Revoked)
    }

    fn fail(&mut self, error: &ApiError, outcome: Outcome) -> Option<Frame<Bytes>> {
        self.upstream = None;
        let usage = self.usage();
        // If the ledger does not take it either, the client is told of the first error.
        let _ = self.in_flight.record(outcome, Some(usage), Kept::default());
        self.tell(error)
    }

    fn tell(&mut self, error: &ApiError) -> Option<Frame<Bytes>> {
        self.phase = Phase::Cutting(false);
        let id = self.in_flight.received.id.to_string();
        let event = error.event(self.kind?, &id, self.course.events());
        Some(Frame::data(event))
    }

    fn usage(&self) -> Usage {
        let (stated, chunks, text) = self.course.used();
        stated.unwrap_or_else(|| self.in_flight.estimate(chunks, text))
    }

    /// The client has left; what the upstream did for it by now counts.
    fn leave(&mut self, kept: Kept) {
        let usage = self.usage();
        let outcome = match self.in_flight.gateway.stage() {
            Stage::Cutting => Outcome::ShutDown,
            _ => Outcome::ClientLeft,
        };
        // Nobody is left to be told of an error; it is in the log.
        let _ = self.in_flight.record(outcome, Some(usage), kept);
    }

    /// Reads the upstream to its end for a client that has left, for the usage that it states.
    async fn drain(mut self: Box<Self>, limit: std::time::Duration) {
        let gateway = self.in_flight.gateway.clone();
        if let Some(mut upstream) = self.upstream.take() {
            let reading = async {
                while let Some(Ok(frame)) = next(&mut upstream).await {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    let Ok(out) = self.course.push(data) else {
                        break;
                    };
                    drop(self.send(out));
                    if self.course.has_ended() {
                        break;
                    }
                }
            };
            tokio::select! {
                _ = tokio::time::timeout(limit, reading) => {}
                () = gateway.cutting() => {}
            }
        }
        // Where it is whole, a repetition with the same `Idempotency-Key` gets it.
        let (mut kept, mut turn) = Default::default();
        if self.course.ending() == Ending::Complete {
            self.held = self.course.release();
            if let Some(keeping) = self.keep() {
                (kept, turn) = keeping.await.unwrap_or_default();
            }
        }
        self.leave(kept);
        drop::<Option<Turn>>(turn);
    }
}

async fn next(upstream: &mut Chunks) -> Option<Result<Frame<Bytes>, upstream::Error>> {
    std::future::poll_fn(|cx| upstream.as_mut().poll_frame(cx)).await
}
