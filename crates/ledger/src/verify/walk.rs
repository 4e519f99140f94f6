//! The check of one chain, entry by entry: what an entry must be by itself, by the entry before,
//! by the markers, and by the heads. It sees entries in order and remembers next to nothing.

use ed25519_dalek::VerifyingKey;

use super::{Finding, MOST_FINDINGS, Report};
use crate::chain::{
    ChainId, FIRST_FREE_KIND, HEADER_BYTES, Hash, Head, Header, KIND_HEAD, Marker, Salt, Seq,
    commitment, start_hash,
};
use crate::folding::MARKERS;
use crate::heads::{HeadLine, HeadLines};
use crate::reader::Reader;
use crate::{Entry, Result, retain};

/// What is known of an entry's payload.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    There(&'a Salt, &'a [u8]),
    Gone,
    /// It cannot be told; that was reported already.
    Unknown,
}

/// The check, on its way along the chain.
pub(super) struct Walk {
    chain: ChainId,
    public: VerifyingKey,
    /// A server writes while we read.
    pub(super) beside_server: bool,
    /// The entry that comes next.
    pub(super) next: Seq,
    /// Hash of the last entry, as it stands here; `None` behind a gap.
    last_hash: Option<Hash>,
    last_us: u64,
    /// The last entry that was reported.
    last_bad: Seq,
    /// An entry whose link did not fit: it, or the one before it, was changed.
    suspect: Option<(Seq, String)>,
    markers: Vec<(Seq, Marker)>,
    lines: HeadLines,
    heads_place: String,
    line: Option<Head>,
    last_line: Seq,
    head_entries: bool,
    report: Report,
}

impl Walk {
    pub(super) fn new(reader: &Reader) -> Result<Self> {
        let chain = reader.chain();
        let lines = HeadLines::open(&*reader.source.disk, &reader.heads_path)?;
        let (markers, stale_snapshots) = (markers(reader)?, stale_snapshots(reader)?);
        let mut walk = Self {
            chain,
            public: reader.public,
            beside_server: reader.is_served(),
            next: 1,
            last_hash: Some(start_hash(&chain)),
            last_us: 0,
            last_bad: 0,
            suspect: None,
            lines,
            heads_place: format!("{:?}", reader.heads_path),
            line: None,
            last_line: 0,
            head_entries: false,
            report: Report {
                chain,
                tip: 0,
                attested: 0,
                heads: 0,
                gone: 0,
                markers: markers.len() as u64,
                vault: None,
                stale_snapshots,
                findings: Vec::new(),
                more_findings: 0,
            },
            markers,
        };
        walk.next_line()?;
        Ok(walk)
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.report.findings.len() < MOST_FINDINGS {
            self.report.findings.push(finding);
        } else {
            self.report.more_findings += 1;
        }
    }

    pub(super) fn bad(&mut self, seq: Seq, place: &str, what: impl Into<String>) {
        self.last_bad = self.last_bad.max(seq);
        self.add(Finding {
            seq,
            place: place.to_owned(),
            what: what.into(),
        });
    }

    /// Entries up to (not including) `seq` are not there.
    pub(super) fn gap(&mut self, seq: Seq, place: &str) {
        let what = format!("entries {} to {} are missing", self.next, seq - 1);
        self.bad(self.next, place, what);
        self.last_hash = None;
        self.suspect = None;
        self.next = seq;
    }

    /// The hash of the last entry seen.
    pub(super) fn last_hash(&self) -> Option<Hash> {
        self.last_hash
    }

    /// Takes the next entry.
    pub(super) fn take(
        &mut self,
        bytes: &[u8; HEADER_BYTES],
        body: Body<'_>,
        place: &str,
    ) -> Result<()> {
        let seq = self.next;
        let hash = crate::chain::hash_header(bytes);
        match Header::decode(bytes) {
            None => {
                self.bad(seq, place, "its header has another format or was changed");
                self.suspect = None;
            }
            Some(header) => {
                self.header(&header, place);
                self.body(&header, body, place);
            }
        }
        while let Some(line) = self.line.filter(|line| line.seq <= seq) {
            if line.seq == seq && line.hash != hash {
                let place = self.heads_place.clone();
                self.bad(seq, &place, "a signed head attests another entry here");
            }
            self.next_line()?;
        }
        self.last_hash = Some(hash);
        self.next += 1;
        Ok(())
    }

    fn header(&mut self, header: &Header, place: &str) {
        let seq = self.next;
        if header.chain != self.chain {
            self.bad(seq, place, "it belongs to another chain");
        }
        if header.seq != seq {
            self.bad(seq, place, format!("its position says {}", header.seq));
        }
        self.link(header, place);
        if header.time_us < self.last_us {
            self.bad(seq, place, "its time lies before the entry before");
        }
        self.last_us = header.time_us;
    }

    /// A link that does not fit says that one of two entries was changed. The next link tells
    /// which: where it fits, this entry is as it was, so that the one before is not.
    fn link(&mut self, header: &Header, place: &str) {
        let seq = self.next;
        let fits = self.last_hash.is_none_or(|hash| hash == header.prev);
        match self.suspect.take() {
            Some((suspect, place)) if fits => {
                self.bad(
                    suspect - 1,
                    &place,
                    "it was changed: the next entry links to another",
                );
            }
            Some((suspect, place)) => {
                self.bad(suspect, &place, "its link to the entry before was changed");
            }
            None if !fits && self.last_bad < seq - 1 => {
                self.suspect = Some((seq, place.to_owned()))
            }
            None => {}
        }
    }

    fn body(&mut self, header: &Header, body: Body<'_>, place: &str) {
        let seq = self.next;
        match body {
            Body::Unknown => {}
            Body::There(salt, payload) => {
                if commitment(salt, payload) != header.commitment {
                    self.bad(seq, place, "its payload is not what its header commits to");
                } else if header.kind == KIND_HEAD {
                    self.head_entry(header, payload, place);
                }
            }
            Body::Gone => {
                let allowed = header.kind >= FIRST_FREE_KIND
                    && self.markers.iter().any(|(at, marker)| {
                        seq < *at && marker.allows(seq, header.kind, header.time_us)
                    });
                if allowed {
                    self.report.gone += 1;
                } else {
                    self.bad(seq, place, "its payload is missing, and no entry says why");
                }
            }
        }
    }

    fn head_entry(&mut self, header: &Header, payload: &[u8], place: &str) {
        self.head_entries = true;
        let seq = self.next;
        let good = Head::decode(payload).is_some_and(|head| {
            head.chain == self.chain
                && head.seq + 1 == seq
                && head.hash == header.prev
                && head.is_signed_by(&self.public)
        });
        if !good {
            self.bad(
                seq,
                place,
                "the signed head in it does not attest the entry before",
            );
        }
    }

    /// Reads on to the next proper line of the heads file.
    fn next_line(&mut self) -> Result<()> {
        self.line = None;
        while let Some(line) = self.lines.next()? {
            let (place, what) = match line {
                HeadLine::Bad(at) => (at, "a line is no signed head"),
                HeadLine::Torn(at) => (at, "the last line breaks off"),
                HeadLine::Head(head) if head.chain != self.chain => {
                    (head.seq, "a head of another chain")
                }
                HeadLine::Head(head) if !head.is_signed_by(&self.public) => {
                    (head.seq, "a head whose signature is not the ledger's")
                }
                HeadLine::Head(head) if head.seq <= self.last_line => {
                    (head.seq, "a head out of order")
                }
                HeadLine::Head(head) => {
                    self.report.heads += 1;
                    self.report.attested = head.seq;
                    self.last_line = head.seq;
                    self.line = Some(head);
                    return Ok(());
                }
            };
            let finding = Finding {
                seq: 0,
                place: format!("{} at {place}", self.heads_place),
                what: what.into(),
            };
            self.add(finding);
        }
        Ok(())
    }

    /// The store says what the hash of its last entry was.
    pub(super) fn known(&mut self, hash: &Hash, place: &str) {
        let Some(last) = self.last_hash else { return };
        let seq = self.next - 1;
        match self.suspect.take() {
            Some((suspect, place)) if last == *hash => {
                self.bad(
                    suspect - 1,
                    &place,
                    "it was changed: the next entry links to another",
                );
            }
            Some((suspect, place)) => {
                self.bad(suspect, &place, "its link to the entry before was changed");
            }
            None if last != *hash && self.last_bad < seq => {
                self.bad(seq, place, "its hash is not what was kept beside it");
            }
            None => {}
        }
    }

    /// The end of the chain.
    pub(super) fn finish(mut self) -> Result<Report> {
        let tip = self.next - 1;
        if let Some((suspect, place)) = self.suspect.take() {
            self.bad(suspect, &place, "it or the entry before it was changed");
        }
        let mut newest = None;
        while let Some(line) = self.line {
            newest = Some(line.seq);
            self.next_line()?;
        }
        let place = self.heads_place.clone();
        if let Some(newest) = newest {
            let what = format!("it is cut off: a signed head attests entry {newest}");
            self.bad(tip + 1, &place, what);
        }
        if self.lines.was_missing() && self.head_entries {
            self.add(Finding {
                seq: 0,
                place,
                what: "the heads file is missing".into(),
            });
        }
        self.report.tip = tip;
        Ok(self.report)
    }
}

/// The markers, by the index that the store keeps of them. Each is an entry that the walk checks
/// like any other when it comes there.
fn markers(reader: &Reader) -> Result<Vec<(Seq, Marker)>> {
    let mut found = Vec::new();
    for (key, kind) in reader.source.store.totals(MARKERS, &[])? {
        let seq = key.try_into().map_or(0, u64::from_be_bytes);
        let entry = reader.entry(seq).ok().flatten();
        let kind = u16::try_from(kind).unwrap_or_default();
        let marker = entry
            .as_ref()
            .filter(|entry| entry.header.kind == kind)
            .and_then(Entry::payload)
            .and_then(|payload| Marker::decode(kind, payload));
        // One that cannot be read allows nothing.
        found.extend(marker.map(|marker| (seq, marker)));
    }
    Ok(found)
}

fn stale_snapshots(reader: &Reader) -> Result<Vec<String>> {
    let store = &*reader.source.store;
    let erased = retain::erased(store)?;
    let snapshots = store.snapshots()?;
    Ok(snapshots
        .into_iter()
        .filter(|(_, seq)| *seq < erased)
        .map(|(name, _)| name)
        .collect())
}
