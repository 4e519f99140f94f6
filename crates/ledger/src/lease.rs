//! The lease on a data folder: one writing process at a time, held by a lock that the system
//! lets go when the process ends, however it ends. Readers need none.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::{Error, Result};

/// Held as long as this lives.
#[derive(Debug)]
pub(crate) struct Lease {
    _file: File,
}

impl Lease {
    /// Takes the lease, or says that another process has it.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("lock");
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut file = opened.map_err(Error::io(format!("opening {path:?}")))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::Held { path }),
            Err(error) => return Err(Error::io(format!("locking {path:?}"))(error.into())),
        }
        // For a person who wonders who has it; nothing reads it back.
        let note = file.set_len(0).and_then(|()| file.rewind());
        let note = note.and_then(|()| writeln!(file, "{}", std::process::id()));
        note.map_err(Error::io(format!("writing {path:?}")))?;
        Ok(Self { _file: file })
    }

    /// The process that wrote its number last, for messages.
    #[must_use]
    pub(crate) fn holder(folder: &Path) -> Option<u32> {
        let mut text = String::new();
        File::open(folder.join("lock"))
            .ok()?
            .read_to_string(&mut text)
            .ok()?;
        text.trim().parse().ok()
    }
}
