//! Brings the entries to the check: the store's blocks first, then the journal. The part of the
//! journal that is folded already is checked too, against the store.
//! Beside a running server entries move from the journal to the store; then it looks again.

use std::io;
use std::thread;
use std::time::Duration;

use super::walk::{Body, Walk};
use super::{Progress, finding};
use crate::chain::{HEADER_BYTES, Hash, Link, Seq, Tip};
use crate::journal::{SegmentReader, Start, Step, list_segments};
use crate::reader::Reader;
use crate::store::Block;
use crate::{Error, Result};

/// A frame that a server is just writing is whole soon.
const PATIENCE: u32 = 5;

pub(super) fn walk_all(
    reader: &Reader,
    walk: &mut Walk,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    loop {
        walk_store(reader, walk, progress)?;
        walk_journal(reader, walk, progress)?;
        // Beside a server the store may have taken entries from the journal meanwhile.
        if !in_store(reader, walk.next)? {
            return Ok(());
        }
    }
}

fn walk_store(reader: &Reader, walk: &mut Walk, progress: &mut dyn FnMut(Progress)) -> Result<()> {
    let store = &*reader.source.store;
    let Some(tip) = store.tip()? else {
        return Ok(());
    };
    while walk.next <= tip.seq {
        let Some(block) = store.block(walk.next)? else {
            walk.gap(tip.seq + 1, "table block");
            return Ok(());
        };
        if block.first_seq > walk.next {
            walk.gap(block.first_seq, "table block");
        }
        take_block(walk, &block, tip)?;
        progress(Progress { seq: walk.next - 1 });
    }
    Ok(())
}

fn take_block(walk: &mut Walk, block: &Block, tip: Tip) -> Result<()> {
    let place = format!("block {}", block.first_seq);
    let entries = match block.entries() {
        Ok(entries) => Some(entries),
        Err(error) => {
            let found = finding(error)?;
            walk.bad(found.seq, &found.place, found.what);
            None
        }
    };
    let (headers, _) = block.headers.as_chunks::<HEADER_BYTES>();
    // Some of them may have been read from the journal, just before they were folded.
    let seen = walk.next - block.first_seq;
    for (at, bytes) in headers.iter().enumerate().skip(seen as usize) {
        let body = match &entries {
            None => Body::Unknown,
            Some(entries) => entries[at]
                .body
                .map_or(Body::Gone, |(s, p)| Body::There(s, p)),
        };
        walk.take(bytes, body, &place)?;
        if walk.next - 1 == tip.seq {
            walk.known(&tip.hash, "table meta");
        }
    }
    let time = |bytes: Option<&[u8; HEADER_BYTES]>| bytes.map(|bytes| bytes[16..24].to_vec());
    let starts = time(headers.first()) == Some(block.first_us.to_le_bytes().to_vec());
    let ends = block.last_seq == walk.next - 1
        && time(headers.last()) == Some(block.last_us.to_le_bytes().to_vec());
    if !starts || !ends {
        let seq = if starts {
            walk.next - 1
        } else {
            block.first_seq
        };
        walk.bad(
            seq,
            &place,
            "positions or times of the block are not those of its entries",
        );
        // Behind a wrong row go on where its neighbours say, never back.
        if headers.is_empty() {
            walk.next = block.last_seq.max(walk.next) + 1;
        }
    }
    Ok(())
}

fn in_store(reader: &Reader, seq: Seq) -> Result<bool> {
    Ok(reader.source.store.tip()?.is_some_and(|tip| tip.seq >= seq))
}

/// Walks along all segments, up to one that was removed meanwhile.
fn walk_journal(
    reader: &Reader,
    walk: &mut Walk,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let source = &reader.source;
    let folded = source.store.tip()?;
    let segments = list_segments(&*source.disk, &source.journal_dir);
    let segments = segments.map_err(Error::io(format!("listing {:?}", source.journal_dir)))?;
    let mut link: Option<Link> = None;
    for index in segments {
        let place = format!("journal segment {index}");
        let opened = SegmentReader::open(&*source.disk, &source.journal_dir, index, 0);
        let mut segment = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(Error::io(place.clone()))?,
        };
        let header = match segment.header().map_err(Error::io(place.clone()))? {
            Start::Unused => {
                if segment.stands_behind(0).map_err(Error::io(place.clone()))? {
                    walk.bad(walk.next, &place, "something stands behind an empty header");
                }
                continue;
            }
            Start::Free => continue,
            Start::Bad => {
                walk.bad(
                    next_of(link.as_ref(), walk),
                    &place,
                    "its header was changed",
                );
                continue;
            }
            Start::Header(header) => header,
        };
        if header.chain != reader.chain() {
            walk.bad(
                next_of(link.as_ref(), walk),
                &place,
                "it belongs to another chain",
            );
            continue;
        }
        let tip = link.as_ref().map(Link::tip);
        if tip.is_some_and(|tip| tip.seq + 1 != header.first_seq || tip.hash != header.prev) {
            let next = next_of(link.as_ref(), walk);
            walk.bad(next, &place, "it does not continue the segment before");
        }
        let before = Tip {
            seq: header.first_seq - 1,
            hash: header.prev,
            time_us: 0,
        };
        let mut at = Link::at(header.chain, before);
        if !frames(reader, &mut segment, walk, &mut at, folded)? {
            return Ok(());
        }
        link = Some(at);
        progress(Progress { seq: walk.next - 1 });
    }
    Ok(())
}

fn next_of(link: Option<&Link>, walk: &Walk) -> Seq {
    link.map_or(walk.next, |link| link.tip().seq + 1)
}

/// Walks along one segment; `false` where entries before it are in the store by now.
fn frames(
    reader: &Reader,
    segment: &mut SegmentReader,
    walk: &mut Walk,
    link: &mut Link,
    folded: Option<Tip>,
) -> Result<bool> {
    let index = segment.index;
    let most = if walk.beside_server { PATIENCE } else { 0 };
    let mut patience = most;
    loop {
        let place = format!("journal segment {index} at {}", segment.position());
        let next = link.tip().seq + 1;
        let what = match segment.peek().map_err(Error::io(place.clone()))? {
            Step::Frame(frame) => {
                let checked = frame.verify().map_err(str::to_owned);
                let linked = checked
                    .and_then(|_| link.take(&frame.header).map_err(|error| error.to_string()));
                match linked {
                    Ok(hash) => {
                        beside_store(walk, next, hash, folded, &place);
                        if next > walk.next {
                            if in_store(reader, walk.next)? {
                                return Ok(false);
                            }
                            walk.gap(next, &place);
                        }
                        if next == walk.next {
                            let body = Body::There(&frame.salt, frame.payload);
                            walk.take(frame.header_bytes, body, &place)?;
                        }
                        let size = frame.size();
                        segment.skip(size);
                        patience = most;
                        continue;
                    }
                    Err(what) => what,
                }
            }
            Step::Broken(what) => what.to_owned(),
            Step::End => match segment
                .stands_behind(next - 1)
                .map_err(Error::io(place.clone()))?
            {
                false => return Ok(true),
                true => "something stands behind the last entry".into(),
            },
        };
        if segment.was_reused().map_err(Error::io(place.clone()))? {
            return Ok(false);
        }
        if patience == 0 {
            walk.bad(next, &place, what);
            return Ok(true);
        }
        patience -= 1;
        thread::sleep(Duration::from_millis(2));
        segment.go(segment.position());
    }
}

/// An entry that is in the store as well must be the same there.
fn beside_store(walk: &mut Walk, seq: Seq, hash: Hash, folded: Option<Tip>, place: &str) {
    if folded.is_some_and(|tip| tip.seq == seq && tip.hash != hash) {
        walk.bad(seq, place, "the store holds another entry at this position");
    } else if seq + 1 == walk.next && walk.last_hash().is_some_and(|known| known != hash) {
        walk.bad(seq, place, "journal and store hold different entries");
    }
}
