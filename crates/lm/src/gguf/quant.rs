//! The quantised blocks of GGUF, turned into f32. Layouts: ggml's `ggml-common.h`; the order of the
//! floating-point operations is that of PyPI `gguf`, so that results are equal to the bit (NaN's
//! payload aside). Block kernels are pure; lengths are checked by [`dequantize`] alone.

use crate::{Error, Result};
use half::{bf16, f16};

/// A tensor's element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are ggml's own")]
#[expect(non_camel_case_types, reason = "the names are ggml's own")]
pub enum TensorType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4_K,
    Q5_K,
    Q6_K,
}

impl TensorType {
    /// Every type that can be read.
    pub const ALL: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q4_K,
        Self::Q5_K,
        Self::Q6_K,
    ];

    /// The type of ggml's number, where it is known.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.number() == number)
    }

    /// ggml's number of the type.
    #[must_use]
    pub fn number(self) -> u32 {
        self.layout().0
    }

    /// Elements in a block.
    #[must_use]
    pub fn block_elements(self) -> usize {
        self.layout().1
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_bytes(self) -> usize {
        self.layout().2
    }

    fn layout(self) -> (u32, usize, usize) {
        match self {
            Self::F32 => (0, 1, 4),
            Self::F16 => (1, 1, 2),
            Self::Q4_0 => (2, 32, 18),
            Self::Q4_1 => (3, 32, 20),
            Self::Q5_0 => (6, 32, 22),
            Self::Q5_1 => (7, 32, 24),
            Self::Q8_0 => (8, 32, 34),
            Self::Q4_K => (12, 256, 144),
            Self::Q5_K => (13, 256, 176),
            Self::Q6_K => (14, 256, 210),
            Self::BF16 => (30, 1, 2),
        }
    }
}

/// Writes the f32 values of `bytes` to `out`.
///
/// # Errors
/// [`Error::Malformed`] where the lengths do not fit each other or the type's blocks.
pub fn dequantize(kind: TensorType, bytes: &[u8], out: &mut [f32]) -> Result<()> {
    let (elements, size) = (kind.block_elements(), kind.block_bytes());
    let blocks = bytes.len() / size;
    if bytes.len() != blocks * size || out.len() != blocks * elements {
        let (n, m) = (bytes.len(), out.len());
        return Err(Error::Malformed(format!(
            "{n} bytes are not {m} elements of {kind:?}"
        )));
    }
    let block: fn(&[u8], &mut [f32]) = match kind {
        TensorType::F32 => |b, o| o[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        TensorType::F16 => |b, o| o[0] = half_at(b, 0),
        TensorType::BF16 => |b, o| o[0] = bf16::from_le_bytes([b[0], b[1]]).to_f32(),
        TensorType::Q4_0 => q4_0,
        TensorType::Q4_1 => q4_1,
        TensorType::Q5_0 => q5_0,
        TensorType::Q5_1 => q5_1,
        TensorType::Q8_0 => q8_0,
        TensorType::Q4_K => q4_k,
        TensorType::Q5_K => q5_k,
        TensorType::Q6_K => q6_k,
    };
    for (b, o) in bytes.chunks_exact(size).zip(out.chunks_exact_mut(elements)) {
        block(b, o);
    }
    Ok(())
}

fn half_at(b: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([b[at], b[at + 1]]).to_f32()
}

/// Nibble `i` of 32 elements in 16 bytes: low nibbles first, then the high ones.
fn nibble(q: &[u8], i: usize) -> u8 {
    if i < 16 { q[i] & 15 } else { q[i - 16] >> 4 }
}

/// Bit `i` of 32.
fn bit(b: &[u8], at: usize, i: usize) -> u8 {
    (b[at + i / 8] >> (i % 8)) & 1
}

fn q4_0(b: &[u8], out: &mut [f32]) {
    let d = half_at(b, 0);
    for (i, o) in out.iter_mut().enumerate() {
        *o = d * (f32::from(nibble(&b[2..], i)) - 8.0);
    }
}

fn q4_1(b: &[u8], out: &mut [f32]) {
    let (d, m) = (half_at(b, 0), half_at(b, 2));
    for (i, o) in out.iter_mut().enumerate() {
        *o = d * f32::from(nibble(&b[4..], i)) + m;
    }
}

fn q5_0(b: &[u8], out: &mut [f32]) {
    let d = half_at(b, 0);
    for (i, o) in out.iter_mut().enumerate() {
        let q = nibble(&b[6..], i) | (bit(b, 2, i) << 4);
        *o = d * (f32::from(q) - 16.0);
    }
}

fn q5_1(b: &[u8], out: &mut [f32]) {
    let (d, m) = (half_at(b, 0), half_at(b, 2));
    for (i, o) in out.iter_mut().enumerate() {
        let q = nibble(&b[8..], i) | (bit(b, 4, i) << 4);
        *o = d * f32::from(q) + m;
    }
}

fn q8_0(b: &[u8], out: &mut [f32]) {
    let d = half_at(b, 0);
    for (o, &q) in out.iter_mut().zip(&b[2..]) {
        *o = f32::from(q.cast_signed()) * d;
    }
}

/// The 6-bit scale and minimum of sub-block `j` of 8, packed in 12 bytes.
fn scale_min(s: &[u8], j: usize) -> (f32, f32) {
    let (scale, min) = if j < 4 {
        (s[j] & 63, s[j + 4] & 63)
    } else {
        (
            (s[j + 4] & 15) | ((s[j - 4] >> 6) << 4),
            (s[j + 4] >> 4) | ((s[j] >> 6) << 4),
        )
    };
    (f32::from(scale), f32::from(min))
}

fn q4_k(b: &[u8], out: &mut [f32]) {
    let (d, m) = (half_at(b, 0), half_at(b, 2));
    let (scales, q) = (&b[4..16], &b[16..]);
    for (j, o) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_min(scales, j);
        let (scale, min) = (d * scale, m * min);
        let q = &q[j / 2 * 32..][..32];
        for (o, &q) in o.iter_mut().zip(q) {
            let q = if j % 2 == 0 { q & 15 } else { q >> 4 };
            *o = scale * f32::from(q) - min;
        }
    }
}

fn q5_k(b: &[u8], out: &mut [f32]) {
    let (d, m) = (half_at(b, 0), half_at(b, 2));
    let (scales, high, q) = (&b[4..16], &b[16..48], &b[48..]);
    for (j, o) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_min(scales, j);
        let (scale, min) = (d * scale, m * min);
        let q = &q[j / 2 * 32..][..32];
        for ((o, &q), &h) in o.iter_mut().zip(q).zip(high) {
            let q = if j % 2 == 0 { q & 15 } else { q >> 4 };
            *o = scale * f32::from(q | (((h >> j) & 1) << 4)) - min;
        }
    }
}

fn q6_k(b: &[u8], out: &mut [f32]) {
    let (low, high, scales) = (&b[..128], &b[128..192], &b[192..208]);
    let d = half_at(b, 208);
    for (i, o) in out.iter_mut().enumerate() {
        // Halves of 128 elements; in each, four groups of 32 share bytes.
        let (half, group, l) = (i / 128, i % 128 / 32, i % 32);
        let byte = low[half * 64 + (group % 2) * 32 + l];
        let low = if group < 2 { byte & 15 } else { byte >> 4 };
        let high = (high[half * 32 + l] >> (2 * group)) & 3;
        let q = (low | (high << 4)).wrapping_sub(32).cast_signed();
        *o = d * f32::from(scales[i / 16].cast_signed()) * f32::from(q);
    }
}
