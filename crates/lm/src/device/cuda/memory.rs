//! Numbers to the GPU, from it, and within it. Host values are f32; what is kept in bf16 is rounded to the
//! nearest on the way.

use super::launch::{Arg, Grid};
use super::{Cuda, CudaBuffer as Buffer, failed};
use crate::{Error, Result};
use half::bf16;

impl Cuda {
    /// See [`crate::device::Device::write`].
    pub(super) fn put(&self, buffer: &mut Buffer, offset: usize, values: &[f32]) -> Result<()> {
        let end = reach(buffer, offset, values.len())?;
        if values.is_empty() {
            return Ok(());
        }
        match (&mut buffer.wide, &mut buffer.half) {
            (Some(wide), half) => {
                let mut part = wide.slice_mut(offset..end);
                self.stream.memcpy_htod(values, &mut part).map_err(failed)?;
                if let Some(half) = half {
                    // narrow(from, to, length)
                    let from = Arg::of(&self.stream, wide).skip(offset, 4);
                    let to = Arg::of(&self.stream, half).skip(offset, 2);
                    let args = [from, to, Arg::Long(values.len() as u64)];
                    self.launch("narrow", Grid::values(values.len())?, &args)?;
                }
            }
            (None, Some(half)) => {
                let bits: Vec<u16> = values
                    .iter()
                    .map(|&v| bf16::from_f32(v).to_bits())
                    .collect();
                let mut part = half.slice_mut(offset..end);
                self.stream.memcpy_htod(&bits, &mut part).map_err(failed)?;
            }
            (None, None) => {}
        }
        self.wait()
    }

    /// See [`crate::device::Device::read`].
    pub(super) fn fetch(&self, buffer: &Buffer, offset: usize, values: &mut [f32]) -> Result<()> {
        let end = reach(buffer, offset, values.len())?;
        if values.is_empty() {
            return Ok(());
        }
        match (&buffer.wide, &buffer.half) {
            (Some(wide), _) => {
                let part = wide.slice(offset..end);
                self.stream.memcpy_dtoh(&part, values).map_err(failed)?;
                self.wait()
            }
            (None, Some(half)) => {
                let bits = self.stream.clone_dtoh(&half.slice(offset..end));
                let bits = bits.map_err(failed)?;
                self.wait()?;
                for (value, bits) in values.iter_mut().zip(bits) {
                    *value = bf16::from_bits(bits).to_f32();
                }
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// See [`crate::device::Device::copy`].
    pub(super) fn duplicate(&self, from: &Buffer, to: &mut Buffer, length: usize) -> Result<()> {
        reach(from, 0, length)?;
        reach(to, 0, length)?;
        if from.wide.is_some() != to.wide.is_some() || from.half.is_some() != to.half.is_some() {
            let (from, to) = (from.store, to.store);
            return Err(Error::Invalid(format!("a copy from {from:?} to {to:?}")));
        }
        if length == 0 {
            return Ok(());
        }
        if let (Some(from), Some(to)) = (&from.wide, &mut to.wide) {
            let mut to = to.slice_mut(..length);
            let copied = self.stream.memcpy_dtod(&from.slice(..length), &mut to);
            copied.map_err(failed)?;
        }
        if let (Some(from), Some(to)) = (&from.half, &mut to.half) {
            let mut to = to.slice_mut(..length);
            let copied = self.stream.memcpy_dtod(&from.slice(..length), &mut to);
            copied.map_err(failed)?;
        }
        Ok(())
    }
}

/// The end of a part of a buffer.
fn reach(buffer: &Buffer, offset: usize, values: usize) -> Result<usize> {
    let (end, have) = (offset.saturating_add(values), buffer.length);
    if end > have {
        return Err(Error::Invalid(format!(
            "a buffer holds {have} values, {end} are needed"
        )));
    }
    Ok(end)
}
