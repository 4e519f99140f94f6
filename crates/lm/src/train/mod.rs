//! Learning: a network over any [`Device`](crate::device::Device), trained in full or by low-rank
//! changes. Reads no clock and draws no randomness but from seeds: the same settings, weights and
//! batches give the same bytes on one type of processor, whatever the number of threads.
//!
//! A [`Trainer`] takes a step from batches: each is packed documents ([`Batch`]) and a [`Goal`] that
//! its learnt rows are held against by a [`Loss`](crate::loss::Loss). A [`Network`] with
//! [`Tuning::Frozen`] scores, or teaches by [`Network::hidden`].

mod batch;
mod build;
mod head;
mod layer;
mod linear;
mod memory;
mod network;
mod parameter;
mod prune;
mod sampler;
mod settings;
mod spans;
mod state;
mod teacher;
mod trainer;

pub use batch::{Batch, Document, pack};
pub use memory::Memory;
pub use network::{Goal, Hidden, Network};
pub use prune::{drop_layers, prune_heads};
pub use settings::{Decay, Lora, Optimiser, Schedule, Settings, Target, Tuning};
pub use spans::{SpanRow, Spans};
pub use teacher::Head;
pub use trainer::{Report, Trainer};

/// Two numbers to one that depends on all bits of both (`SplitMix64`'s finaliser).
fn mix(a: u64, b: u64) -> u64 {
    let mut x = a ^ b.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests;
