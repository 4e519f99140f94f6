//! Checks a ledger from outside: links, commitments, signed heads, markers, bodies. Names the
//! first bad entry and goes on behind it. Reads in blocks, changes nothing, repairs nothing.

mod files;
mod journal;
mod tail;
mod walk;

pub use tail::{Tail, check_tail};

use crate::chain::{ChainId, Seq};
use crate::reader::Reader;
use crate::vault::VaultReport;
use crate::{Error, Result};

/// The most findings that are listed one by one.
const MOST_FINDINGS: usize = 100;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The bad entry; 0 where it is no entry (a body, a line of the heads file).
    pub seq: Seq,
    /// File and offset, or table and row.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The chain.
    pub chain: ChainId,
    /// The last entry.
    pub tip: Seq,
    /// The last entry that the heads file attests.
    pub attested: Seq,
    /// Signed heads in the heads file.
    pub heads: u64,
    /// Payloads that are gone, each with a marker that allows it.
    pub gone: u64,
    /// Markers of prunes and erasures.
    pub markers: u64,
    /// The bodies; `None` where there is no vault.
    pub vault: Option<VaultReport>,
    /// Snapshots older than the newest erasure, still to be renewed by their fold.
    pub stale_snapshots: Vec<String>,
    /// What is wrong, at most a hundred of it, ascending by entry.
    pub findings: Vec<Finding>,
    /// How much more is wrong.
    pub more_findings: u64,
}

impl Report {
    /// Whether all is as it was written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// The first bad entry, or where there is none, the first other finding.
    #[must_use]
    pub fn first_bad(&self) -> Option<&Finding> {
        self.findings
            .iter()
            .find(|finding| finding.seq > 0)
            .or_else(|| self.findings.first())
    }

    /// Entries behind the newest head in the heads file: a cut or a rewrite among these (at most
    /// the last 10 s of a running ledger) would not be found.
    #[must_use]
    pub fn unattested(&self) -> u64 {
        self.tip.saturating_sub(self.attested)
    }
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last entry checked.
    pub seq: Seq,
}

/// Checks everything, also beside a running server.
///
/// # Errors
/// [`Error::Io`], [`Error::Store`] where something cannot be read at all. Damage is no error
/// here but a finding.
pub fn verify(reader: &Reader, progress: &mut dyn FnMut(Progress)) -> Result<Report> {
    let mut walk = walk::Walk::new(reader)?;
    files::walk_all(reader, &mut walk, progress)?;
    let mut report = walk.finish()?;
    if let Some(vault) = reader.vault()? {
        let found = vault.verify()?;
        for hash in &found.bad {
            report.findings.push(Finding {
                seq: 0,
                place: "the vault".into(),
                what: format!("body {} was changed", hex::encode(hash)),
            });
        }
        report.vault = Some(found);
    }
    report.findings.sort_by_key(|finding| {
        if finding.seq == 0 {
            Seq::MAX
        } else {
            finding.seq
        }
    });
    Ok(report)
}

/// Turns damage into a finding, and leaves other errors as they are.
fn finding(error: Error) -> Result<Finding> {
    match error {
        Error::Damage { seq, place, what } => Ok(Finding { seq, place, what }),
        other => Err(other),
    }
}
