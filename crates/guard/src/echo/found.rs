//! What the memory tells of an exchange, and how a profile counts it.

use smallvec::SmallVec;

use super::AccountNumber;
use crate::digest::{Digest, Family};
use crate::profile::Echoes;

/// So many fingerprints of one account's answers are an echo: one agrees by chance now and then, two
/// practically never.
pub const LEAST: u32 = 2;
/// A conversation that is handed over carries at least so many bytes: greetings are everybody's.
pub const HANDED: u32 = 64;
/// Other accounts that are named.
pub const NAMED: usize = 4;

/// What a digest carries of earlier answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// In the last thing asked, less what the conversation before it carries.
    pub ask: Carried,
    /// In the conversation before and in results of tools. What the account itself got can't be
    /// told there from a conversation of its own that was cut short.
    pub past: Carried,
    /// The account's own answer of which most is in the last thing asked.
    pub own: Option<Origin>,
    /// Distinct other accounts whose answers are carried.
    pub accounts: u32,
    /// Of these, the ones of whom most is carried, the most first; at most [`NAMED`].
    pub others: SmallVec<[Origin; NAMED]>,
    /// The conversation goes on from an answer that this account got.
    pub goes_on: bool,
    /// The conversation was last continued under another account.
    pub handed: Option<Handed>,
}

/// Fingerprints, counted by where they are from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Looked for.
    pub prints: u32,
    /// The account itself got them, in another conversation.
    pub own: u32,
    /// Only other accounts got them.
    pub other: u32,
    /// They are everybody's, and count for nothing.
    pub common: u32,
}

/// Where carried text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Fingerprints of it that are carried.
    pub prints: u32,
    /// Whom it went to.
    pub account: AccountNumber,
    /// The newest exchange that it is from.
    pub exchange: u64,
}

/// A conversation that goes on under another account (C1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handed {
    /// The account that had it last.
    pub account: AccountNumber,
    /// Its exchange.
    pub exchange: u64,
    /// Accounts that had the conversation up to there.
    pub holders: u32,
    /// Microseconds since then.
    pub after_us: u64,
    /// Bytes of the conversation before.
    pub bytes: u32,
}

impl Found {
    /// What a profile counts.
    pub fn echoes(&self, digest: &Digest) -> Echoes {
        let own = self.own.is_some_and(|own| own.prints >= LEAST);
        let other = self
            .others
            .first()
            .is_some_and(|other| other.prints >= LEAST);
        let grading = [
            Family::Candidates,
            Family::Score,
            Family::Critique,
            Family::Pairwise,
            Family::Rubric,
        ];
        let grades = grading.iter().any(|family| digest.asking.of(*family) > 0);
        Echoes {
            own,
            other,
            graded: grades && (own || other),
            continued: self.handed.is_some_and(|handed| handed.bytes >= HANDED),
        }
    }
}
