//! The line to the parent: reports go out, orders come in on a thread of their own, so that the end
//! of the parent is noticed at once, also in the middle of a step.

use crate::error::{Error, Result};
use crate::protocol::{Grade, Lines, Order, Report, Score, Scores, write_line};
use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

/// Orders that wait to be read; the parent waits beyond that.
const WAITING: usize = 4;

/// The parent.
pub(crate) struct Parent<W> {
    out: W,
    orders: Receiver<Result<Order>>,
    paused: bool,
    questions: u64,
}

impl<W: Write> Parent<W> {
    /// Starts to read. `orphaned` is called, on the reading thread, when the parent's end closes.
    pub(crate) fn new(
        input: impl BufRead + Send + 'static,
        out: W,
        orphaned: impl FnOnce() + Send + 'static,
    ) -> Result<Self> {
        let (sender, orders) = sync_channel(WAITING);
        let read = move || {
            let mut lines = Lines::new(input);
            loop {
                let order = match lines.read::<Order>() {
                    Ok(Some(order)) => Ok(order),
                    Ok(None) => break,
                    Err(error) => Err(Error::Parent(error)),
                };
                let last = order.is_err();
                if sender.send(order).is_err() || last {
                    // What went wrong is said first; then the parent's end is waited for.
                    lines.skip_all();
                    break;
                }
            }
            orphaned();
        };
        let thread = std::thread::Builder::new().name("orders".into());
        thread
            .spawn(read)
            .map_err(|e| Error::Engine(lm::Error::Threads(e.to_string())))?;
        Ok(Self {
            out,
            orders,
            paused: false,
            questions: 0,
        })
    }

    /// The next order, waited for.
    pub(crate) fn next(&mut self) -> Result<Order> {
        self.orders.recv().unwrap_or(Err(Error::Orphaned))
    }

    /// Tells the parent something.
    pub(crate) fn say(&mut self, report: &Report) -> Result<()> {
        write_line(&mut self.out, report).map_err(Error::Saying)
    }

    /// Whether a pause was asked for.
    pub(crate) fn paused(&mut self) -> Result<bool> {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.take(order?)?,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(self.paused),
            }
        }
    }

    fn take(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Pause => {
                self.paused = true;
                Ok(())
            }
            Order::Job { .. } => Err(Error::Job("a second job".into())),
            Order::Scores(_) | Order::Rewards(_) => {
                Err(Error::Job("an answer that nobody asked for".into()))
            }
        }
    }

    /// Asks for scores; returns the question's number.
    pub(crate) fn ask(&mut self, mut question: Score) -> Result<u64> {
        self.questions += 1;
        question.question = self.questions;
        self.say(&Report::Score(question))?;
        Ok(self.questions)
    }

    /// Asks for rewards, and waits for them.
    pub(crate) fn grade(&mut self, mut question: Grade) -> Result<Vec<f64>> {
        self.questions += 1;
        question.question = self.questions;
        self.say(&Report::Grade(question))?;
        loop {
            match self.next()? {
                Order::Rewards(told) if told.question == self.questions => return Ok(told.rewards),
                order => self.take(order)?,
            }
        }
    }

    /// The answer to a question, waited for.
    pub(crate) fn answer(&mut self, question: u64) -> Result<Scores> {
        loop {
            match self.next()? {
                Order::Scores(scores) if scores.question == question => return Ok(scores),
                Order::Scores(scores) => {
                    let got = scores.question;
                    let what = format!("an answer to question {got} in place of {question}");
                    return Err(Error::Job(what));
                }
                order => self.take(order)?,
            }
        }
    }
}
