//! The lease on a data folder: one writing process at a time, held by a lock that the system
//! lets go when the process ends, however it ends. Readers need none.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

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
        let mut tries = 0;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                // A reader that asks whether a server runs holds it for a moment.
                Err(rustix::io::Errno::WOULDBLOCK) if tries < 5 => {
                    tries += 1;
                    thread::sleep(Duration::from_millis(10));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::Held { path }),
                Err(error) => return Err(Error::io(format!("locking {path:?}"))(error.into())),
            }
        }
        // For a person who wonders who has it; nothing reads it back.
        let note = file.set_len(0).and_then(|()| file.rewind());
        let note = note.and_then(|()| writeln!(file, "{}", std::process::id()));
        note.map_err(Error::io(format!("writing {path:?}")))?;
        Ok(Self { _file: file })
    }

    /// Whether a process holds the lease now.
    pub(crate) fn is_held(folder: &Path) -> bool {
        let Ok(file) = File::open(folder.join("lock")) else {
            return false;
        };
        flock(&file, FlockOperation::NonBlockingLockShared).is_err()
    }

    /// The process that wrote its number last, for messages.
    pub(crate) fn holder(folder: &Path) -> Option<u32> {
        let mut text = String::new();
        File::open(folder.join("lock"))
            .ok()?
            .read_to_string(&mut text)
            .ok()?;
        text.trim().parse().ok()
    }
}
