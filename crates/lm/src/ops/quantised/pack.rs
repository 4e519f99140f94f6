//! Blocks of 32 weights for the fast path: the file's own bytes rearranged, or f32 values rounded
//! to int8. Pure; a scale that does not fit 16 bits is told by `None`.

use super::{BLOCK, BYTE_ZERO};
use crate::gguf::TensorType;
use half::f16;

/// One output's block.
pub(super) struct Block {
    /// Nibbles, or int8 with [`BYTE_ZERO`] added.
    pub(super) quants: [u8; BLOCK],
    pub(super) scale: f16,
    /// What nibble 0 stands for; unused by int8.
    pub(super) least: f16,
}

/// Whether a type's blocks are kept as nibbles; all others are kept as int8.
pub(super) fn is_nibbles(kind: TensorType) -> bool {
    matches!(kind, TensorType::Q4_0 | TensorType::Q4_1)
}

/// Rearranges one block of a file.
type Pack = fn(&[u8]) -> Option<Block>;

/// How the file's own block is rearranged, for types whose blocks are kept.
pub(super) fn native(kind: TensorType) -> Option<Pack> {
    match kind {
        TensorType::Q8_0 => Some(q8_0),
        TensorType::Q4_0 => Some(q4_0),
        TensorType::Q4_1 => Some(q4_1),
        _ => None,
    }
}

fn half_at(bytes: &[u8], at: usize) -> Option<f16> {
    Some(f16::from_le_bytes([bytes[at], bytes[at + 1]])).filter(|v| v.is_finite())
}

/// Low nibbles first, then the high ones.
fn nibbles(bytes: &[u8]) -> [u8; BLOCK] {
    let mut out = [0; BLOCK];
    let (low, high) = out.split_at_mut(BLOCK / 2);
    for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
        (*low, *high) = (byte & 15, byte >> 4);
    }
    out
}

fn q8_0(bytes: &[u8]) -> Option<Block> {
    let mut quants = [0; BLOCK];
    for (q, byte) in quants.iter_mut().zip(&bytes[2..]) {
        *q = byte.wrapping_add(BYTE_ZERO as u8);
    }
    Some(Block {
        quants,
        scale: half_at(bytes, 0)?,
        least: f16::ZERO,
    })
}

fn q4_0(bytes: &[u8]) -> Option<Block> {
    let scale = half_at(bytes, 0)?;
    // A power of two times the scale: exact unless it overflows.
    let least = f16::from_f32(-8.0 * scale.to_f32());
    least.is_finite().then(|| Block {
        quants: nibbles(&bytes[2..]),
        scale,
        least,
    })
}

fn q4_1(bytes: &[u8]) -> Option<Block> {
    Some(Block {
        quants: nibbles(&bytes[4..]),
        scale: half_at(bytes, 0)?,
        least: half_at(bytes, 2)?,
    })
}

/// At most 32 values as int8, to the nearest step of a scale that 16 bits can tell.
pub(super) fn int8(values: &[f32]) -> Option<Block> {
    let most = values.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let scale = f16::from_f32(most / 127.0);
    let step = scale.to_f32();
    let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
    let mut quants = [BYTE_ZERO as u8; BLOCK];
    for (q, v) in quants.iter_mut().zip(values) {
        let rounded = (v * inverse).round_ties_even().clamp(-127.0, 127.0);
        *q = (rounded as i32 + BYTE_ZERO) as u8;
    }
    let finite = scale.is_finite() && values.iter().all(|v| v.is_finite());
    finite.then_some(Block {
        quants,
        scale,
        least: f16::ZERO,
    })
}
