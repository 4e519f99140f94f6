//! What a caller hands in to open a ledger: where, limits, clock and randomness.
//! Nothing here reads the environment or a file.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The clock: microseconds since 1970. Steps backwards are taken: a chain's time stands still
/// until the clock has caught up.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;
/// A cryptographic source of randomness: fills the slice. Salts, nonces and keys come from it.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Told how far an older ledger is brought up to date: entries looked at, and how many there are.
pub type Upgrading = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// How to open a ledger. Start from [`Options::new`] and change what differs.
#[derive(Clone)]
pub struct Options {
    /// The data folder; made where it is missing.
    pub folder: PathBuf,
    /// The clock.
    pub clock: Clock,
    /// The source of randomness.
    pub random: Random,
    /// Where signed heads are appended; best on another device. Default: `heads.log` in the folder.
    pub heads_file: Option<PathBuf>,
    /// How often a head is signed while entries are appended. Default: 10 s.
    pub head_every: Duration,
    /// Size of one journal segment in bytes. Default: 16 MiB.
    pub segment_bytes: u64,
    /// Most bytes in the journal that the store does not hold yet; then appends are refused
    /// with [`Error::Full`](crate::Error::Full). Default: 1 GiB.
    pub max_unfolded_bytes: u64,
    /// Refuse appends as soon as the store cannot be written, instead of spooling. Default: no.
    pub refuse_when_store_down: bool,
    /// Observations are synced so often that none waits longer than this. Default: 10 ms.
    pub sync_within: Duration,
    /// How often appended entries are folded into the store. Default: 200 ms.
    pub fold_every: Duration,
    /// Most bytes of appended entries kept in memory for folding; what is beyond is read back
    /// from the journal. Default: 16 MiB.
    pub fold_buffer_bytes: usize,
    /// Limits of the vault.
    pub vault: VaultLimits,
    /// Told how far an older ledger is brought up to date while it is opened. Default: nobody.
    pub upgrading: Upgrading,
}

/// Limits of the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultLimits {
    /// The largest body, in bytes. Default: 32 MiB.
    pub body_bytes: u64,
    /// All bodies together, in bytes. Default: 16 GiB.
    pub total_bytes: u64,
}

impl Default for VaultLimits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            total_bytes: 16 << 30,
        }
    }
}

impl Options {
    /// The defaults for a folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, clock: Clock, random: Random) -> Self {
        Self {
            folder: folder.into(),
            clock,
            random,
            heads_file: None,
            head_every: Duration::from_secs(10),
            segment_bytes: 16 << 20,
            max_unfolded_bytes: 1 << 30,
            refuse_when_store_down: false,
            sync_within: Duration::from_millis(10),
            fold_every: Duration::from_millis(200),
            fold_buffer_bytes: 16 << 20,
            vault: VaultLimits::default(),
            upgrading: Arc::new(|_, _| {}),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("folder", &self.folder)
            .field("heads_file", &self.heads_file)
            .field("segment_bytes", &self.segment_bytes)
            .field("max_unfolded_bytes", &self.max_unfolded_bytes)
            .finish_non_exhaustive()
    }
}
