//! Appending: drafts in, frames out, in one write straight to the operating system.
//! What cannot be written whole is cut back and refused; nothing is half appended.

use std::collections::VecDeque;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ed25519_dalek::SigningKey;
use parking_lot::{Condvar, Mutex};
use smallvec::SmallVec;

use super::SyncLine;
use super::frame::{self, FRAME_OVERHEAD};
use super::pending::{Pending, Salts};
use super::recover::{Found, MARK_BYTES, Mark};
use super::segment;
use crate::chain::{
    ChainId, FIRST_FREE_KIND, Hash, Head, Header, KIND_HEAD, MAX_PAYLOAD, Salt, Seq, Tip,
    commitment,
};
use crate::disk::{Disk, DiskFile};
use crate::entry::{Appended, Draft};
use crate::options::Random;
use crate::{Error, Result};

/// The most bytes of one batch.
const MAX_BATCH: u64 = 64 << 20;
/// What the journal needs to know.
pub(crate) struct JournalOptions {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) random: Random,
    pub(crate) segment_bytes: u64,
    pub(crate) max_unfolded_bytes: u64,
    pub(crate) buffer_bytes: usize,
    pub(crate) refuse_when_store_down: bool,
}

/// The journal, open for appending.
pub(crate) struct Journal {
    pub(super) options: JournalOptions,
    pub(super) chain: ChainId,
    pub(super) writer: Mutex<Writer>,
    pub(super) salts: Mutex<Salts>,
    pub(super) line: SyncLine,
    pub(super) unfolded: AtomicU64,
    pub(super) closed: AtomicBool,
    /// Rung when another segment may be wanted, and at the end.
    pub(super) want: Condvar,
    pub(super) store_down: AtomicBool,
    pub(super) store_error: Mutex<String>,
    /// Held while segments are removed, or must not be.
    pub(super) removals: Mutex<()>,
}

pub(super) struct Writer {
    pub(super) tip: Tip,
    pub(super) active: Option<Active>,
    /// Made ahead, ascending.
    pub(super) spares: VecDeque<Active>,
    pub(super) next_index: u64,
    /// Segments before this one are removed when they are folded, and not used again: an erasure
    /// may have taken away what they hold.
    pub(super) reusable_from: u64,
    pub(super) retired: VecDeque<Found>,
    pub(super) unsynced: Vec<Arc<dyn DiskFile>>,
    pub(super) marks: VecDeque<Mark>,
    pub(super) pending: Pending,
}

pub(super) struct Active {
    pub(super) index: u64,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) at: u64,
    pub(super) marked: Option<u64>,
    /// Its file held other entries before.
    pub(super) reused: bool,
}

/// Who appends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Caller,
    Own,
}

type Seals = SmallVec<[(Salt, Hash); 4]>;

impl Journal {
    pub(crate) fn line(&self) -> &SyncLine {
        &self.line
    }

    pub(crate) fn tip(&self) -> Tip {
        self.writer.lock().tip
    }

    pub(crate) fn unfolded_bytes(&self) -> u64 {
        self.unfolded.load(Ordering::Relaxed)
    }

    pub(crate) fn is_half_full(&self) -> bool {
        self.unfolded_bytes() > self.options.max_unfolded_bytes / 2
    }

    pub(crate) fn is_full(&self) -> bool {
        self.unfolded_bytes() > self.options.max_unfolded_bytes
    }

    /// Calls while no append is half way; they wait meanwhile.
    pub(crate) fn between_appends<T>(&self, f: impl FnOnce() -> T) -> T {
        let _writer = self.writer.lock();
        f()
    }

    /// No more appends from now on.
    pub(crate) fn close(&self) {
        // Under the lock, so that no append is half way when this returns.
        let _writer = self.writer.lock();
        self.closed.store(true, Ordering::SeqCst);
        self.want.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// What the store said last; `None` when it works again.
    pub(crate) fn set_store_error(&self, error: Option<String>) {
        let mut cause = self.store_error.lock();
        self.store_down.store(error.is_some(), Ordering::SeqCst);
        *cause = error.unwrap_or_default();
    }

    pub(crate) fn store_error(&self) -> Option<String> {
        self.store_down
            .load(Ordering::SeqCst)
            .then(|| self.store_error.lock().clone())
    }

    /// Appends drafts of the free kinds.
    pub(crate) fn append(&self, drafts: &[Draft<'_>], now_us: u64) -> Result<Appended> {
        for draft in drafts {
            if draft.kind < FIRST_FREE_KIND {
                return Err(Error::ReservedKind(draft.kind));
            }
        }
        self.put(drafts, now_us, Whose::Caller)
    }

    /// Appends the ledger's own drafts, also after the door was closed.
    pub(crate) fn append_own(&self, drafts: &[Draft<'_>], now_us: u64) -> Result<Appended> {
        self.put(drafts, now_us, Whose::Own)
    }

    fn put(&self, drafts: &[Draft<'_>], now_us: u64, whose: Whose) -> Result<Appended> {
        let size = self.check(drafts)?;
        // The costly hash is taken before the lock.
        let mut seals = self.salted(drafts.len());
        for ((salt, hash), draft) in seals.iter_mut().zip(drafts) {
            *hash = commitment(salt, draft.payload);
        }
        let mut writer = self.writer.lock();
        self.admit(size, whose)?;
        self.make_room(&mut writer, size)?;
        let first = writer.tip.seq + 1;
        let tip = self.write(&mut writer, drafts, &seals, now_us)?;
        Ok(Appended {
            first,
            last: tip.seq,
            time_us: tip.time_us,
        })
    }

    fn salted(&self, count: usize) -> Seals {
        let mut salts = self.salts.lock();
        (0..count)
            .map(|_| (salts.next(&self.options.random), Hash::default()))
            .collect()
    }

    /// Appends a head over everything before it, signed under the lock, so that it attests
    /// exactly the entry that it links to. `None` where the last entry is at or before `since`.
    pub(crate) fn append_head(
        &self,
        key: &SigningKey,
        now_us: u64,
        since: Seq,
    ) -> Result<Option<Tip>> {
        let mut seals = self.salted(1);
        let mut writer = self.writer.lock();
        let tip = writer.tip;
        if tip.seq <= since {
            return Ok(None);
        }
        let time_us = now_us.max(tip.time_us);
        let payload = Head::sign(key, self.chain, tip.seq, tip.hash, time_us).encode();
        let drafts = [Draft::new(KIND_HEAD, 1, &payload).at(time_us)];
        let size = self.check(&drafts)?;
        for (salt, hash) in &mut seals {
            *hash = commitment(salt, &payload);
        }
        self.admit(size, Whose::Own)?;
        self.make_room(&mut writer, size)?;
        self.write(&mut writer, &drafts, &seals, time_us).map(Some)
    }

    fn check(&self, drafts: &[Draft<'_>]) -> Result<u64> {
        if drafts.is_empty() {
            return Err(Error::Argument("a batch needs at least one draft".into()));
        }
        let mut size = 0u64;
        for draft in drafts {
            if draft.payload.len() > MAX_PAYLOAD {
                return Err(Error::TooLarge {
                    what: "a payload",
                    bytes: draft.payload.len() as u64,
                    limit: MAX_PAYLOAD as u64,
                });
            }
            size += (FRAME_OVERHEAD + draft.payload.len()) as u64;
        }
        if size > MAX_BATCH {
            return Err(Error::TooLarge {
                what: "a batch",
                bytes: size,
                limit: MAX_BATCH,
            });
        }
        Ok(size)
    }

    fn admit(&self, size: u64, whose: Whose) -> Result<()> {
        if self.is_closed() && whose == Whose::Caller {
            return Err(Error::Closed);
        }
        if let Some(cause) = self.line.poisoned() {
            return Err(Error::Poisoned(cause));
        }
        if self.options.refuse_when_store_down
            && whose == Whose::Caller
            && let Some(cause) = self.store_error()
        {
            return Err(Error::StoreDown(cause));
        }
        let unfolded = self.unfolded_bytes();
        if unfolded + size > self.options.max_unfolded_bytes {
            let cause = self
                .store_error()
                .unwrap_or_else(|| "the store is behind".into());
            return Err(Error::Full {
                unfolded,
                limit: self.options.max_unfolded_bytes,
                cause,
            });
        }
        Ok(())
    }

    fn write(
        &self,
        writer: &mut Writer,
        drafts: &[Draft<'_>],
        seals: &Seals,
        now_us: u64,
    ) -> Result<Tip> {
        let Writer {
            tip: last,
            active,
            pending,
            marks,
            ..
        } = writer;
        let Some(active) = active else {
            return Err(Error::Poisoned("there is no journal segment".into()));
        };
        let buffer = pending.room(last.seq + 1, drafts, self.options.buffer_bytes);
        let start = buffer.len();
        let mut tip = *last;
        let durable = self.line.synced();
        for (draft, (salt, commitment)) in drafts.iter().zip(seals) {
            let header = Header {
                chain: self.chain,
                seq: tip.seq + 1,
                prev: tip.hash,
                time_us: draft.time_us.unwrap_or(now_us).max(tip.time_us),
                kind: draft.kind,
                version: draft.version,
                commitment: *commitment,
            };
            let lag = u32::try_from(header.seq - durable).unwrap_or(u32::MAX);
            let hash = frame::encode(buffer, &header, salt, draft.payload, lag);
            tip = Tip {
                seq: header.seq,
                hash,
                time_us: header.time_us,
            };
        }
        let end = buffer.len();
        if active.reused {
            // What stands behind must not be read on into.
            buffer.extend_from_slice(&segment::END_MARK);
        }
        let written = active.file.write_at(&buffer[start..], active.at);
        buffer.truncate(end);
        if let Err(error) = written {
            buffer.truncate(start);
            return Err(self.take_back(active, error));
        }
        if active
            .marked
            .is_none_or(|marked| active.at - marked >= MARK_BYTES)
        {
            marks.push_back(Mark {
                seq: last.seq + 1,
                index: active.index,
                at: active.at,
            });
            active.marked = Some(active.at);
        }
        let size = (buffer.len() - start) as u64;
        let was = active.at;
        active.at += size;
        if was < self.in_use() && active.at >= self.in_use() {
            self.want.notify_one();
        }
        *last = tip;
        self.unfolded.fetch_add(size, Ordering::Relaxed);
        self.line.wrote(tip.seq);
        Ok(tip)
    }

    /// After a failed write any part of it may stand in the file: cut it, or stop for good.
    fn take_back(&self, active: &Active, error: std::io::Error) -> Error {
        if let Err(cut) = active.file.truncate(active.at) {
            self.line.poison(format!(
                "a write failed ({error}) and could not be cut back: {cut}"
            ));
        }
        Error::Io {
            what: "appending to the journal".into(),
            source: error,
        }
    }

    /// What the sync thread has to bring to the device for everything up to a position.
    pub(crate) fn unsynced(&self) -> (Seq, Vec<Arc<dyn DiskFile>>) {
        let mut writer = self.writer.lock();
        let mut files = mem::take(&mut writer.unsynced);
        files.extend(
            writer
                .active
                .as_ref()
                .map(|active| Arc::clone(&active.file)),
        );
        (writer.tip.seq, files)
    }
}
