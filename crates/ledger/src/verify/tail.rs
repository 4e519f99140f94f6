//! A quick look at the end of a ledger: the newest signed head, and the entries around and behind
//! it. What lies further back is not read; [`verify`](super::verify) reads all of it.

use super::{Finding, finding};
use crate::chain::{Head, Seq, commitment};
use crate::heads::newest_of;
use crate::reader::Reader;
use crate::{Entry, Result};

/// What a look at the end found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The first entry that was looked at.
    pub from: Seq,
    /// When that was written, in microseconds since 1970.
    pub from_us: u64,
    /// The last entry; 0 where there is none.
    pub tip: Seq,
    /// When the last entry was written, in microseconds since 1970.
    pub tip_us: u64,
    /// Whether there is a heads file.
    pub has_heads: bool,
    /// The last entry that the newest signed head attests; 0 where there is no head.
    pub attested: Seq,
    /// When that head was signed, in microseconds since 1970.
    pub attested_us: u64,
    /// What is not as it was written.
    pub findings: Vec<Finding>,
}

/// Looks at the newest head, at `before` entries before it, and at all behind it; also beside a
/// running server.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io), [`Error::Store`](crate::Error::Store) where something cannot
/// be read at all. Damage is a finding.
pub fn check_tail(reader: &Reader, before: u64) -> Result<Tail> {
    let mut findings = Vec::new();
    let heads = match newest_of(&*reader.source.disk, &reader.heads_path) {
        Ok(heads) => heads,
        Err(error) => {
            findings.push(finding(error)?);
            None
        }
    };
    let head = heads.flatten();
    let place = format!("{:?}", reader.heads_path);
    if head.is_some_and(|head| !head.is_signed_by(&reader.public)) {
        let what = "the newest line is not signed by this ledger's key";
        findings.push(bad(0, &place, what));
    }
    let attested = head.map_or(0, |head| head.seq);
    let near = attested.min(reader.folded()?.saturating_add(1));
    let from = near.saturating_sub(before).max(1);
    let sound_so_far = findings.len();
    let (from_us, last) = walk(reader, from, head.as_ref(), &mut findings)?;
    let tip = last.as_ref().map_or(0, |entry| entry.header.seq);
    if findings.len() == sound_so_far && tip < attested {
        let what = "a signed head attests entries that are missing";
        findings.push(bad(tip + 1, &place, what));
    }
    Ok(Tail {
        from,
        from_us,
        tip,
        tip_us: last.map_or(0, |entry| entry.header.time_us),
        has_heads: heads.is_some(),
        attested,
        attested_us: head.map_or(0, |head| head.time_us),
        findings,
    })
}

/// Checks the entries from one on; returns the first one's time and the last that can be read.
fn walk(
    reader: &Reader,
    from: Seq,
    head: Option<&Head>,
    findings: &mut Vec<Finding>,
) -> Result<(u64, Option<Entry>)> {
    let mut last: Option<Entry> = None;
    let mut first_us = None;
    for entry in reader.read(from..) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                findings.push(finding(error)?);
                break;
            }
        };
        let (seq, header) = (entry.header.seq, &entry.header);
        if last.as_ref().is_some_and(|last| last.hash != header.prev) {
            findings.push(bad(seq, "the chain", "it does not follow the entry before"));
        }
        let kept = entry.body.as_ref();
        if kept.is_some_and(|kept| commitment(&kept.salt, &kept.payload) != header.commitment) {
            findings.push(bad(seq, "the chain", "its payload was changed"));
        }
        if head.is_some_and(|head| head.seq == seq && head.hash != entry.hash) {
            let what = "the newest signed head attests another entry here";
            findings.push(bad(seq, "the chain", what));
        }
        first_us.get_or_insert(header.time_us);
        last = Some(entry);
    }
    Ok((first_us.unwrap_or_default(), last))
}

fn bad(seq: Seq, place: &str, what: &str) -> Finding {
    Finding {
        seq,
        place: place.to_owned(),
        what: what.to_owned(),
    }
}
