//! Buffers that operations borrow and give back, so that the system is not asked for memory (and does
//! not clear it) in each of a step's many thousand calls.

use std::sync::{Mutex, PoisonError};

/// Free buffers.
#[derive(Default)]
pub(super) struct Scratch(Mutex<Vec<Vec<f32>>>);

impl Scratch {
    /// A buffer of at least this length, with values that nobody has set.
    pub(super) fn take(&self, length: usize) -> Vec<f32> {
        if length == 0 {
            return Vec::new();
        }
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The shortest that is long enough, else the longest.
        let best = (0..free.len()).min_by_key(|&i| match free[i].len() {
            room if room >= length => (0, room),
            room => (1, usize::MAX - room),
        });
        let mut buffer = best.map(|i| free.swap_remove(i)).unwrap_or_default();
        drop(free);
        if buffer.len() < length {
            buffer.resize(length, 0.0);
        }
        buffer
    }

    /// Gives a buffer back.
    pub(super) fn give(&self, buffer: Vec<f32>) {
        if !buffer.is_empty() {
            let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            free.push(buffer);
        }
    }
}
