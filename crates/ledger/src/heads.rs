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
        let written = self
            .file
            .write_at(line.as_bytes(), *end)
            .and_then(|()| self.file.sync());
        if let Err(error) = written {
            // What is on the device is unknown: the next head goes to the same place. Best
            // effort, so that a longer line does not show behind a shorter one.
            drop(self.file.truncate(*end));
            return Err(Error::io(what())(error));
        }
        *end += line.len() as u64;
        Ok(())
    }
}

/// The newest head of the file at a path; `None` where there is no file. Changes nothing.
pub(crate) fn newest_of(disk: &dyn Disk, path: &Path) -> Result<Option<Option<Head>>> {
    match disk.open(path, Mode::Read) {
        Ok(file) => newest(&*file, path).map(|(_, head)| Some(head)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(format!("opening the heads file {path:?}"))(error)),
    }
}

/// The newest head, and where its line ends. A line that breaks off, or that has holes (its
/// sectors reached the device in another order), is what a power cut leaves of the last line;
/// any other line that is no head was changed.
fn newest(file: &dyn DiskFile, path: &Path) -> Result<(u64, Option<Head>)> {
    let what = || format!("reading the heads file {path:?}");
    let size = file.size().map_err(Error::io(what()))?;
    let from = size.saturating_sub(4 * LINE_BYTES);
    let mut tail = vec![0u8; (size - from) as usize];
    let n = file.read_at(&mut tail, from).map_err(Error::io(what()))?;
    tail.truncate(n);
    let mut torn_before = false;
    while let Some(feed) = memchr::memrchr(b'\n', &tail) {
        let start = memchr::memrchr(b'\n', &tail[..feed]).map_or(0, |feed| feed + 1);
        let line = &tail[start..feed];
        if let Some(head) = std::str::from_utf8(line).ok().and_then(Head::from_line) {
            return Ok((from + feed as u64 + 1, Some(head)));
        }
        let torn = line.contains(&0) && feed + 1 == tail.len() && !torn_before;
        if !torn {
            return Err(bad_line(path, from + start as u64));
        }
        torn_before = true;
        tail.truncate(start);
    }
    // Four lines' length without a line feed is no torn line.
    if from == 0 {
        Ok((0, None))
    } else {
        Err(bad_line(path, from))
    }
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

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn a_torn_last_line_is_cut_and_a_changed_one_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("heads.log");
        let key = SigningKey::from_bytes(&[1; 32]);
        let head = |seq| Head::sign(&key, [2; 16], seq, [3; 32], seq);
        let line = |seq| format!("{}\n", head(seq).to_line()).into_bytes();
        let good = [line(1), line(2)].concat();
        let newest = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("writes");
            HeadsFile::open(&RealDisk, &path).map(|(_, newest)| newest)
        };
        assert_eq!(newest(b"").expect("opens"), None);
        let third = line(3);
        for size in 0..third.len() {
            let torn = [&good[..], &third[..size]].concat();
            assert_eq!(newest(&torn).expect("opens"), Some(head(2)), "{size} bytes");
            assert_eq!(std::fs::read(&path).expect("reads"), good);
            let mut holes = vec![0; size.max(1)];
            holes.extend_from_slice(&third[size.max(1)..]);
            let torn = [&good[..], &holes].concat();
            assert_eq!(newest(&torn).expect("opens"), Some(head(2)), "{size} zeros");
        }
        let mut changed = good.clone();
        changed[line(1).len() + 40] = b'x';
        assert!(matches!(newest(&changed), Err(Error::Damage { .. })));
    }
}
