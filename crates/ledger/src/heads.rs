//! The heads file: one line a signed head, appended and synced, best kept on another device.
//! It is never rewritten; a line that breaks off (a power cut) is cut before the next one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chain::{Head, Seq};
use crate::disk::{Disk, DiskFile, Mode};
use crate::{Error, Result};

/// A line is shorter than this.
const LINE_BYTES: u64 = 512;

/// The heads file, open for appending.
pub(crate) struct HeadsFile {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    end: Mutex<u64>,
}

impl HeadsFile {
    /// Opens or makes the file; returns its newest head.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<(Self, Option<Head>)> {
        let what = || format!("opening the heads file {path:?}");
        let file = match disk.open(path, Mode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = disk.open(path, Mode::Create).map_err(Error::io(what()))?;
                if let Some(dir) = path.parent() {
                    disk.sync_dir(dir).map_err(Error::io(what()))?;
                }
                file
            }
            other => other.map_err(Error::io(what()))?,
        };
        let (end, newest) = newest(&*file, path)?;
        if file.size().map_err(Error::io(what()))? > end {
            file.truncate(end)
                .and_then(|()| file.sync())
                .map_err(Error::io(what()))?;
        }
        Ok((
            Self {
                path: path.to_owned(),
                file,
                end: Mutex::new(end),
            },
            newest,
        ))
    }

    /// Appends a head; durable when this returns.
    pub(crate) fn append(&self, head: &Head) -> Result<()> {
        let line = format!("{}\n", head.to_line());
        let mut end = self.end.lock();
        let what = || format!("appending to the heads file {:?}", self.path);
        if let Err(error) = self.file.write_at(line.as_bytes(), *end) {
            // Best effort: the next head overwrites it, and the next start cuts it.
            drop(self.file.truncate(*end));
            return Err(Error::io(what())(error));
        }
        *end += line.len() as u64;
        self.file.sync().map_err(Error::io(what()))
    }
}

/// The newest head, and where the last whole line ends.
fn newest(file: &dyn DiskFile, path: &Path) -> Result<(u64, Option<Head>)> {
    let what = || format!("reading the heads file {path:?}");
    let size = file.size().map_err(Error::io(what()))?;
    let from = size.saturating_sub(2 * LINE_BYTES);
    let mut tail = vec![0u8; (size - from) as usize];
    let n = file.read_at(&mut tail, from).map_err(Error::io(what()))?;
    tail.truncate(n);
    let Some(last_feed) = memchr::memrchr(b'\n', &tail) else {
        // Two lines' length without a line feed is no torn line.
        return if from == 0 {
            Ok((0, None))
        } else {
            Err(bad_line(path, from))
        };
    };
    let start = memchr::memrchr(b'\n', &tail[..last_feed]).map_or(0, |feed| feed + 1);
    let head = std::str::from_utf8(&tail[start..last_feed])
        .ok()
        .and_then(Head::from_line);
    let head = head.ok_or_else(|| bad_line(path, from + start as u64))?;
    Ok((from + last_feed as u64 + 1, Some(head)))
}

fn bad_line(path: &Path, at: u64) -> Error {
    Error::damage(0, format!("{path:?} at {at}"), "the line is no signed head")
}

/// Reads the heads file line by line, beside a server too.
pub(crate) struct HeadLines {
    file: Option<Arc<dyn DiskFile>>,
    missing: bool,
    at: u64,
    buffer: Vec<u8>,
}

/// A line of the heads file.
pub(crate) enum HeadLine {
    Head(Head),
    /// A line that is no head; it starts at this offset.
    Bad(u64),
    /// The last line has no line feed.
    Torn(u64),
}

impl HeadLines {
    /// A missing file has no lines.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Self> {
        let file = match disk.open(path, Mode::Read) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io(format!("opening {path:?}"))(error)),
        };
        Ok(Self {
            missing: file.is_none(),
            file,
            at: 0,
            buffer: Vec::new(),
        })
    }

    pub(crate) fn was_missing(&self) -> bool {
        self.missing
    }

    pub(crate) fn next(&mut self) -> Result<Option<HeadLine>> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        loop {
            let at = self.at;
            if let Some(feed) = memchr::memchr(b'\n', &self.buffer) {
                let line: Vec<u8> = self.buffer.drain(..=feed).collect();
                self.at += line.len() as u64;
                let head = std::str::from_utf8(&line[..feed])
                    .ok()
                    .and_then(Head::from_line);
                return Ok(Some(head.map_or(HeadLine::Bad(at), HeadLine::Head)));
            }
            if self.buffer.len() as u64 > LINE_BYTES {
                self.file = None;
                return Ok(Some(HeadLine::Bad(at)));
            }
            let mut more = vec![0u8; 64 << 10];
            let from = self.at + self.buffer.len() as u64;
            let n = file
                .read_at(&mut more, from)
                .map_err(Error::io("reading the heads file"))?;
            if n == 0 {
                self.file = None;
                return Ok((!self.buffer.is_empty()).then_some(HeadLine::Torn(at)));
            }
            self.buffer.extend_from_slice(&more[..n]);
        }
    }
}

/// The position up to which a ledger is attested.
pub(crate) fn attested(newest: Option<&Head>) -> Seq {
    newest.map_or(0, |head| head.seq)
}
