//! Brings the entries to the check: the store's blocks first, then the journal. The part of the
//! journal that is folded already is checked too, against the store.
//! Beside a running server entries move from the journal to the store; then it looks again.

use std::thread;
use std::time::Duration;

use super::journal::walk_journal;
use super::walk::{Body, Walk};
use super::{Progress, finding};
use crate::Result;
use crate::chain::{HEADER_BYTES, Seq, Tip};
use crate::reader::Reader;
use crate::store::Block;

/// A frame that a server is just writing is whole soon.
const PATIENCE: u32 = 5;

pub(super) fn walk_all(
    reader: &Reader,
    walk: &mut Walk,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let most = if walk.beside_server { PATIENCE } else { 0 };
    let mut patience = most;
    loop {
        let before = walk.next;
        walk_store(reader, walk, progress)?;
        let whole = walk_journal(reader, walk, progress, patience > 0)?;
        // Beside a server the store may have taken entries from the journal meanwhile.
        if whole && !in_store(reader, walk.next)? {
            return Ok(());
        }
        if walk.next > before {
            patience = most;
        } else if !whole {
            patience = patience.saturating_sub(1);
            thread::sleep(Duration::from_millis(2));
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

/// Whether the store holds an entry by now.
pub(super) fn in_store(reader: &Reader, seq: Seq) -> Result<bool> {
    Ok(reader.source.store.tip()?.is_some_and(|tip| tip.seq >= seq))
}
