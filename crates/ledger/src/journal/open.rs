//! Opening the journal: what recovery found becomes the state that appends go on from. Whatever
//! was found counts only once it is on the device. Nothing is appended here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::{Condvar, Mutex};

use super::SyncLine;
use super::append::{Active, Journal, JournalOptions, Writer};
use super::pending::Pending;
use super::recover::{self, Known};
use super::segment;
use crate::disk::{DiskFile, Mode};
use crate::{Error, Result};

impl Journal {
    /// Recovers what is there; makes the folder where it is missing. Returns the bytes of a
    /// torn tail that were cut.
    pub(crate) fn open(options: JournalOptions, known: Known) -> Result<(Self, u64)> {
        let dir = &options.dir;
        options
            .disk
            .create_dir(dir)
            .map_err(Error::io(format!("making {dir:?}")))?;
        if let Some(parent) = dir.parent() {
            options
                .disk
                .sync_dir(parent)
                .map_err(Error::io(format!("syncing {parent:?}")))?;
        }
        let mut found = recover::recover(&*options.disk, dir, known)?;
        let mut active = None;
        if let Some(last) = found.segments.pop() {
            active = Some(Active {
                index: last.index,
                file: synced(&options, last.index)?,
                at: last.end,
                marked: None,
                reused: last.reused,
            });
        }
        for retired in &found.segments {
            synced(&options, retired.index)?;
        }
        let writer = Writer {
            tip: found.tip,
            active,
            spares: VecDeque::new(),
            next_index: found.next_index,
            reusable_from: found.next_index,
            retired: found.segments.into(),
            unsynced: Vec::new(),
            marks: found.marks.into(),
            pending: Pending {
                behind: found.tip.seq > known.folded.seq,
                ..Pending::default()
            },
        };
        let journal = Self {
            chain: known.chain,
            line: SyncLine::new(writer.tip.seq),
            writer: Mutex::new(writer),
            salts: Mutex::default(),
            unfolded: AtomicU64::new(found.unfolded_bytes),
            closed: AtomicBool::new(false),
            want: Condvar::new(),
            store_down: AtomicBool::new(false),
            store_error: Mutex::new(String::new()),
            removals: Mutex::new(()),
            options,
        };
        Ok((journal, found.cut_bytes))
    }
}

/// A segment that was found. It may still be in the system's hands only; from here on it counts.
fn synced(options: &JournalOptions, index: u64) -> Result<Arc<dyn DiskFile>> {
    let path = segment::path(&options.dir, index);
    let file = options
        .disk
        .open(&path, Mode::Write)
        .map_err(Error::io(format!("opening {path:?}")))?;
    file.sync()
        .map_err(Error::io(format!("syncing {path:?}")))?;
    Ok(file)
}
