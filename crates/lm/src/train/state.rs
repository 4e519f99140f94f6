//! A training's state in a file: what is trained, its moments, the number of steps. A training that goes
//! on from it gives the same bytes as one that was never broken off. The file is written beside its
//! place and renamed when it is whole; a file of another training, cut off or altered, is refused
//! before anything has changed.
//!
//! Layout, little-endian: [`MAGIC`], the header's length (u64), the header (JSON), then for each
//! trained parameter its values, first and second moments (f32), then a checksum (u64) of all before.

use super::trainer::Trainer;
use crate::device::Device;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

const MAGIC: &[u8; 24] = b"stillhouse training 1\n\0\0";
/// Longest header that is read.
const MOST_HEADER: u64 = 1 << 24;
/// Values that are copied at once.
const PIECE: usize = 1 << 16;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    step: u64,
    /// Of these, those that learnt nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    passed: u64,
    seed: u64,
    tuning: String,
    parameters: Vec<(String, u64)>,
}

impl Header {
    /// Values of all parameters.
    fn values(&self) -> u64 {
        self.parameters.iter().map(|one| one.1).sum()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A running checksum: each 8 bytes are mixed in, in order.
struct Checksum(u64);

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = super::mix(self.0, u64::from_le_bytes(word));
        }
    }
}

impl<D: Device> Trainer<D> {
    fn header(&mut self) -> Header {
        let trained = self.network.parameters().filter(|p| p.trained.is_some());
        let one = |p: &mut super::parameter::Parameter<D::Buffer>| {
            let names: Vec<&str> = p.parts.iter().map(|part| part.name.as_str()).collect();
            let length: usize = p.parts.iter().map(super::parameter::Part::length).sum();
            (names.join(" "), length as u64)
        };
        let parameters = trained.map(one).collect();
        Header {
            step: self.step,
            passed: self.passed,
            seed: self.settings.seed,
            tuning: format!("{:?}", self.settings.tuning),
            parameters,
        }
    }

    /// Writes the state, in the place of one that is there.
    ///
    /// # Errors
    /// [`Error::File`]; then the old file is as it was.
    pub fn save(&mut self, path: &Path) -> Result<()> {
        let header = serde_json::to_vec(&self.header());
        let header = header.map_err(|e| Error::Invalid(format!("training state: {e}")))?;
        let device = Arc::clone(&self.network.device);
        crate::files::write_file(path, |out| {
            let mut checksum = Checksum(0);
            let mut put = |bytes: &[u8]| {
                checksum.add(bytes);
                out.write_all(bytes)
                    .map_err(|e| crate::files::failed(path, e))
            };
            put(MAGIC)?;
            put(&(header.len() as u64).to_le_bytes())?;
            put(&header)?;
            let mut bytes = Vec::new();
            for parameter in self.network.parameters() {
                let Some(trained) = &parameter.trained else {
                    continue;
                };
                for buffer in [&parameter.value, &trained.moments[0], &trained.moments[1]] {
                    let length = device.length(buffer);
                    let mut values = vec![0.0f32; PIECE.min(length)];
                    for start in (0..length).step_by(PIECE) {
                        let values = &mut values[..PIECE.min(length - start)];
                        device.read(buffer, start, values)?;
                        bytes.clear();
                        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
                        put(&bytes)?;
                    }
                }
            }
            let sum = checksum.0.to_le_bytes();
            out.write_all(&sum)
                .map_err(|e| crate::files::failed(path, e))
        })
    }

    /// Goes on from a saved state of the same tuning, seed and model; optimiser and schedule may be
    /// others.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::State`] where the file is cut off, altered or of another training. Then
    /// nothing has changed.
    pub fn restore(&mut self, path: &Path) -> Result<()> {
        let (header, mut reader) = self.opened(path)?;
        // Once through for the checksum, and only then into the weights.
        let mut bytes = vec![0; PIECE];
        let mut left = header.values() * 12;
        while left > 0 {
            let piece = &mut bytes[..usize::try_from(left.min(PIECE as u64)).unwrap_or(PIECE)];
            reader.take(piece)?;
            left -= piece.len() as u64;
        }
        let sum = reader.checksum.0;
        let mut stored = [0; 8];
        reader.take(&mut stored)?;
        if u64::from_le_bytes(stored) != sum {
            return Err(reader.wrong("its checksum is another: it was altered"));
        }
        let (header, mut reader) = self.opened(path)?;
        self.fill(&mut reader, true)?;
        (self.step, self.passed) = (header.step, header.passed);
        Ok(())
    }

    /// Takes a saved state's weights alone, a third of its bytes: another training begins with them, or
    /// they are used as they are; moments and steps stay what they were. The checksum is not looked at,
    /// being over all of the state: who saved it knows the weights' digest.
    ///
    /// # Errors
    /// As of [`Self::restore`], but for a file that was altered; the file's in mid-reading, then the
    /// weights are of no use.
    pub fn restore_weights(&mut self, path: &Path) -> Result<()> {
        let (_, mut reader) = self.opened(path)?;
        self.fill(&mut reader, false)
    }

    /// A state of the same tuning, seed and model, and its reader after the header.
    fn opened<'a>(&mut self, path: &'a Path) -> Result<(Header, Reader<'a>)> {
        let failed = |e| crate::files::failed(path, e);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut reader = Reader::new(path, file);
        let header = reader.header(length)?;
        let mut expected = self.header();
        (expected.step, expected.passed) = (header.step, header.passed);
        if header != expected {
            return Err(reader.wrong("it is of another model, tuning or seed"));
        }
        if length != reader.read + header.values() * 12 + 8 {
            return Err(reader.wrong("it is cut off, or longer than its header says"));
        }
        Ok((header, reader))
    }

    /// Reads each parameter's values, and its moments or past them.
    fn fill(&mut self, reader: &mut Reader<'_>, moments: bool) -> Result<()> {
        let device = Arc::clone(&self.network.device);
        let mut bytes = vec![0; PIECE * 4];
        for parameter in self.network.parameters() {
            let Some(trained) = &mut parameter.trained else {
                continue;
            };
            trained.fresh = true;
            let [first, second] = &mut trained.moments;
            let length = device.length(&parameter.value);
            let (taken, passed) = if moments { (3, 0) } else { (1, 2) };
            for buffer in [&mut parameter.value, first, second]
                .into_iter()
                .take(taken)
            {
                for start in (0..length).step_by(PIECE) {
                    let piece = &mut bytes[..4 * PIECE.min(length - start)];
                    reader.take(piece)?;
                    let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                    let values: Vec<f32> = piece.chunks_exact(4).map(value).collect();
                    device.write(buffer, start, &values)?;
                }
            }
            reader.skip(passed * length * 4)?;
        }
        Ok(())
    }
}

/// Reads a state's bytes and sums them up.
struct Reader<'a> {
    path: &'a Path,
    file: BufReader<File>,
    checksum: Checksum,
    read: u64,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, file: File) -> Self {
        Self {
            path,
            file: BufReader::with_capacity(1 << 16, file),
            checksum: Checksum(0),
            read: 0,
        }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::State {
            path: self.path.to_owned(),
            what: what.to_owned(),
        }
    }

    /// Passes by bytes that are not wanted; they are in no checksum.
    fn skip(&mut self, bytes: usize) -> Result<()> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.file
            .seek_relative(bytes)
            .map_err(|e| crate::files::failed(self.path, e))
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.file
            .read_exact(bytes)
            .map_err(|e| crate::files::failed(self.path, e))?;
        self.checksum.add(bytes);
        self.read += bytes.len() as u64;
        Ok(())
    }

    fn header(&mut self, length: u64) -> Result<Header> {
        let front = (MAGIC.len() + 8) as u64;
        if length < front {
            return Err(self.wrong("it is cut off"));
        }
        let (mut magic, mut count) = ([0; MAGIC.len()], [0; 8]);
        self.take(&mut magic)?;
        self.take(&mut count)?;
        let count = u64::from_le_bytes(count);
        if &magic != MAGIC {
            return Err(self.wrong("it is no training state"));
        }
        if count > MOST_HEADER || count > length - front {
            return Err(self.wrong("its header is longer than the file"));
        }
        let mut json = vec![0; usize::try_from(count).unwrap_or(0)];
        self.take(&mut json)?;
        serde_json::from_slice(&json)
            .map_err(|e| self.wrong(&format!("its header can not be read: {e}")))
    }
}
