//! Where a model's bytes come from: memory, or a file read piece by piece, so that a file that is
//! cut while we read gives an error (a mapped one would end the process). Never holds a whole file.

use super::header::Header;
use super::quant::{TensorType, dequantize};
use crate::{Error, Result};
use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// First part of a file that is read for its header; doubled while the header is longer.
const FIRST_READ: u64 = 4 << 20;
/// Bytes of a tensor that are read at once.
const VALUES_READ: u64 = 1 << 20;

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

    /// Offset of the first byte after `length` bytes from `offset` on, where they are there.
    fn end(&self, offset: u64, length: u64) -> Result<u64> {
        let end = offset.checked_add(length);
        end.filter(|&end| end <= self.length())
            .ok_or_else(|| Error::Truncated {
                what: "data".into(),
                need: offset.saturating_add(length),
                have: self.length(),
            })
    }

    /// The values of `length` bytes of blocks from `offset` on. A file is read in parts: beside the
    /// values, no second copy of them is held.
    pub(crate) fn values(&self, kind: TensorType, offset: u64, length: u64) -> Result<Vec<f32>> {
        let end = self.end(offset, length)?;
        let (elements, size) = (kind.block_elements() as u64, kind.block_bytes() as u64);
        let mut out = vec![0.0; (length / size * elements) as usize];
        let part = VALUES_READ / size * size;
        let parts = out.chunks_mut((part / size * elements) as usize);
        for (at, out) in (offset..end).step_by(part as usize).zip(parts) {
            dequantize(kind, &self.read(at, part.min(end - at))?, out)?;
        }
        Ok(out)
    }

    /// `length` bytes from `offset` on.
    pub(crate) fn read(&self, offset: u64, length: u64) -> Result<Cow<'a, [u8]>> {
        let end = self.end(offset, length)?;
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
