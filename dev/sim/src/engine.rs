//! The world's clockwork: a heap of what happens next, one line for each thing that happens.
//! Memory is bounded by accounts and by what campaigns keep; lines go out as they are made.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::Path;

use crate::account::{Account, Work};
use crate::arrivals::Traces;
use crate::body::Params;
use crate::campaign::{self, Campaign};
use crate::error::SimError;
use crate::identity::rfc3339;
use crate::origin::Shared;
use crate::out::{Event, Sink};
use crate::scribe::Scribe;
use crate::talk::{Ask, Stock, Thread};
use crate::texts::{self, Texts, head};
use crate::threads;
use crate::workload::Content;
use crate::world::{TracesFrom, World};

mod write;

use write::Outcome;

/// Milliseconds of a day.
pub(crate) const DAY: f64 = 86_400_000.0;

/// What came of a world.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Exchanges, refused ones too.
    pub exchanges: u64,
    /// Those that served distillation.
    pub distilling: u64,
    /// Answered 429 or 403.
    pub refused: u64,
    /// Accounts.
    pub accounts: u64,
    /// How much of the world's time has passed, 0 to 1.
    pub passed: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Release(usize),
    Suspend(usize),
    Act(usize),
}

/// A world under way.
pub struct Engine<'a> {
    pub(crate) world: &'a World,
    pub(crate) seed: u64,
    pub(crate) span: (i64, i64),
    pub(crate) stock: Stock,
    pub(crate) accounts: Vec<Account>,
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) groups: Vec<VecDeque<Thread>>,
    /// Groups behind one address, with the place of their workload.
    pub(crate) offices: Vec<(usize, Shared)>,
    pub(crate) honest_mix: Vec<(usize, f64)>,
    pub(crate) due: BinaryHeap<Reverse<(i64, u64, Due)>>,
    pub(crate) ticket: u64,
    pub(crate) released: Vec<(i64, String)>,
    pub(crate) counts: Counts,
}

impl<'a> Engine<'a> {
    /// Makes a world ready: reads texts and traces, draws accounts.
    pub fn new(
        world: &'a World,
        seed: u64,
        data: Option<&Path>,
        sink: &mut dyn Sink,
    ) -> Result<Self, SimError> {
        let traces = match (world.traces, data) {
            (TracesFrom::Builtin, _) => Traces::builtin(),
            (TracesFrom::Data, Some(folder)) => Traces::load(folder)?,
            (TracesFrom::Data, None) => {
                return Err(SimError::DataMissing("the data folder".into()));
            }
        };
        let stock = Stock {
            texts: Texts::load(data, &world.families)?,
            traces,
            scribe: Scribe::default(),
            tools: texts::tool_sets(),
            dialect: world.dialect,
        };
        let mut engine = Self {
            world,
            seed: seed ^ world.number(),
            span: (world.start_ms()?, world.end_ms()?),
            stock,
            accounts: Vec::new(),
            campaigns: Vec::new(),
            groups: Vec::new(),
            offices: Vec::new(),
            honest_mix: Vec::new(),
            due: BinaryHeap::new(),
            ticket: 0,
            released: Vec::new(),
            counts: Counts::default(),
        };
        engine.honest(sink)?;
        engine.distilling(sink)?;
        for (place, release) in world.releases.iter().enumerate() {
            let at = engine.span.0 + (release.day * DAY) as i64;
            engine.plan(at, Due::Release(place));
        }
        Ok(engine)
    }

    pub(crate) fn plan(&mut self, at: i64, due: Due) {
        self.ticket += 1;
        self.due.push(Reverse((at, self.ticket, due)));
    }

    /// Runs the world to its end. `progress` is called now and then.
    pub fn run(
        mut self,
        sink: &mut dyn Sink,
        progress: &mut dyn FnMut(&Counts),
    ) -> Result<Counts, SimError> {
        while let Some(Reverse((now, _, due))) = self.due.pop() {
            if now >= self.span.1 || sink.is_full() {
                break;
            }
            match due {
                Due::Act(at) => self.act(at, now, sink)?,
                Due::Suspend(at) => self.suspend(at, now, sink)?,
                Due::Release(place) => {
                    let model = &self.world.releases[place].model;
                    self.released.push((now, model.clone()));
                    let time = rfc3339(now);
                    sink.event(&Event {
                        time: &time,
                        event: "model_released",
                        model: Some(model),
                        account: None,
                    })?;
                }
            }
            if self.counts.exchanges.is_multiple_of(8_192) {
                let all = (self.span.1 - self.span.0) as f64;
                self.counts.passed = (now - self.span.0) as f64 / all;
                progress(&self.counts);
            }
        }
        self.counts.passed = 1.0;
        progress(&self.counts);
        Ok(self.counts)
    }

    fn suspend(&mut self, at: usize, now: i64, sink: &mut dyn Sink) -> Result<(), SimError> {
        let account = &mut self.accounts[at];
        if account.done || account.left == 0 {
            return Ok(());
        }
        account.suspended = true;
        let time = rfc3339(now);
        let id = account.identity.row.id.clone();
        sink.event(&Event {
            time: &time,
            event: "account_suspended",
            model: None,
            account: Some(&id),
        })
    }

    /// What an account asks now.
    fn ask(&mut self, at: usize, now: i64) -> Ask {
        let account = &mut self.accounts[at];
        if let Some(ask) = account.pending.take() {
            return ask;
        }
        let hand = &mut campaign::hand(now, &mut account.draw, &self.stock);
        match &mut account.work {
            Work::Member(place) => match account.thread.take() {
                Some(thread) => self.campaigns[*place].go_on(thread, hand),
                None => self.campaigns[*place].next(account.number, hand),
            },
            Work::Honest(honest) => {
                let hopped = account
                    .group
                    .map(|group| &mut self.groups[group])
                    .filter(|open| open.front().is_some_and(|thread| thread.ready <= now))
                    .and_then(VecDeque::pop_front);
                match account.thread.take().or(hopped) {
                    Some(thread) => honest.go_on(thread, hand),
                    None => honest.next(hand),
                }
            }
        }
    }

    fn act(&mut self, at: usize, now: i64, sink: &mut dyn Sink) -> Result<(), SimError> {
        if self.accounts[at].done {
            return Ok(());
        }
        let mut ask = self.ask(at, now);
        let account = &mut self.accounts[at];
        let params = Params::draw(&account.identity.habits, &ask, &mut account.draw);
        if let Some(most) = params.max_tokens
            && ask.answer.len() > most as usize * 4
            && ask.call.is_none()
        {
            ask.answer = head(&ask.answer, most as usize * 4).into();
        }
        let within = account.within_limit(now);
        let status = match (account.suspended, within) {
            (true, _) => 403,
            (false, false) => 429,
            (false, true) => 200,
        };
        let duration = if status == 200 {
            ask.duration_ms(&mut account.draw)
        } else {
            account.draw.between(2, 30) as i64
        };
        let outcome = Outcome {
            params,
            status,
            duration,
        };
        self.write(at, now, &ask, &outcome, sink)?;
        match status {
            200 => self.served(at, ask, now + duration),
            _ => self.refused(at, ask, now, status, sink)?,
        }
        Ok(())
    }

    fn served(&mut self, at: usize, ask: Ask, ready: i64) {
        let account = &mut self.accounts[at];
        account.thread = match &mut account.work {
            Work::Member(place) => {
                self.campaigns[*place].got(&ask, account.number, ready, &mut account.draw)
            }
            Work::Honest(honest) => {
                honest.got(&ask, ready);
                let thread = ask.follow(ready);
                // Colleagues take conversations over; pools of honest resellers do it all the time.
                let hops = if account
                    .workload
                    .is_some_and(|row| row.content == Content::Tenants)
                {
                    0.5
                } else {
                    0.1
                };
                match (thread, account.group) {
                    (Some(thread), Some(group)) if account.draw.chance(hops) => {
                        let open = &mut self.groups[group];
                        if open.len() < 32 {
                            open.push_back(thread);
                        }
                        None
                    }
                    (thread, _) => thread,
                }
            }
        };
        let wait = match &account.thread {
            Some(thread) => threads::think_ms(
                thread,
                &mut campaign::hand(ready, &mut account.draw, &self.stock),
            ),
            None => 0,
        };
        match account.then(ready, wait, self.span.1, &self.stock.traces) {
            Some(next) => self.plan(next, Due::Act(at)),
            None => account.done = true,
        }
    }

    fn refused(
        &mut self,
        at: usize,
        ask: Ask,
        now: i64,
        status: u16,
        sink: &mut dyn Sink,
    ) -> Result<(), SimError> {
        let account = &mut self.accounts[at];
        let wait = account.back_off();
        let member = match &account.work {
            Work::Member(place) => {
                // Shards that share nothing don't share what was refused either.
                match self.campaigns[*place].level >= 4 {
                    true => account.pending = Some(ask),
                    false => self.campaigns[*place].rotate(ask),
                }
                Some(*place)
            }
            Work::Honest(_) => {
                account.pending = Some(ask);
                None
            }
        };
        if status == 429 || account.refused < 3 {
            self.plan(now + wait, Due::Act(at));
            return Ok(());
        }
        account.done = true;
        match (member, account.left) {
            (Some(place), left) if left > 0 => self.member(place, Some((now, left)), sink),
            _ => Ok(()),
        }
    }
}
