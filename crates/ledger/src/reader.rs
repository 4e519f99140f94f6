//! Reading a ledger from outside: beside a running server, or where none runs. Takes no lease,
//! changes nothing, and needs no key.

use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;

use crate::back::Backward;
use crate::backup::{HEADS_FILE, JOURNAL_DIR, LastBackup, STORE_FILE, VAULT_FILE};
use crate::chain::{ChainId, Seq, chain_of};
use crate::disk::{Disk, RealDisk};
use crate::entry::Entry;
use crate::ledger::bounds;
use crate::source::{Entries, Source};
use crate::store::{SqliteStore, Store};
use crate::vault::Vault;
use crate::{Error, Result, keys, lease};

/// A ledger, open to read.
pub struct Reader {
    pub(crate) folder: PathBuf,
    pub(crate) heads_path: PathBuf,
    pub(crate) public: VerifyingKey,
    pub(crate) source: Source,
}

impl Reader {
    /// Opens the ledger in a folder. `heads_file` is where the server was told to keep its heads,
    /// if not in the folder.
    ///
    /// # Errors
    /// [`Error::NoLedger`], [`Error::Key`], [`Error::Format`], [`Error::Store`].
    pub fn open(folder: &Path, heads_file: Option<&Path>) -> Result<Self> {
        let public = keys::public_key(folder)?;
        let store = SqliteStore::open_read_only(&folder.join(STORE_FILE))?;
        Ok(Self::over(
            folder,
            heads_file,
            public,
            Arc::new(RealDisk),
            Arc::new(store),
        ))
    }

    pub(crate) fn over(
        folder: &Path,
        heads_file: Option<&Path>,
        public: VerifyingKey,
        disk: Arc<dyn Disk>,
        store: Arc<dyn Store>,
    ) -> Self {
        let journal_dir = folder.join(JOURNAL_DIR);
        Self {
            folder: folder.to_owned(),
            heads_path: heads_file.map_or_else(|| folder.join(HEADS_FILE), Path::to_owned),
            public,
            source: Source {
                disk,
                journal_dir,
                store,
                journal: None,
            },
        }
    }

    /// The chain's name.
    #[must_use]
    pub fn chain(&self) -> ChainId {
        chain_of(&self.public.to_bytes())
    }

    /// The public key that signs the heads.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.public.to_bytes()
    }

    /// Entries in ledger order, also those in the journal only, as far as they are written.
    pub fn read(&self, range: impl RangeBounds<Seq>) -> Entries {
        let (first, last) = bounds(&range);
        self.source.entries(first, last)
    }

    /// The same from the newest back, from a position on that may lie beyond the tip.
    #[must_use]
    pub fn read_back(&self, from: Seq) -> Backward {
        Backward::new(self.source.clone(), from, false)
    }

    /// One entry; `None` beyond the tip.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Io`], [`Error::Damage`].
    pub fn entry(&self, seq: Seq) -> Result<Option<Entry>> {
        if seq == 0 {
            return Ok(None);
        }
        self.source.entries(seq, seq).next().transpose()
    }

    /// The last entry in the store; those behind it are in the journal only. 0 where it is empty.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn folded(&self) -> Result<Seq> {
        Ok(self.source.store.tip()?.map_or(0, |tip| tip.seq))
    }

    /// See [`Ledger::totals`](crate::Ledger::totals).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn totals(&self, namespace: &str, prefix: &[u8]) -> Result<Vec<(Vec<u8>, i64)>> {
        self.source.store.totals(namespace, prefix)
    }

    /// See [`Ledger::point`](crate::Ledger::point); `now_us` tells what has expired.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn point(&self, namespace: &str, key: &[u8], now_us: u64) -> Result<Option<Vec<u8>>> {
        self.source.store.point(namespace, key, now_us)
    }

    /// See [`Ledger::snapshot`](crate::Ledger::snapshot).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn snapshot(&self, name: &str) -> Result<Option<(Seq, Vec<u8>)>> {
        self.source.store.snapshot(name)
    }

    /// The bodies, where there are any; those of the house only if this process may read its key.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Key`].
    pub fn vault(&self) -> Result<Option<Vault>> {
        // A reader may be someone who may check but not read: then bodies stay sealed.
        let key = match keys::vault_key(&self.folder) {
            Ok(key) => key,
            Err(Error::Io { source, .. })
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        Vault::open_read_only(&self.folder.join(VAULT_FILE), key)
    }

    /// The last backup, as far as the ledger knows.
    #[must_use]
    pub fn last_backup(&self) -> Option<LastBackup> {
        LastBackup::of(&self.folder)
    }

    /// Whether a server holds the folder now.
    #[must_use]
    pub fn is_served(&self) -> bool {
        lease::Lease::is_held(&self.folder)
    }

    /// The number of the process that last took the lease on the folder, for messages.
    #[must_use]
    pub fn holder(&self) -> Option<u32> {
        lease::Lease::holder(&self.folder)
    }
}
