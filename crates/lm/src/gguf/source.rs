//! Where a model's bytes come from: memory, or a file read piece by piece, so that a file that is
//! cut while we read gives an error (a mapped one would end the process). Never holds a whole file.

use super::header::Header;
use crate::{Error, Result};
use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// First part of a file that is read for its header; doubled while the header is longer.
const FIRST_READ: u64 = 4 << 20;

/// The bytes of a model file.
pub(crate) enum Source<'a> {
    Bytes(&'a [u8]),
    File {
        file: File,
        path: PathBuf,
        length: u64,
    },
}

impl<'a> Source<'a> {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let fail = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        // Looked at before it is opened: opening a pipe would wait for a writer.
        let about = std::fs::metadata(path).map_err(fail)?;
        if !about.is_file() {
            return Err(fail(std::io::Error::other("it is no regular file")));
        }
        let file = File::open(path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        Ok(Self::File {
            file,
            path: path.to_owned(),
            length,
        })
    }

    /// Bytes in it.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// `length` bytes from `offset` on.
    pub(crate) fn read(&self, offset: u64, length: u64) -> Result<Cow<'a, [u8]>> {
        let end = offset
            .checked_add(length)
            .filter(|&end| end <= self.length());
        let Some(end) = end else {
            let need = offset.saturating_add(length);
            return Err(Error::Truncated {
                what: "data".into(),
                need,
                have: self.length(),
            });
        };
        match self {
            Self::Bytes(bytes) => Ok(Cow::Borrowed(&bytes[offset as usize..end as usize])),
            Self::File { file, path, .. } => {
                let mut buffer = vec![0; length as usize];
                file.read_exact_at(&mut buffer, offset)
                    .map_err(|source| Error::File {
                        path: path.clone(),
                        source,
                    })?;
                Ok(Cow::Owned(buffer))
            }
        }
    }

    /// The header; of a file, only as much is read as it needs.
    pub(crate) fn header(&self) -> Result<Header> {
        let mut part = FIRST_READ;
        loop {
            let take = part.min(self.length());
            match Header::parse(&self.read(0, take)?, self.length()) {
                Err(Error::Truncated { have, .. }) if have == take && take < self.length() => {
                    part = part.saturating_mul(2);
                }
                other => return other,
            }
        }
    }
}
