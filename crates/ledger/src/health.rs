//! What the ledger says of itself. Plain data, taken at one moment.

use crate::chain::Seq;

/// Whether the ledger takes entries, and where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Entries are taken and folded.
    Good,
    /// Entries are taken; the store fails and they wait in the journal.
    Spooling,
    /// Entries are refused until the store takes some.
    Full,
    /// Entries are refused until the next start: a sync failed.
    Poisoned,
    /// Closed.
    Closed,
}

/// A look at the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The state.
    pub state: State,
    /// The last entry appended.
    pub appended: Seq,
    /// The last entry known to be on the device.
    pub synced: Seq,
    /// The last entry in the store.
    pub folded: Seq,
    /// The last entry attested in the heads file.
    pub attested: Seq,
    /// Bytes in the journal that the store does not hold yet.
    pub unfolded_bytes: u64,
    /// Bytes of a torn tail that the start cut off: what a power cut took.
    pub cut_bytes: u64,
    /// The store's (or the journal's, or the heads file's) last error, while it lasts.
    pub error: Option<String>,
}

impl Health {
    /// Entries that the store does not hold yet.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.appended.saturating_sub(self.folded)
    }
}
