//! What the ledger's threads and its front share.
//! Only wiring: each part does its own work.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::chain::{ChainId, Head, Seq};
use crate::disk::Disk;
use crate::folding::FoldLine;
use crate::heads::HeadsFile;
use crate::health::{Health, State};
use crate::journal::Journal;
use crate::keys::Keys;
use crate::lease::Lease;
use crate::options::Clock;
use crate::source::Source;
use crate::store::Store;
use crate::vault::Vault;
use crate::{Error, Result};

pub(crate) struct Core {
    pub(crate) folder: PathBuf,
    pub(crate) heads_path: PathBuf,
    pub(crate) chain: ChainId,
    pub(crate) clock: Clock,
    pub(crate) keys: Keys,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) journal_dir: PathBuf,
    pub(crate) fold: FoldLine,
    pub(crate) fold_every: Duration,
    pub(crate) head_every: Duration,
    pub(crate) heads: HeadsFile,
    pub(crate) attested: AtomicU64,
    pub(crate) vault: Vault,
    pub(crate) keeper: Keeper,
    /// One prune or erasure at a time.
    pub(crate) retention: Mutex<()>,
    pub(crate) cut_bytes: u64,
    /// The last entry that the start found.
    pub(crate) opened_at: Seq,
    pub(crate) _lease: Lease,
}

/// The keeper's bell and its last trouble.
#[derive(Default)]
pub(crate) struct Keeper {
    pub(crate) stop: Mutex<bool>,
    pub(crate) bell: Condvar,
    pub(crate) error: Mutex<Option<String>>,
    pub(crate) closed: AtomicBool,
}

impl Core {
    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    pub(crate) fn source(&self) -> Source {
        Source {
            disk: Arc::clone(&self.disk),
            journal_dir: self.journal_dir.clone(),
            store: Arc::clone(&self.store),
            journal: Some(Arc::clone(&self.journal)),
        }
    }

    /// Signs a head where something was appended since the last, as an entry and as a line of
    /// the heads file. The entry is on the device before the line is written.
    pub(crate) fn sign_head(&self) -> Result<()> {
        let since = self.attested.load(Ordering::Acquire);
        let Some(tip) = self
            .journal
            .append_head(&self.keys.signing, self.now(), since)?
        else {
            return Ok(());
        };
        self.journal.sync_to(tip.seq)?;
        let head = Head::sign(
            &self.keys.signing,
            self.chain,
            tip.seq,
            tip.hash,
            tip.time_us,
        );
        self.heads.append(&head)?;
        self.attested.store(tip.seq, Ordering::Release);
        Ok(())
    }

    /// Appends one of the ledger's own entries and waits until it is on the device.
    pub(crate) fn bind_own(&self, kind: u16, payload: &[u8]) -> Result<Seq> {
        if self.journal.is_closed() {
            return Err(Error::Closed);
        }
        let draft = crate::Draft::new(kind, 1, payload);
        let seq = self.journal.append_own(&[draft], self.now())?.last;
        self.journal.sync_to(seq)?;
        Ok(seq)
    }

    pub(crate) fn health(&self) -> Health {
        let poisoned = self.journal.line().poisoned();
        let store = self.journal.store_error();
        let state = if self.keeper.closed.load(Ordering::Acquire) {
            State::Closed
        } else if poisoned.is_some() {
            State::Poisoned
        } else if self.journal.is_full() {
            State::Full
        } else if store.is_some() {
            State::Spooling
        } else {
            State::Good
        };
        // In this order, so that no number is ahead of the one before it.
        let folded = self.fold.folded();
        let synced = self.journal.line().synced();
        Health {
            state,
            appended: self.journal.tip().seq,
            synced,
            folded,
            attested: self.attested.load(Ordering::Acquire),
            unfolded_bytes: self.journal.unfolded_bytes(),
            cut_bytes: self.cut_bytes,
            error: poisoned
                .or(store)
                .or_else(|| self.keeper.error.lock().clone()),
        }
    }
}
