//! Where the entries of each run are, as a fold: so that a run is read at the cost of its own
//! entries, however many others the ledger holds. What they say is not looked at here.

use std::collections::BTreeMap;

use record::id::kind;
use record::{Fact, Id};
use serde::{Deserialize, Serialize};

use super::codec;
use crate::{Entry, Error, Result, Seq};

/// The entries of every run, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntries {
    runs: BTreeMap<Id<kind::Run>, Vec<Seq>>,
}

impl RunEntries {
    /// Takes in an entry, where it speaks of a run; taken in twice it is there once.
    ///
    /// # Errors
    /// [`Error::Damage`] where its payload can't be read.
    pub fn take(&mut self, entry: &Entry) -> Result<()> {
        let header = &entry.header;
        let Some(payload) = entry.payload().filter(|_| header.kind == codec::kind::RUN) else {
            return Ok(());
        };
        let fact = codec::decode(header.kind, header.version, payload);
        let fact = fact.map_err(|error| Error::Damage {
            seq: header.seq,
            place: "payload".into(),
            what: error.to_string(),
        })?;
        if let Some(Fact::Run { run, .. }) = fact {
            self.put(run, header.seq);
        }
        Ok(())
    }

    /// The entry at `seq` speaks of a run.
    pub(super) fn put(&mut self, run: Id<kind::Run>, seq: Seq) {
        let known = self.runs.entry(run).or_default();
        if let Err(at) = known.binary_search(&seq) {
            known.insert(at, seq);
        }
    }

    /// The entries of a run beyond one; none where there is no such run.
    pub fn of(&self, run: Id<kind::Run>, behind: Seq) -> &[Seq] {
        let all = self.runs.get(&run).map_or(&[][..], Vec::as_slice);
        &all[all.partition_point(|seq| *seq <= behind)..]
    }

    /// Every run, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = Id<kind::Run>> {
        self.runs.keys().copied()
    }
}
