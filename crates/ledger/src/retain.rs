//! Pruning and erasing payloads. A marker is appended first and is on the device before any
//! payload goes, so that a missing payload always has an entry that allows it, and a run that
//! was cut short is finished by the next start.

use std::time::{Duration, Instant};

use crate::chain::{
    EraseMarker, FIRST_FREE_KIND, KIND_ERASE, MAX_PAYLOAD, Marker, PruneMarker, Seq, SeqRange,
};
use crate::core::Core;
use crate::folding::MARKERS;
use crate::store::Store;
use crate::{Error, Result};

const APPLIED: &str = "markers_applied";
const ERASED: &str = "erased";
/// How long folding may take before an erasure gives up (it is finished by the next start).
const FOLD_LIMIT: Duration = Duration::from_secs(60);
/// In between it looks whether the ledger is being closed.
const FOLD_LOOK: Duration = Duration::from_millis(50);
const SCRUB_TRIES: u32 = 50;

/// What [`Ledger::prune`](crate::Ledger::prune) drops.
#[derive(Clone, Copy, Debug)]
pub struct Prune<'a> {
    /// Payloads of entries before this time, in microseconds since 1970.
    pub before_us: u64,
    /// Of these kinds only (from 16 on).
    pub kinds: &'a [u16],
    /// But not at these positions (an open case pins its own).
    pub pinned: &'a [Seq],
}

pub(crate) fn prune(core: &Core, prune: &Prune<'_>) -> Result<Option<Seq>> {
    let _one = core.retention.lock();
    if let Some(kind) = prune.kinds.iter().find(|kind| **kind < FIRST_FREE_KIND) {
        return Err(Error::ReservedKind(*kind));
    }
    wait_folded(core, core.journal.tip().seq)?;
    let mut kinds = prune.kinds.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let mut marker = PruneMarker {
        before_us: prune.before_us,
        range: SeqRange {
            first: 1,
            last: core.fold.folded(),
        },
        kinds,
        pinned: SeqRange::join(prune.pinned),
    };
    let Some(range) = touched(core, &Marker::Prune(marker.clone()))? else {
        return Ok(None);
    };
    marker.range = range;
    let marker = Marker::Prune(marker);
    let seq = bind(core, &marker)?;
    apply(core, seq, &marker)?;
    Ok(Some(seq))
}

pub(crate) fn erase(core: &Core, seqs: &[Seq]) -> Result<Seq> {
    let _one = core.retention.lock();
    let ranges = SeqRange::join(seqs);
    let tip = core.journal.tip().seq;
    match (ranges.first(), ranges.last()) {
        (Some(first), Some(last)) if first.first >= 1 && last.last <= tip => {}
        _ => {
            return Err(Error::Argument(format!(
                "positions to erase lie within 1..={tip}"
            )));
        }
    }
    wait_folded(core, core.journal.tip().seq)?;
    let marker = Marker::Erase(EraseMarker { ranges });
    let mut own = None;
    each_block(core, &marker, |block| {
        for entry in block.entries()? {
            if let Some(header) = entry.header
                && header.kind < FIRST_FREE_KIND
                && marker.allows(header.seq, header.kind, header.time_us)
            {
                own = own.or(Some(header.seq));
            }
        }
        Ok(())
    })?;
    if let Some(seq) = own {
        return Err(Error::Argument(format!(
            "entry {seq} is the ledger's own and stays"
        )));
    }
    let seq = bind(core, &marker)?;
    apply(core, seq, &marker)?;
    Ok(seq)
}

fn bind(core: &Core, marker: &Marker) -> Result<Seq> {
    let payload = marker.encode();
    if payload.len() > MAX_PAYLOAD {
        return Err(Error::TooLarge {
            what: "a list of positions",
            bytes: payload.len() as u64,
            limit: MAX_PAYLOAD as u64,
        });
    }
    core.bind_own(marker.kind(), &payload)
}

/// Stores a snapshot. One that stands at or behind the newest erasure takes the place of those
/// from before it, of which then nothing is left in the store's files.
pub(crate) fn put_snapshot(core: &Core, name: &str, seq: Seq, bytes: &[u8]) -> Result<()> {
    let store = &*core.store;
    let erased = erased(store)?;
    if seq < erased {
        return store.put_snapshot(name, seq, bytes, 0);
    }
    let stale = store
        .snapshots()?
        .iter()
        .any(|(known, at)| known == name && *at < erased);
    store.put_snapshot(name, seq, bytes, erased)?;
    if stale { scrub(core) } else { Ok(()) }
}

/// Where the newest erasure stands.
pub(crate) fn erased(store: &dyn Store) -> Result<Seq> {
    Ok(number(store.meta(ERASED)?))
}

fn number(bytes: Option<Vec<u8>>) -> u64 {
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

fn wait_folded(core: &Core, seq: Seq) -> Result<()> {
    let until = Instant::now() + FOLD_LIMIT;
    while Instant::now() < until {
        if core.fold.wait(seq, FOLD_LOOK) {
            return Ok(());
        }
        if core.journal.is_closed() {
            return Err(Error::Closed);
        }
        if core.fold.has_ended() {
            break;
        }
    }
    let cause = core
        .journal
        .store_error()
        .unwrap_or_else(|| "the store is behind".into());
    Err(Error::StoreDown(cause))
}

fn each_block(
    core: &Core,
    marker: &Marker,
    mut each: impl FnMut(&crate::store::Block) -> Result<()>,
) -> Result<()> {
    let span = marker.span();
    let mut next = span.first;
    while next <= span.last {
        if core.journal.is_closed() {
            return Err(Error::Closed);
        }
        let Some(block) = core.store.block(next)? else {
            break;
        };
        if block.first_seq > span.last {
            break;
        }
        if let Marker::Prune(prune) = marker
            && block.first_us >= prune.before_us
        {
            break;
        }
        each(&block)?;
        next = block.last_seq + 1;
    }
    Ok(())
}

/// From the first to the last entry that a marker would take a payload from.
fn touched(core: &Core, marker: &Marker) -> Result<Option<SeqRange>> {
    let mut found: Option<SeqRange> = None;
    each_block(core, marker, |block| {
        if block.payloads.is_none() {
            return Ok(());
        }
        for entry in block.entries()? {
            if let (Some(header), Some(_)) = (entry.header, entry.body)
                && marker.allows(header.seq, header.kind, header.time_us)
            {
                let range = found.get_or_insert(SeqRange {
                    first: header.seq,
                    last: header.seq,
                });
                range.last = header.seq;
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// Takes the payloads away, from the store, its side files and the journal.
fn apply(core: &Core, seq: Seq, marker: &Marker) -> Result<()> {
    wait_folded(core, core.journal.tip().seq)?;
    each_block(core, marker, |block| {
        if block.payloads.is_none() {
            return Ok(());
        }
        let without = block.payloads_without(|h| marker.allows(h.seq, h.kind, h.time_us))?;
        if let Some(payloads) = without {
            core.store
                .replace_payloads(block.first_seq, payloads.as_deref())?;
        }
        Ok(())
    })?;
    core.journal.discard(core.fold.folded())?;
    scrub(core)?;
    if marker.kind() == KIND_ERASE {
        core.store.set_meta(ERASED, &seq.to_le_bytes())?;
    }
    core.store.set_meta(APPLIED, &seq.to_le_bytes())
}

/// A reader in mid-transaction can hold the store's side file for a moment.
fn scrub(core: &Core) -> Result<()> {
    let mut tries = 0;
    loop {
        match core.store.scrub() {
            Err(_) if tries < SCRUB_TRIES => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}

/// Finishes what an earlier run began.
pub(crate) fn finish(core: &Core) -> Result<()> {
    let _one = core.retention.lock();
    wait_folded(core, core.opened_at)?;
    let applied = number(core.store.meta(APPLIED)?);
    for (key, kind) in core.store.totals(MARKERS, &[])? {
        let seq = key.try_into().map_or(0, u64::from_be_bytes);
        if seq <= applied {
            continue;
        }
        let payload = core.source().entries(seq, seq).next().transpose()?;
        let payload = payload.as_ref().and_then(crate::Entry::payload);
        let kind = u16::try_from(kind).unwrap_or_default();
        let marker = payload
            .and_then(|payload| Marker::decode(kind, payload))
            .ok_or_else(|| Error::damage(seq, "the store", "a marker that cannot be read"))?;
        apply(core, seq, &marker)?;
    }
    Ok(())
}
