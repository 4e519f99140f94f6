//! `verify`: links, commitments, heads, bodies; the first bad entry by name.

use ::ledger::{Progress, Reader};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// What `verify` takes: nothing.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Verify {}

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verified {
    /// Whether all is as it was written.
    pub sound: bool,
    /// The chain's name, hexadecimal.
    pub chain: String,
    /// The last entry.
    pub tip: u64,
    /// The last entry that the heads file attests.
    pub attested: u64,
    /// Entries behind the newest head: a cut or rewrite among these would not be found.
    pub unattested: u64,
    /// Signed heads.
    pub heads: u64,
    /// Payloads that were pruned or erased, each with a marker that allows it.
    pub gone: u64,
    /// Bodies that opened and are as they were written.
    pub bodies_opened: u64,
    /// Bodies that are sealed with a key not at hand, unchanged as sealed.
    pub bodies_sealed: u64,
    /// The first bad entry.
    pub first_bad: Option<Finding>,
    /// What is wrong, at most a hundred of it.
    pub findings: Vec<Finding>,
    /// How much more is wrong.
    pub more_findings: u64,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The bad entry; 0 where it is no entry.
    pub seq: u64,
    /// Where.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// Checks everything.
///
/// # Errors
/// What can't be read at all. Damage is no error but a finding.
pub fn verify(reader: &Reader, _: &Verify) -> Result<Verified> {
    verify_with(reader, &mut |_| {})
}

/// The same, told how far it has come: `progress` gets the last entry checked.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(reader: &Reader, progress: &mut dyn FnMut(u64)) -> Result<Verified> {
    let report = ::ledger::verify(reader, &mut |at: Progress| progress(at.seq))?;
    let finding = |found: &::ledger::Finding| Finding {
        seq: found.seq,
        place: found.place.clone(),
        what: found.what.clone(),
    };
    let vault = report.vault.clone().unwrap_or_default();
    Ok(Verified {
        sound: report.is_sound(),
        chain: hex::encode(report.chain),
        tip: report.tip,
        attested: report.attested,
        unattested: report.unattested(),
        heads: report.heads,
        gone: report.gone,
        bodies_opened: vault.opened,
        bodies_sealed: vault.sealed,
        first_bad: report.first_bad().map(finding),
        findings: report.findings.iter().map(finding).collect(),
        more_findings: report.more_findings,
    })
}
