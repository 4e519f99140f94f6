//! The model's one thread: takes requests in, and runs all that is under way in one forward pass
//! after another (continuous batching; Yu et al., "Orca", OSDI 2022). Prompts are read in chunks
//! beside the answers that are being written, so that a long prompt does not stop them. It knows
//! tokens alone: no formats, no clients but for the lines that their events go to.
//!
//! A sequence whose client does not read gives its slot up and rests until the client has read
//! all. It keeps its cache while all caches together fit what the slots may take at most; then
//! the caches of those that have rested longest are dropped, and computed again when they go on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lm::{Cache, Model, Step};

use crate::job::{Job, Line, Prompt};
use crate::options::Clock;
use crate::prefixes::Prefixes;
use crate::sequence::{Fork, Outcome, Sequence};
use crate::shared::Shared;

/// All that is under way.
pub(crate) struct Scheduler {
    model: Arc<Model>,
    shared: Arc<Shared>,
    clock: Clock,
    slots: usize,
    /// Bytes of all caches beyond which those at rest lose theirs.
    memory: usize,
    /// Prompts without a slot, oldest first.
    waiting: VecDeque<(Arc<Line>, Prompt)>,
    /// Prompts that were read, with answers that have not begun.
    forks: VecDeque<Fork>,
    running: Vec<Sequence>,
    /// Sequences whose clients are to read first, those that have rested longest first.
    resting: VecDeque<Sequence>,
    /// Prompts that were read, for others that begin as they do.
    prefixes: Prefixes,
}

impl Scheduler {
    /// With so many slots, at least one.
    pub(crate) fn new(model: Arc<Model>, shared: Arc<Shared>, clock: Clock, slots: usize) -> Self {
        Self {
            memory: model.cache_memory(model.context()).saturating_mul(slots),
            model,
            shared,
            clock,
            slots,
            waiting: VecDeque::new(),
            forks: VecDeque::new(),
            running: Vec::new(),
            resting: VecDeque::new(),
            prefixes: Prefixes::default(),
        }
    }

    /// Works until it is stopped.
    pub(crate) fn run(&mut self) {
        let mut idle = true;
        while let Some(jobs) = self.shared.take(idle) {
            idle = !self.turn(jobs);
        }
    }

    /// Takes new requests in and runs one step; false where nothing can be done until something
    /// happens.
    fn turn(&mut self, jobs: Vec<Job>) -> bool {
        for Job { line, prompts } in jobs {
            let line = Arc::new(line);
            self.waiting
                .extend(prompts.into_iter().map(|p| (Arc::clone(&line), p)));
        }
        self.forget_the_gone();
        self.rest();
        self.go_on();
        self.begin_answers();
        self.admit();
        // Who has a slot and could not use it rests in the next turn, and others get the slot.
        self.step() || !self.running.is_empty()
    }

    /// Removes what nobody waits for any more.
    fn forget_the_gone(&mut self) {
        self.waiting.retain(|(line, _)| !line.is_gone());
        self.forks.retain(|fork| !fork.line.is_gone());
        self.running.retain(|sequence| !sequence.line.is_gone());
        self.resting.retain(|sequence| !sequence.line.is_gone());
    }

    /// Takes the slots of those whose clients do not read.
    fn rest(&mut self) {
        let stops = |sequence: &mut Sequence| !sequence.line.has_room();
        self.resting.extend(self.running.extract_if(.., stops));
    }

    /// Gives free slots to those whose clients have read again.
    fn go_on(&mut self) {
        let mut at = 0;
        while self.running.len() < self.slots
            && let Some(sequence) = self.resting.get(at)
        {
            if sequence.line.is_drained() {
                self.running.extend(self.resting.remove(at));
            } else {
                at += 1;
            }
        }
    }

    /// Gives free slots to answers whose prompt is read.
    fn begin_answers(&mut self) {
        let mut resting = VecDeque::new();
        while self.running.len() < self.slots
            && let Some(mut fork) = self.forks.pop_front()
        {
            if !fork.line.has_room() {
                resting.push_back(fork);
                continue;
            }
            self.running.extend(fork.begin());
            if fork.is_spent() {
                self.ended(&fork.line);
            } else {
                self.forks.push_front(fork);
            }
        }
        resting.append(&mut self.forks);
        self.forks = resting;
    }

    /// Gives free slots to waiting prompts: first to requests that have the fewest. Who could not
    /// take a slot keeps none.
    fn admit(&mut self) {
        let kept = self.forks.iter().filter(|fork| fork.line.has_room());
        let kept = kept.count();
        while self.running.len() + kept < self.slots {
            let slots_of = |line: &Arc<Line>| {
                self.running
                    .iter()
                    .filter(|sequence| Arc::ptr_eq(&sequence.line, line))
                    .count()
            };
            let slots = self.waiting.iter().enumerate();
            let slots = slots.filter(|(_, (line, _))| line.has_room());
            let slots = slots.map(|(at, (line, _))| (at, slots_of(line)));
            // The first of the least.
            let Some((at, _)) = slots.min_by_key(|&(_, slots)| slots) else {
                return;
            };
            let Some((line, prompt)) = self.waiting.remove(at) else {
                return;
            };
            let known = self.prefixes.find(&prompt);
            let cache = known.unwrap_or_else(|| self.model.cache_on(prompt.path));
            self.running.push(Sequence::read(line, prompt, cache));
        }
    }

    /// Every cache.
    fn caches(&self) -> impl Iterator<Item = &Cache> {
        let sequences = self.running.iter().chain(&self.resting);
        let forks = self.forks.iter().filter_map(Fork::cache);
        let caches = sequences.map(Sequence::cache).chain(forks);
        caches.chain(self.prefixes.caches())
    }

    /// Bytes that the step at hand adds.
    fn growth(&self) -> usize {
        let sequences = self.running.iter().chain(&self.resting);
        sequences.map(|s| s.growth(&self.model)).sum()
    }

    /// Bytes of all caches after the step at hand, if none shared anything.
    fn apart(&self) -> usize {
        self.growth() + self.caches().map(Cache::memory).sum::<usize>()
    }

    /// Bytes of all caches after the step at hand; what several share counts once.
    fn held(&self) -> usize {
        self.growth() + Cache::memory_together(self.caches())
    }

    /// Drops caches that nobody works on while all together take too much: prompts kept for others
    /// first, then those of sequences at rest, then those of prompts whose answers rest.
    fn keep_within_memory(&mut self) {
        // What several share is looked up only where it could matter: this runs for each token.
        if self.apart() <= self.memory {
            return;
        }
        while self.held() > self.memory {
            if !(self.prefixes.drop_oldest() || self.forget_sequence() || self.forget_prompt()) {
                return;
            }
        }
    }

    /// Drops the cache of the sequence that has rested longest; false where none has one.
    fn forget_sequence(&mut self) -> bool {
        let mut resting = self.resting.iter_mut();
        let oldest = resting.find(|sequence| !sequence.cache().is_empty());
        oldest.map(Sequence::forget).is_some()
    }

    /// Drops the cache of a prompt whose client does not read; false where there is none.
    fn forget_prompt(&mut self) -> bool {
        let at = self.forks.iter().position(|fork| !fork.line.has_room());
        let fork = at.and_then(|at| self.forks.remove(at));
        let forgotten = fork.map(|fork| self.waiting.push_front(fork.forget()));
        forgotten.is_some()
    }

    /// Shares one step out: first a row to each answer, then what is left to prompts, oldest
    /// first. Returns the number of rows.
    fn share_out(&mut self) -> usize {
        let mut writing = 0;
        for sequence in self.running.iter_mut().filter(|s| s.is_writing()) {
            sequence.share = usize::from(sequence.line.has_room());
            writing += sequence.share;
        }
        let rows = self.shared.pace.lock().rows(writing > 0);
        let mut left = rows.saturating_sub(writing).max(1);
        let mut reading = 0;
        for sequence in self.running.iter_mut().filter(|s| !s.is_writing()) {
            let rests = left == 0 || !sequence.line.has_room();
            sequence.share = if rests { 0 } else { sequence.ready().min(left) };
            left -= sequence.share;
            reading += sequence.share;
        }
        writing + reading
    }

    /// One forward pass; false where there was nothing to do.
    fn step(&mut self) -> bool {
        let rows = self.share_out();
        if rows == 0 {
            return false;
        }
        self.keep_within_memory();
        let started = (self.clock)();
        let at_work = self.running.iter_mut().filter(|s| s.share > 0);
        let mut steps: Vec<Step<'_>> = at_work.map(Sequence::step).collect();
        let outputs = self.model.forward(&mut steps);
        drop(steps);
        let took = Duration::from_micros((self.clock)().micros_since(started));
        self.shared.pace.lock().stepped(rows, took);
        match outputs {
            Ok(outputs) => self.hand_out(outputs),
            Err(error) => {
                // Prompts are checked before they come here, so this is a mistake of ours; which
                // sequence it was is not known, so none of the step goes on.
                tracing::error!(%error, "the model refused a step");
                let at_work = self.running.iter().filter(|s| s.share > 0);
                at_work.for_each(|sequence| sequence.line.tear());
            }
        }
        true
    }

    fn hand_out(&mut self, outputs: Vec<lm::Output>) {
        let mut outputs = outputs.into_iter();
        for sequence in std::mem::take(&mut self.running) {
            if sequence.share == 0 {
                self.running.push(sequence);
                continue;
            }
            match sequence.take(outputs.next().unwrap_or_default()) {
                Outcome::More(sequence) => self.running.push(sequence),
                Outcome::Read(fork) => {
                    self.prefixes.keep(&fork);
                    self.forks.push_back(fork);
                }
                Outcome::Done(line) => self.ended(&line),
            }
        }
    }

    /// Notes the end of a request, where nothing but this line is left of it.
    fn ended(&self, line: &Arc<Line>) {
        if Arc::strong_count(line) == 1 {
            let took = Duration::from_micros((self.clock)().micros_since(line.since));
            self.shared.pace.lock().finished(took);
        }
    }
}

#[cfg(test)]
mod tests;
