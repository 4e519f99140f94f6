//! Bodies by hash: encrypted at rest, with an expiry, apart from the chain.
//! An entry names a body by its hash; the body itself can always go away.

use crate::chain::Hash;
use crate::{Error, Result};

/// Who can read a body.
#[derive(Clone, Copy, Debug)]
pub enum Lock<'a> {
    /// Whoever holds the vault's own key file.
    House,
    /// Only the holder of this key; the ledger does not keep it.
    Key(&'a [u8; 32]),
}

/// The vault of a ledger.
pub struct Vault {}

impl Vault {
    /// Keeps bodies until a time (microseconds since 1970), durably when this returns. The same
    /// body under the same lock is kept once, until the later time. Blocks on a sync.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for one body or all together, [`Error::Store`]. None is kept then.
    pub fn put(&self, bodies: &[&[u8]], lock: Lock<'_>, expires_us: u64) -> Result<Vec<Hash>> {
        let _ = (bodies, lock, expires_us);
        Err(Error::Closed)
    }

    /// A body; `None` where it is not there (or no longer) under that lock.
    ///
    /// # Errors
    /// [`Error::Vault`] where it does not open: changed on disk. [`Error::Store`].
    pub fn get(&self, hash: &Hash, lock: Lock<'_>) -> Result<Option<Vec<u8>>> {
        let _ = (hash, lock);
        Err(Error::Closed)
    }

    /// Removes bodies now, under every lock. Returns how many were there.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn remove(&self, hashes: &[Hash]) -> Result<u64> {
        let _ = hashes;
        Err(Error::Closed)
    }

    /// Removes what has expired by then. Returns how many. The ledger calls it by itself.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn prune(&self, now_us: u64) -> Result<u64> {
        let _ = now_us;
        Err(Error::Closed)
    }
}
