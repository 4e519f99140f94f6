//! Starting and ending a ledger: what is read and checked before the first append, the threads,
//! and the order in which they end, so that nothing acknowledged depends on an orderly end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::backup::{HEADS_FILE, JOURNAL_DIR, VAULT_FILE};
use crate::chain::{Head, Seq, Tip};
use crate::core::{Core, Keeper};
use crate::disk::Disk;
use crate::folder::{Folder, GroupOut, Old};
use crate::folding::FoldLine;
use crate::heads::{HeadsFile, attested};
use crate::journal::{Journal, JournalOptions, Known};
use crate::keys::Keys;
use crate::lease::Lease;
use crate::ledger::Parts;
use crate::options::Options;
use crate::store::Store;
use crate::vault::Vault;
use crate::{Error, Result};

/// The ledger's threads and what they share.
pub(crate) struct Front {
    pub(crate) core: Arc<Core>,
    pub(crate) threads: Mutex<Threads>,
}

/// The threads that run.
#[derive(Default)]
pub(crate) struct Threads {
    pub(crate) sync: Option<JoinHandle<()>>,
    pub(crate) fold: Option<JoinHandle<()>>,
    pub(crate) keeper: Vec<JoinHandle<()>>,
}

impl Front {
    pub(crate) fn close(&self) -> Result<()> {
        let core = &self.core;
        let mut threads = self.threads.lock();
        core.journal.close();
        let Some(sync) = threads.sync.take() else {
            return Ok(());
        };
        *core.keeper.stop.lock() = true;
        core.keeper.bell.notify_all();
        let mut ended = true;
        for thread in threads.keeper.drain(..) {
            ended &= thread.join().is_ok();
        }
        let signed = core.sign_head();
        core.journal.line().stop();
        ended &= sync.join().is_ok();
        core.fold.stop();
        if let Some(fold) = threads.fold.take() {
            ended &= fold.join().is_ok();
        }
        core.keeper.closed.store(true, Ordering::Release);
        signed?;
        if !ended {
            return Err(Error::Poisoned(
                "a thread of the ledger ended before its time".into(),
            ));
        }
        match core.journal.store_error() {
            Some(cause) => Err(Error::Store {
                what: "folding the last entries",
                cause,
            }),
            None => Ok(()),
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Nobody is left to tell; what was acknowledged is in the journal.
        drop(self.close());
    }
}

/// Opens everything, and checks that it is what was attested.
pub(crate) fn build(options: Options, parts: Parts, lease: Lease) -> Result<Core> {
    let Parts { disk, store } = parts;
    let folder = options.folder;
    let keys = Keys::open(&folder, &options.random)?;
    let chain = keys.chain();
    match store.meta("chain")? {
        None => store.set_meta("chain", &chain)?,
        Some(known) if known == chain => {}
        Some(_) => {
            let what = "the store belongs to another chain than the signing key";
            return Err(Error::damage(0, "the store", what));
        }
    }
    let heads_path = options
        .heads_file
        .unwrap_or_else(|| folder.join(HEADS_FILE));
    let (heads, newest) = open_heads(&*disk, &heads_path, &keys)?;
    let folded = store.tip()?.unwrap_or_else(|| Tip::start(&chain));
    let journal_dir = folder.join(JOURNAL_DIR);
    let journal_options = JournalOptions {
        disk: Arc::clone(&disk),
        dir: journal_dir.clone(),
        random: Arc::clone(&options.random),
        segment_bytes: options.segment_bytes,
        max_unfolded_bytes: options.max_unfolded_bytes,
        buffer_bytes: options.fold_buffer_bytes,
        refuse_when_store_down: options.refuse_when_store_down,
    };
    let known = Known {
        chain,
        folded,
        attested: attested(newest.as_ref()),
    };
    let (journal, cut_bytes) = Journal::open(journal_options, known)?;
    let opened_at = journal.tip().seq;
    let vault_path = folder.join(VAULT_FILE);
    let vault = Vault::open(&vault_path, keys.vault, options.random, options.vault)?;
    let core = Core {
        heads_path,
        chain,
        clock: options.clock,
        keys,
        disk,
        store,
        journal: Arc::new(journal),
        journal_dir,
        fold: FoldLine::new(folded.seq),
        fold_every: options.fold_every,
        head_every: options.head_every,
        heads,
        attested: AtomicU64::new(known.attested),
        vault,
        keeper: Keeper::default(),
        retention: Mutex::new(()),
        cut_bytes,
        opened_at,
        folder,
        _lease: lease,
    };
    if let Some(head) = newest {
        check_attested(&core, &head)?;
    }
    Ok(core)
}

/// The setting that tells which version of the folder filled the sums.
const FOLDS: &str = "folds";

/// Sees that the store's sums are what this version of the folder keeps, before it goes on.
pub(crate) fn upgrade(
    store: &dyn Store,
    folder: &mut dyn Folder,
    progress: &dyn Fn(Seq, Seq),
) -> Result<()> {
    let known = folder.version();
    if known == 0 {
        return Ok(());
    }
    let version = known.to_le_bytes();
    let Some(tip) = store.tip()? else {
        return store.set_meta(FOLDS, &version);
    };
    // The first version did not say which it was.
    let found = store.meta(FOLDS)?.map_or(1, |bytes| {
        bytes.try_into().map_or(u64::MAX, u64::from_le_bytes)
    });
    if found > known {
        let place = "the sums in the store".into();
        return Err(Error::Format {
            place,
            found,
            known,
        });
    }
    if found == known {
        return Ok(());
    }
    let mut out = GroupOut::default();
    let old = Old {
        store,
        from: found,
        tip: tip.seq,
        progress,
    };
    folder.upgrade(&old, &mut out)?;
    store.amend(&out, FOLDS, &version)
}

/// Opens the heads file; its newest line must be this ledger's own.
fn open_heads(disk: &dyn Disk, path: &Path, keys: &Keys) -> Result<(HeadsFile, Option<Head>)> {
    let (heads, newest) = HeadsFile::open(disk, path)?;
    let damage = |what| Err(Error::damage(0, format!("{path:?}"), what));
    match newest {
        Some(head) if head.chain != keys.chain() => {
            damage("the heads file belongs to another chain")
        }
        Some(head) if !head.is_signed_by(&keys.signing.verifying_key()) => {
            damage("the newest line is not signed by the ledger's key")
        }
        newest => Ok((heads, newest)),
    }
}

/// What the newest line of the heads file attests must be what is here: otherwise the ledger was
/// cut, rewritten, or put back to an older copy, and going on would fork the chain.
fn check_attested(core: &Core, head: &Head) -> Result<()> {
    let found = core
        .source()
        .entries(head.seq, head.seq)
        .next()
        .transpose()?;
    if found.is_some_and(|entry| entry.hash == head.hash) {
        return Ok(());
    }
    let place = format!("{:?}", core.heads_path);
    Err(Error::damage(
        head.seq,
        place,
        "the newest signed head attests another entry here",
    ))
}
