//! One request as the scheduler sees it, and the two ends of the bounded line on which its
//! events travel. Nothing here knows a format or a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use lm::{Piece, Scored, Want, Writer};
use record::{Id, Time, id::kind};
use tokio::sync::mpsc;

use crate::shared::{Place, Shared};

/// Events that may wait for a client beside one for each answer and prompt.
const SPARE: usize = 32;

/// What happens to a request.
#[derive(Debug)]
pub(crate) enum Event {
    /// A prompt was read and scored.
    Scored {
        /// Which prompt.
        prompt: usize,
        /// One a token from [`Score::from`] on.
        scores: Vec<Scored>,
    },
    /// An answer has one more token.
    Piece {
        /// Which answer, counted over all prompts.
        answer: usize,
        /// The token.
        piece: Piece,
    },
}

/// A prompt, and the answers that are to be written to it.
pub(crate) struct Prompt {
    /// Its place in the request.
    pub(crate) index: usize,
    /// Its tokens, at least one, all in the vocabulary; they and any answer fit the context.
    pub(crate) tokens: Vec<u32>,
    /// Whether the prompt itself is to be scored, and how.
    pub(crate) score: Option<Score>,
    /// How it is computed, with all of its answers.
    pub(crate) path: lm::Path,
    /// Whose prompts it may share the reading with; none shares nothing.
    pub(crate) account: Option<Id<kind::Account>>,
    /// The answers by their number in the request. There are none where only scores are wanted.
    pub(crate) answers: Vec<(usize, Writer)>,
}

/// What is told of a prompt's own tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Score {
    /// The first token that is scored, at least 1: those before are context alone.
    pub(crate) from: usize,
    /// Most likely tokens told with each score.
    pub(crate) top: usize,
    /// Further tokens told: one list a score, or none at all.
    pub(crate) at: Vec<Vec<u32>>,
    /// Divides the logits; `None` leaves them as they are.
    pub(crate) temperature: Option<f32>,
}

impl Score {
    /// Every token but the first, with so many alternatives.
    pub(crate) fn all(top: usize) -> Self {
        Self {
            from: 1,
            top,
            ..Self::default()
        }
    }

    /// What is wanted of the tokens `start..end` of a prompt, which do not reach over `from - 1`.
    pub(crate) fn want<'a>(&'a self, tokens: &'a [u32], start: usize, end: usize) -> Want<'a> {
        if start + 1 < self.from {
            return Want::nothing();
        }
        // The last token predicts nothing that is asked for.
        let targets = &tokens[start + 1..(end + 1).min(tokens.len())];
        let first = start + 1 - self.from;
        Want {
            at: self.at.get(first..first + targets.len()).unwrap_or(&[]),
            temperature: self.temperature,
            ..Want::score(targets, self.top)
        }
    }

    /// How many of a prompt's tokens can be fed in one step, where so many are fed: those before
    /// the first score are fed by themselves.
    pub(crate) fn reach(&self, fed: usize, all: usize) -> usize {
        let context = self.from.saturating_sub(1);
        if fed < context {
            context - fed
        } else {
            all - fed
        }
    }
}

/// A request on its way to the scheduler.
pub(crate) struct Job {
    pub(crate) line: Line,
    pub(crate) prompts: Vec<Prompt>,
}

/// The scheduler's end: where the events of one request go.
pub(crate) struct Line {
    /// When the request was handed in.
    pub(crate) since: Time,
    events: mpsc::Sender<Event>,
    valve: Arc<Valve>,
    /// Events that may come of one step.
    widest: usize,
    /// An event was lost, so the rest is worth nothing.
    torn: AtomicBool,
    /// Given back with the line, when nothing of the request is left in the scheduler.
    _place: Place,
}

/// Set while the scheduler lets a request rest because its client is slow.
#[derive(Default)]
struct Valve {
    rests: AtomicBool,
}

/// The client's end. Dropping it removes the request before the scheduler's next step.
pub(crate) struct Events {
    receiver: mpsc::Receiver<Event>,
    valve: Arc<Valve>,
    shared: Arc<Shared>,
}

/// A line for a request with so many prompts and answers together.
pub(crate) fn line(
    parts: usize,
    since: Time,
    place: Place,
    shared: &Arc<Shared>,
) -> (Line, Events) {
    let (sender, receiver) = mpsc::channel(parts + SPARE);
    let valve = Arc::new(Valve::default());
    let shared = Arc::clone(shared);
    let line = Line {
        since,
        events: sender,
        valve: Arc::clone(&valve),
        widest: parts,
        torn: AtomicBool::new(false),
        _place: place,
    };
    (
        line,
        Events {
            receiver,
            valve,
            shared,
        },
    )
}

impl Line {
    /// Whether nobody waits for more: the client has left, or can't be served.
    pub(crate) fn is_gone(&self) -> bool {
        self.events.is_closed() || self.torn.load(Ordering::Relaxed)
    }

    /// Gives the request up; its client learns that the answer broke off.
    pub(crate) fn tear(&self) {
        self.torn.store(true, Ordering::Relaxed);
    }

    /// Whether the events of one more step have room; if not, the client's next reading wakes the
    /// scheduler.
    pub(crate) fn has_room(&self) -> bool {
        if self.events.capacity() >= self.widest {
            return true;
        }
        self.valve.rests.store(true, Ordering::SeqCst);
        // The client may have read between the look and the note.
        self.events.capacity() >= self.widest
    }

    /// Whether the client has read all there was, so that a request which rested may go on; if not,
    /// the client's next reading wakes the scheduler.
    pub(crate) fn is_drained(&self) -> bool {
        let drained = || self.events.capacity() == self.events.max_capacity();
        if drained() {
            return true;
        }
        self.valve.rests.store(true, Ordering::SeqCst);
        // As above.
        drained()
    }

    /// Sends an event for which [`Self::has_room`] found room.
    pub(crate) fn send(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            // The answer would have a hole: better none than a wrong one.
            tracing::error!("a line is full although there was room; its request is given up");
            self.tear();
        }
    }
}

impl Events {
    /// The next event; `None` when the scheduler has let go of the request.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = std::task::ready!(self.receiver.poll_recv(cx));
        if self.valve.rests.swap(false, Ordering::SeqCst) {
            self.shared.wake();
        }
        Poll::Ready(event)
    }

    /// Why the scheduler let go before the answer was complete.
    pub(crate) fn why(&self) -> String {
        self.shared
            .broken()
            .unwrap_or_else(|| "it gave the request up".to_owned())
    }

    /// As [`Self::poll_next`].
    pub(crate) async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.receiver.close();
        self.shared.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event::Scored {
            prompt: 0,
            scores: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_full_line_rests_until_its_client_reads() {
        let shared = Shared::new(1);
        let place = shared.place().unwrap();
        assert!(shared.place().is_none(), "there is one place");
        let (line, mut events) = line(2, Time::default(), place, &shared);
        let mut sent = 0;
        while line.has_room() {
            line.send(event());
            sent += 1;
        }
        assert_eq!(sent, SPARE + 1, "room is kept for a whole step");
        assert!(shared.take(false).unwrap().is_empty());
        events.next().await.unwrap();
        // Does not sleep: the reading has woken the scheduler.
        assert!(shared.take(true).unwrap().is_empty());
        assert!(line.has_room());
        drop(events);
        assert!(line.is_gone());
        assert!(shared.take(true).unwrap().is_empty(), "so has the leaving");
        drop(line);
        assert!(shared.place().is_some());
    }

    #[tokio::test]
    async fn an_overrun_line_is_torn_and_not_silent() {
        let shared = Shared::new(1);
        let (line, mut events) = line(1, Time::default(), shared.place().unwrap(), &shared);
        for _ in 0..SPARE + 2 {
            line.send(event());
        }
        assert!(line.is_gone());
        drop(line);
        let mut received = 0;
        while events.next().await.is_some() {
            received += 1;
        }
        assert_eq!(received, SPARE + 1);
        assert_eq!(events.why(), "it gave the request up");
    }
}
