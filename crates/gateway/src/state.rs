//! What every stage of a request shares: the ledger, the table, the models, the settings, and how
//! far the server is on its way to the end. Nothing here acts on a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use guard::admission::{Credential, Purse, Table};
use hashbrown::HashMap;
use ledger::facts::Facts;
use parking_lot::Mutex;
use record::{Id, Reason, Time, id::kind};
use tokio::sync::{Notify, watch};

use crate::draw::Draw;
use crate::flood::Flood;
use crate::live::Live;
use crate::models::{Models, Numbered};
use crate::observer::Observer;
use crate::options::{Clock, Options, Random};
use crate::running::RunningKeys;

/// What a gateway is made of.
pub struct Parts {
    /// The ledger.
    pub facts: Facts,
    /// The table of credentials and limits, kept up to date by whoever made it.
    pub table: Arc<Table>,
    /// The models.
    pub models: Models,
    /// The clock.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The operator's settings.
    pub options: Options,
    /// Who is told of each request.
    pub observer: Arc<dyn Observer>,
}

/// How the door is, for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Connections.
    pub connections: usize,
    /// Requests that were let through and have not ended.
    pub in_flight: usize,
    /// Streams that run.
    pub streams: usize,
    /// Whether new requests are taken.
    pub open: bool,
}

/// How far the door is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It takes requests.
    Open,
    /// It takes none; answers that run have time to end.
    Draining,
    /// What still runs is cut.
    Cutting,
}

/// The data plane of one process.
pub struct Gateway {
    pub(crate) facts: Facts,
    pub(crate) table: Arc<Table>,
    pub(crate) models: ArcSwap<Numbered>,
    pub(crate) observer: Arc<dyn Observer>,
    clock: Clock,
    random: Random,
    draw: Draw,
    pub(crate) options: Options,
    pub(crate) live: Arc<Live>,
    pub(crate) running: RunningKeys,
    pub(crate) flood: Flood,
    /// Purses that have or await a slice, by their address.
    pub(crate) purses: Mutex<HashMap<usize, Arc<Purse>>>,
    /// Told whenever a reservation is done.
    pub(crate) reserved: Notify,
    pub(crate) stage: watch::Sender<Stage>,
    /// Requests that were let through and are not recorded yet.
    pub(crate) answering: AtomicUsize,
    /// Whether the ledger took entries when it was last looked at.
    recording: AtomicBool,
    pub(crate) connections: AtomicUsize,
    /// Since when it serves.
    pub(crate) started: Time,
}

impl Gateway {
    /// A gateway that listens nowhere yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        let started = (parts.clock)();
        Arc::new(Self {
            started,
            facts: parts.facts,
            table: parts.table,
            models: ArcSwap::from_pointee(parts.models.numbered(&*parts.observer)),
            observer: parts.observer,
            clock: parts.clock,
            random: parts.random,
            draw: Draw::default(),
            options: parts.options,
            live: Arc::default(),
            running: RunningKeys::default(),
            flood: Flood::default(),
            purses: Mutex::default(),
            reserved: Notify::new(),
            stage: watch::Sender::new(Stage::Open),
            answering: AtomicUsize::new(0),
            recording: AtomicBool::new(true),
            connections: AtomicUsize::new(0),
        })
    }

    /// Other models from now on; answers that run are not touched.
    pub fn set_models(&self, models: Models) {
        let numbered = models.numbered(&*self.observer);
        self.models.store(Arc::new(numbered));
    }

    /// The models now.
    pub fn models(&self) -> Arc<Models> {
        Arc::clone(&self.models.load().models)
    }

    /// How it is.
    pub fn status(&self) -> Status {
        Status {
            connections: self.connections.load(Ordering::Relaxed),
            in_flight: self.answering.load(Ordering::Relaxed),
            streams: self.live.len(),
            open: self.refuses().is_none(),
        }
    }

    /// The organisation that a credential's account belongs to.
    pub(crate) fn organization(&self, credential: &Credential) -> Option<Id<kind::Organization>> {
        let directory = self.facts.directory();
        let account = directory.account(credential.holder().account())?;
        Some(account.organization)
    }

    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }

    pub(crate) fn random_bytes(&self) -> [u8; 10] {
        self.draw.next(&self.random)
    }

    pub(crate) fn new_id(&self) -> Id<kind::Exchange> {
        Id::new(self.now(), self.random_bytes())
    }

    /// Why no request can be let through now, if none can.
    pub(crate) fn refuses(&self) -> Option<Reason> {
        if self.stage() > Stage::Open {
            return Some(Reason::ShuttingDown);
        }
        (!self.recording.load(Ordering::Relaxed)).then_some(Reason::LedgerUnavailable)
    }

    /// How far it is on its way to the end.
    pub(crate) fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Goes on to a stage, never back: each listener comes here at its own time.
    pub(crate) fn enter(&self, next: Stage) {
        self.stage.send_if_modified(|stage| {
            let later = next > *stage;
            *stage = next.max(*stage);
            later
        });
    }

    /// Done when what still runs is cut.
    pub(crate) async fn cutting(&self) {
        let mut stage = self.stage.subscribe();
        // The sender is in `self`, so that this ends with the stage alone.
        let _ = stage.wait_for(|stage| *stage == Stage::Cutting).await;
    }

    /// Looks whether the ledger takes entries. A request that it refuses meanwhile is refused.
    pub(crate) fn look_at_ledger(&self) {
        use ledger::State;
        let takes = matches!(
            self.facts.ledger().health().state,
            State::Good | State::Spooling
        );
        self.recording.store(takes, Ordering::Relaxed);
    }
}
