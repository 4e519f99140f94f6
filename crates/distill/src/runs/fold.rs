//! Every run, folded once and kept up to date: what is asked of a run costs the entries that speak
//! of it and were not read before, whatever else the ledger holds. Nothing is written here.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger::facts::{Facts, RunEntries};
use ledger::{Reader, Seq};
use record::id::kind;
use record::{Actor, Amount, Cause, Id, RunEvent, Stage};

use super::{Told, events};
use crate::error::{Error, Result};
use crate::plan::{self, Next};
use crate::state::{Illegal, State};

/// Entries of a run that lie no further apart are read in one go.
const NEAR: Seq = 64;

/// A run, as its entries tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Which.
    pub id: Id<kind::Run>,
    /// Where it stands.
    pub state: State,
    /// The entry that made it.
    pub entry: Seq,
    /// The last entry that speaks of it.
    pub revision: Seq,
    /// Its moves and alarms, in order.
    pub notes: Vec<Told>,
    /// Paid calls that were answered.
    pub bought: u64,
    /// Paid calls whose answer was lost or no use.
    pub lost: u64,
    /// What was spent when so many steps stood.
    pub course: BTreeMap<u64, Amount>,
    /// The house itself paused it, because it stopped.
    is_left: bool,
}

impl Run {
    /// The run after its first event.
    ///
    /// # Errors
    /// It is not the one that creates a run.
    pub fn new(told: &Told) -> Result<Self> {
        let state = State::new(&told.event)?;
        Ok(Self {
            id: told.run,
            entry: told.seq,
            revision: told.seq,
            notes: Vec::new(),
            bought: 0,
            lost: 0,
            course: BTreeMap::from([(0, state.spent)]),
            is_left: false,
            state,
        })
    }

    /// Takes in the next event.
    ///
    /// # Errors
    /// It cannot follow those before it; then nothing was taken in.
    pub fn take(&mut self, told: &Told) -> Result<()> {
        self.state.apply(&told.event)?;
        self.revision = told.seq;
        let steps = self.state.steps.len() as u64;
        match &told.event {
            RunEvent::Moved {
                to,
                cause,
                actor,
                back_to,
                ..
            } => {
                self.is_left = *to == Stage::Paused
                    && *actor == Actor::House
                    && matches!(cause, Cause::Asked(_));
                // Steps that fell are paid by the one that it went back to.
                if back_to.is_some() {
                    self.course.retain(|known, _| *known <= steps);
                }
                self.notes.push(told.clone());
            }
            RunEvent::Alarmed { .. } => self.notes.push(told.clone()),
            RunEvent::Bought { .. } => self.bought += 1,
            RunEvent::Lost { .. } => self.lost += 1,
            _ => {}
        }
        self.course.insert(steps, self.state.spent);
        Ok(())
    }

    /// Whether who drove it left it before its end: it was cut off, or paused by the house itself
    /// because that stopped. What a person or a measurement stopped is not left.
    pub fn is_left(&self) -> bool {
        match plan::next(&self.state) {
            Next::Wait => self.is_left && !self.state.came_so_far(),
            Next::End => false,
            _ => true,
        }
    }
}

/// Every run, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct All {
    /// Those whose entries fit together.
    pub runs: Vec<Arc<Run>>,
    /// The others. They stand in nobody's way.
    pub broken: Vec<Broken>,
}

/// A run with an entry that cannot follow those before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// Which.
    pub id: Id<kind::Run>,
    /// It before that entry; `None` where that is its first.
    pub before: Option<Arc<Run>>,
    /// Why the entry cannot follow.
    pub why: Illegal,
}

/// Where entries are read from.
enum Source {
    /// The ledger that this process holds; it knows where the entries of runs are.
    Held(Facts),
    /// A ledger's files, which are looked through once.
    Files(Box<Reader>),
}

#[derive(Default)]
struct Known {
    runs: BTreeMap<Id<kind::Run>, Arc<Run>>,
    /// Of files: where the entries of runs are, as far as was read.
    index: RunEntries,
    read: Seq,
}

/// Every run of a ledger.
pub struct Runs {
    source: Source,
    known: Mutex<Known>,
    read: AtomicU64,
}

impl Runs {
    /// The runs of a ledger that this process holds.
    pub fn held(facts: Facts) -> Self {
        Self::over(Source::Held(facts))
    }

    /// The runs of a ledger that is only read, perhaps beside a server.
    pub fn files(reader: Reader) -> Self {
        Self::over(Source::Files(Box::new(reader)))
    }

    fn over(source: Source) -> Self {
        Self {
            source,
            known: Mutex::default(),
            read: AtomicU64::new(0),
        }
    }

    /// One run, as it is now.
    ///
    /// # Errors
    /// [`Error::NoRun`]; the ledger's; entries that do not fit together.
    pub fn one(&self, run: Id<kind::Run>) -> Result<Arc<Run>> {
        let mut known = self.looked()?;
        self.now(&mut known, run)
    }

    /// Every run.
    ///
    /// # Errors
    /// The ledger's.
    pub fn all(&self) -> Result<All> {
        let mut known = self.looked()?;
        let ids: Vec<Id<kind::Run>> = match &self.source {
            Source::Held(facts) => facts.runs(),
            Source::Files(_) => known.index.runs().collect(),
        };
        let (mut runs, mut broken) = (Vec::new(), Vec::new());
        for id in ids {
            match self.now(&mut known, id) {
                Ok(run) => runs.push(run),
                Err(Error::Illegal(why)) => broken.push(Broken {
                    id,
                    before: known.runs.get(&id).map(Arc::clone),
                    why,
                }),
                Err(error) => return Err(error),
            }
        }
        Ok(All { runs, broken })
    }

    /// How many entries were read for all that was asked so far.
    pub fn entries_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// What is known, with files looked through up to their end.
    fn looked(&self) -> Result<MutexGuard<'_, Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Source::Files(reader) = &self.source {
            for entry in reader.read(known.read + 1..) {
                let entry = entry?;
                self.read.fetch_add(1, Ordering::Relaxed);
                known.index.take(&entry)?;
                known.read = entry.header.seq;
            }
        }
        Ok(known)
    }

    fn now(&self, known: &mut Known, id: Id<kind::Run>) -> Result<Arc<Run>> {
        let behind = known.runs.get(&id).map_or(0, |run| run.revision);
        let wanted = match &self.source {
            Source::Held(facts) => facts.entries_of_run(id, behind),
            Source::Files(_) => known.index.of(id, behind).to_vec(),
        };
        for span in spans(&wanted) {
            for told in self.told(span) {
                let told = told?;
                if told.run != id {
                    continue;
                }
                match known.runs.get_mut(&id) {
                    Some(run) => Arc::make_mut(run).take(&told)?,
                    None => drop(known.runs.insert(id, Arc::new(Run::new(&told)?))),
                }
            }
        }
        let found = known.runs.get(&id).map(Arc::clone);
        found.ok_or_else(|| Error::NoRun(id.to_string()))
    }

    fn told(&self, span: RangeInclusive<Seq>) -> impl Iterator<Item = Result<Told>> {
        let entries = match &self.source {
            Source::Held(facts) => facts.ledger().read(span),
            Source::Files(reader) => reader.read(span),
        };
        events(entries.inspect(|_| {
            self.read.fetch_add(1, Ordering::Relaxed);
        }))
    }
}

/// Runs of positions that lie near each other.
fn spans(wanted: &[Seq]) -> Vec<RangeInclusive<Seq>> {
    let mut spans: Vec<RangeInclusive<Seq>> = Vec::new();
    for seq in wanted {
        match spans.last_mut() {
            Some(last) if seq - last.end() <= NEAR => *last = *last.start()..=*seq,
            _ => spans.push(*seq..=*seq),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;
    use record::Fact;

    use crate::plan::tests::{created, events as written};

    fn facts(folder: &std::path::Path) -> Facts {
        let (clock, random) = (|| 1, |bytes: &mut [u8]| bytes.fill(7));
        let options = ledger::Options::new(folder, Arc::new(clock), Arc::new(random));
        Facts::open(options, "test").unwrap()
    }

    /// Something that is no run's.
    fn other(facts: &Facts, number: u8) {
        let settled = Fact::SliceSettled {
            slice: Id::from_bytes([number; 16]),
            spent: Amount::ZERO,
            overrun: Amount::ZERO,
        };
        for _ in 0..number {
            facts.observe(&settled).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        /// What was folded while it happened is what a start and a reader fold, after a close and
        /// in the middle.
        #[test]
        fn what_is_replayed_is_what_was_live(
            steps in prop::collection::vec((0..3_u8, any::<u8>(), 0..90_u8, any::<bool>()), 1..60),
            stored in 0..60_usize,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let held = facts(folder.path());
            let live = Runs::held(held.clone());
            for (at, (which, whim, noise, looks)) in steps.iter().enumerate() {
                other(&held, *noise);
                let id = Id::from_bytes([*which + 1; 16]);
                let known = live.one(id).ok();
                let events = match &known {
                    None => vec![created(true, true)],
                    Some(run) => written(&run.state, *whim),
                };
                for event in events {
                    let event = Box::new(event);
                    drop(held.bind(&Fact::Run { run: id, event }).unwrap());
                }
                if *looks {
                    let whole = crate::runs::state(held.ledger().read(1..), id).unwrap();
                    prop_assert_eq!(&live.one(id).unwrap().state, &whole);
                }
                if at == stored {
                    held.snapshot(0).unwrap();
                }
            }
            let all = live.all().unwrap();
            prop_assert!(all.broken.is_empty());
            prop_assert_eq!(&Runs::held(held.clone()).all().unwrap(), &all);
            let reader = Reader::open(folder.path(), None).unwrap();
            prop_assert_eq!(&Runs::files(reader).all().unwrap(), &all);
            drop(live);
            held.close().unwrap();
            drop(held);
            prop_assert_eq!(&Runs::held(facts(folder.path())).all().unwrap(), &all);
        }
    }

    #[test]
    fn a_broken_run_stands_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let held = facts(folder.path());
        let bind = |run, event| {
            let event = Box::new(event);
            drop(held.bind(&Fact::Run { run, event }).unwrap());
        };
        let [one, broken, headless, other] = [1, 2, 3, 4].map(|n| Id::from_bytes([n; 16]));
        let elsewhere = RunEvent::Moved {
            from: Stage::Paused,
            to: Stage::Plan,
            cause: Cause::Done,
            actor: Actor::House,
            back_to: None,
        };
        for run in [one, broken, other] {
            bind(run, created(true, true));
        }
        bind(broken, elsewhere.clone());
        bind(headless, elsewhere);
        let runs = Runs::held(held.clone());
        // Looked at twice: it stays as it is.
        for _ in 0..2 {
            let all = runs.all().unwrap();
            let good: Vec<_> = all.runs.iter().map(|run| run.id).collect();
            assert_eq!(good, [one, other]);
            let found = |at: usize| {
                let broken = &all.broken[at];
                (broken.id, broken.before.is_some(), broken.why.clone())
            };
            let (is, said) = (Stage::Draft, Stage::Paused);
            assert_eq!(found(0), (broken, true, Illegal::Elsewhere { is, said }));
            assert_eq!(found(1), (headless, false, Illegal::NotCreated));
            assert!(matches!(runs.one(broken), Err(Error::Illegal(_))));
        }
        let reader = Reader::open(folder.path(), None).unwrap();
        assert_eq!(
            Runs::files(reader).all().unwrap(),
            Runs::held(held).all().unwrap()
        );
    }

    #[test]
    fn what_lies_near_is_read_in_one_go() {
        assert!(spans(&[]).is_empty());
        assert_eq!(spans(&[3, 4, 68, 200]), [3..=68, 200..=200]);
    }
}
