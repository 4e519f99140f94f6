//! One account over time: when it acts, what it is refused, how it goes on. Bounded state; no
//! decision of a guard is known here, refusals come from plan limits and suspensions alone.

use crate::arrivals::{self, Burst, Rhythm, Traces, Units};
use crate::draw::Draw;
use crate::honest::Honest;
use crate::identity::Identity;
use crate::talk::{Ask, Thread};
use crate::workload::{Beat, Content, Workload};

/// What an account works for.
#[derive(Debug)]
pub(crate) enum Work {
    /// Itself.
    Honest(Box<Honest>),
    /// A campaign, by its place.
    Member(usize),
}

/// An account.
#[derive(Debug)]
pub(crate) struct Account {
    /// Unique in the world.
    pub number: u32,
    /// How it looks.
    pub identity: Identity,
    /// Its randomness.
    pub draw: Draw,
    /// What for.
    pub work: Work,
    /// Which workload, where honest.
    pub workload: Option<&'static Workload>,
    /// Starts of its sessions and batches.
    pub units: Units,
    /// Exchanges still to have.
    pub left: u32,
    /// A conversation that goes on.
    pub thread: Option<Thread>,
    /// A request that was refused and is tried again.
    pub pending: Option<Ask>,
    /// Answered 403 from now on.
    pub suspended: bool,
    /// Sends nothing any more.
    pub done: bool,
    /// Group whose conversations hop, by its place.
    pub group: Option<usize>,
    /// How long after a release it goes over to a new model, and with which share of its traffic.
    pub adopts: (i64, f64),
    /// Mean gap inside a unit, and exchanges of a unit (0: one conversation).
    pub pace: (f64, u32),
    /// Refusals in a row.
    pub refused: u32,
    sent: u32,
    begun: u32,
    in_unit: u32,
    minute: (i64, u32),
}

impl Account {
    /// An account at its start.
    pub(crate) fn new(
        number: u32,
        identity: Identity,
        draw: Draw,
        work: Work,
        units: Units,
        left: u32,
    ) -> Self {
        Self {
            number,
            identity,
            draw,
            work,
            workload: None,
            units,
            left,
            thread: None,
            pending: None,
            suspended: false,
            done: false,
            group: None,
            adopts: (i64::MAX, 0.0),
            pace: (5_000.0, 1),
            refused: 0,
            sent: 0,
            begun: 1,
            in_unit: 0,
            minute: (0, 0),
        }
    }

    /// Counts a request against the plan; false where it is over the plan's rate.
    pub(crate) fn within_limit(&mut self, now: i64) -> bool {
        let most = match self.identity.row.plan {
            "free" => 12,
            "payg" => 60,
            "team" => 120,
            _ => 600,
        };
        let minute = now / 60_000;
        if self.minute.0 != minute {
            self.minute = (minute, 0);
        }
        self.minute.1 += 1;
        self.minute.1 <= most
    }

    /// Waits after a refusal: programs double their wait.
    pub(crate) fn back_off(&mut self) -> i64 {
        self.refused += 1;
        let base = 1_500.0 * f64::from(1u32 << self.refused.min(6));
        (base * (0.5 + self.draw.unit())) as i64
    }

    /// One exchange was had, and ends at `ready`. When is the next?
    pub(crate) fn then(&mut self, ready: i64, wait: i64, end: i64, traces: &Traces) -> Option<i64> {
        self.refused = 0;
        self.sent += 1;
        self.in_unit += 1;
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return None;
        }
        let goes_on = match self.pace.1 {
            0 => self.thread.is_some(),
            batch => self.in_unit < batch,
        };
        if goes_on {
            let gap = match self.thread.is_some() {
                true => wait,
                false => traces.gap(Burst::Code, self.pace.0, &mut self.draw),
            };
            return Some(ready + gap);
        }
        self.in_unit = 0;
        // Units turn out longer or shorter than thought: spread what is left over the time left.
        let mean = f64::from(self.sent) / f64::from(self.begun);
        self.units
            .retune((f64::from(self.left) / mean).ceil().max(1.0) as u32);
        self.begun += 1;
        let pause = traces.gap(Burst::Chat, self.pace.0 * 2.0, &mut self.draw);
        let next = self.units.next(&mut self.draw).unwrap_or(ready + pause);
        Some(next.max(ready + pause)).filter(|next| *next < end)
    }
}

/// When an honest workload is active.
pub(crate) fn rhythm(beat: Beat, east: i32, traces: &Traces, draw: &mut Draw) -> Rhythm {
    match beat {
        Beat::Evenings => arrivals::human(east, 0.25),
        Beat::Office => arrivals::human(east, 0.85),
        Beat::Client => traces.client(draw),
        Beat::Nightly => arrivals::nightly(east, draw.below(6)),
        Beat::Overnight => arrivals::overnight(east),
        Beat::Flat | Beat::Release => arrivals::flat(),
        Beat::Lesson => arrivals::human(east, 0.5),
    }
}

/// Exchanges of a unit, before any was seen.
pub(crate) fn guess(workload: &Workload) -> f64 {
    if workload.batch > 0 {
        return f64::from(workload.batch);
    }
    match workload.content {
        Content::Tools => 7.0,
        Content::Support => 6.0,
        Content::Chat => 4.0,
        Content::Tenants => 3.0,
        _ => 1.2,
    }
}
