//! The processor as a [`Device`](super::Device): f32 throughout, vector instructions chosen at run
//! time, threads of its own. Every operation cuts its work into parts of a fixed size, so that results
//! are equal to the bit whatever the number of threads.

mod attention;
mod calls;
mod device;
mod gemm;
mod group;
mod head;
mod kernel;
mod math;
mod optimiser;
mod rows;
mod scratch;

use crate::device::shape::some;
use crate::ops::{Level, Rope, RopeLayout};
use crate::{Error, Result};
use scratch::Scratch;
use std::sync::{Arc, Mutex, PoisonError};

/// Threads, instructions and spare memory of a processor.
pub struct Cpu {
    level: Level,
    pool: rayon::ThreadPool,
    scratch: Scratch,
    /// Sines and cosines that were worked out last, and for which model.
    angles: Mutex<Angles>,
}

/// A [`Cpu`]'s memory: f32, whatever it is for.
#[derive(Debug, Clone, Default)]
pub struct CpuBuffer(Vec<f32>);

#[derive(Default)]
struct Angles {
    base: f32,
    width: usize,
    /// `[position][2][width / 2]`.
    values: Arc<Vec<f32>>,
}

impl std::fmt::Debug for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cpu")
            .field("level", &self.level)
            .field("threads", &self.pool.current_num_threads())
            .finish_non_exhaustive()
    }
}

impl Cpu {
    /// The processor with so many threads; 0 takes as many as the machine has cores.
    ///
    /// # Errors
    /// [`Error::Threads`] where the system gives none.
    pub fn new(threads: usize) -> Result<Self> {
        Self::at(Level::best(), threads)
    }

    /// The same with the instructions of a lower level, for tests.
    pub(crate) fn at(level: Level, threads: usize) -> Result<Self> {
        Ok(Self {
            level,
            pool: crate::model::pool(threads)?,
            scratch: Scratch::default(),
            angles: Mutex::default(),
        })
    }

    /// Sines and cosines of the first `positions` positions.
    fn angles(&self, base: f32, width: usize, positions: usize) -> Arc<Vec<f32>> {
        let mut kept = self.angles.lock().unwrap_or_else(PoisonError::into_inner);
        let same = (kept.base.to_bits(), kept.width) == (base.to_bits(), width);
        if !same || kept.values.len() < positions * width {
            // The layout says which values make a pair; angles are the same for both.
            let rope = Rope::new(RopeLayout::Halves, base, width);
            *kept = Angles {
                base,
                width,
                values: Arc::new(rope.table(positions)),
            };
        }
        Arc::clone(&kept.values)
    }
}

/// The first `length` values of a buffer, or whose fault it is that they are not there.
fn front<'a>(buffer: &'a CpuBuffer, length: usize, what: &str) -> Result<&'a [f32]> {
    let have = buffer.0.len();
    buffer
        .0
        .get(..length)
        .ok_or_else(|| short(what, length, have))
}

/// As [`front`], to be written.
fn front_mut<'a>(buffer: &'a mut CpuBuffer, length: usize, what: &str) -> Result<&'a mut [f32]> {
    let have = buffer.0.len();
    buffer
        .0
        .get_mut(..length)
        .ok_or_else(|| short(what, length, have))
}

fn short(what: &str, need: usize, have: usize) -> Error {
    Error::Invalid(format!("{what} holds {have} values, {need} are needed"))
}
