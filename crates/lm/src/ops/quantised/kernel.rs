//! The product of int8 activations with a panel of 16 outputs, for each set of instructions. Sums
//! within a block are of integers; the blocks are added upwards by fused multiply-add. So all sets
//! of instructions agree to the bit, whatever the number of rows.
#![expect(
    unsafe_code,
    reason = "vector intrinsics; each block says why it is sound"
)]

use super::{Activations, BLOCK, BYTE_ZERO, Line, PANEL};
use half::f16;

/// Rows that a tile may have.
pub(super) const TILE: usize = 8;

/// A set of instructions that this processor has. Only [`Kernel::available`] makes one: holding a
/// value proves that the instructions may be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// AVX-512 with dot products of bytes.
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Plain,
}

/// One panel's weights.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    /// Nibbles: 4 lines a block, else 8.
    pub(super) quants: &'a [Line],
    /// Scales of a block's 16 outputs, then, for nibbles, their minimums.
    pub(super) scales: &'a [u16],
}

impl Kernel {
    /// All that this processor can run, the fastest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut out = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                out.push(Self(Kind::Vnni));
            }
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 && is_x86_feature_detected!("f16c") {
                out.push(Self(Kind::Avx2));
            }
        }
        out.push(Self(Kind::Plain));
        out
    }

    /// The fastest.
    pub(crate) fn best() -> Self {
        Self::available()[0]
    }

    /// `out[r][o] = row first + r of x, times output o of the panel`; `out` is `[rows][PANEL]` of
    /// at most [`TILE`] rows.
    pub(super) fn multiply<const NIBBLES: bool>(
        self,
        panel: Panel<'_>,
        x: &Activations,
        first: usize,
        out: &mut [f32],
    ) {
        let (blocks, rows) = (x.blocks, out.len() / PANEL);
        let end = (first + rows) * blocks;
        assert!(out.len() == rows * PANEL && rows <= TILE);
        assert!(x.quants.len() >= end * BLOCK && x.scales.len() >= end);
        assert!(x.masses.len() >= end && x.shifts.len() >= end);
        let (lines, scales) = if NIBBLES { (4, 2) } else { (8, 1) };
        assert!(panel.quants.len() == blocks * lines);
        assert!(panel.scales.len() == blocks * scales * PANEL);
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: holding the value proves the instructions; the lengths were checked above.
            Kind::Vnni => unsafe { x86::rows_vnni::<NIBBLES>(panel, x, first, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx2 => unsafe { x86::rows_avx2::<NIBBLES>(panel, x, first, out) },
            Kind::Plain => plain::<NIBBLES>(panel, x, first, out),
        }
    }
}

/// Byte `b` of output `o` in group `g` of four inputs.
fn weight<const NIBBLES: bool>(lines: &[Line], g: usize, o: usize, b: usize) -> i32 {
    let at = 4 * o + b;
    i32::from(match (NIBBLES, g < 4) {
        (false, _) => lines[g].0[at],
        (true, true) => lines[g].0[at] & 15,
        (true, false) => lines[g - 4].0[at] >> 4,
    })
}

fn plain<const NIBBLES: bool>(panel: Panel<'_>, x: &Activations, first: usize, out: &mut [f32]) {
    let (lines, count) = if NIBBLES { (4, 2) } else { (8, 1) };
    for (row, out) in (first..).zip(out.chunks_exact_mut(PANEL)) {
        out.fill(0.0);
        for block in 0..x.blocks {
            let at = row * x.blocks + block;
            let quants = &x.quants[at * BLOCK..][..BLOCK];
            let lines = &panel.quants[block * lines..][..lines];
            let scales = &panel.scales[block * count * PANEL..][..count * PANEL];
            for (o, out) in out.iter_mut().enumerate() {
                let mut sum = 0;
                for (g, x) in quants.chunks_exact(4).enumerate() {
                    for (b, &x) in x.iter().enumerate() {
                        let zero = if NIBBLES { 0 } else { BYTE_ZERO };
                        sum += i32::from(x) * (weight::<NIBBLES>(lines, g, o, b) - zero);
                    }
                }
                let scale = f16::from_bits(scales[o]).to_f32();
                *out = scale.mul_add(sum as f32 * x.scales[at], *out);
                if NIBBLES {
                    let least = f16::from_bits(scales[PANEL + o]).to_f32();
                    *out = least.mul_add(x.masses[at], *out);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Activations, BLOCK, PANEL, Panel};
    use std::arch::x86_64::*;

    /// Tiles of as many rows as the registers hold.
    macro_rules! rows {
        ($name:ident, $tile:ident, $features:literal, [$($size:literal),+]) => {
            /// # Safety
            /// The lengths are those that [`super::Kernel::multiply`] checks.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name<const NIBBLES: bool>(
                panel: Panel<'_>, x: &Activations, first: usize, out: &mut [f32],
            ) {
                let rows = out.len() / PANEL;
                let mut row = 0;
                $(while rows - row >= $size {
                    let out = &mut out[row * PANEL..];
                    // SAFETY: `$size` more rows are there.
                    unsafe { $tile::<$size, NIBBLES>(panel, x, first + row, out.as_mut_ptr()) };
                    row += $size;
                })+
            }
        };
    }
    rows!(rows_vnni, tile_vnni, "avx512f,avx512vnni", [8, 4, 2, 1]);
    rows!(rows_avx2, tile_avx2, "avx2,fma,f16c", [4, 2, 1]);

    /// # Safety
    /// Rows `first..first + R` are in `x`; `out` points to `R * PANEL` values.
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn tile_vnni<const R: usize, const NIBBLES: bool>(
        panel: Panel<'_>,
        x: &Activations,
        first: usize,
        out: *mut f32,
    ) {
        let blocks = x.blocks;
        let mut sums = [_mm512_setzero_ps(); R];
        // SAFETY: all reads are of the blocks of rows `first..first + R` and of the panel's.
        unsafe {
            let quants = x.quants.as_ptr().add(first * blocks * BLOCK);
            let scales = x.scales.as_ptr().add(first * blocks);
            let masses = x.masses.as_ptr().add(first * blocks);
            let shifts = x.shifts.as_ptr().add(first * blocks);
            let low = _mm512_set1_epi32(0x0f0f_0f0f);
            for block in 0..blocks {
                let mut ints = [_mm512_setzero_si512(); R];
                if !NIBBLES {
                    for (r, int) in ints.iter_mut().enumerate() {
                        *int = _mm512_set1_epi32(*shifts.add(r * blocks + block));
                    }
                }
                let four = |r: usize, g: usize| {
                    let at = quants.add((r * blocks + block) * BLOCK + 4 * g);
                    _mm512_set1_epi32(at.cast::<i32>().read_unaligned())
                };
                if NIBBLES {
                    let lines: *const __m512i = panel.quants.as_ptr().add(4 * block).cast();
                    for g in 0..4 {
                        let line = _mm512_load_si512(lines.add(g));
                        let even = _mm512_and_si512(line, low);
                        let odd = _mm512_and_si512(_mm512_srli_epi32::<4>(line), low);
                        for (r, int) in ints.iter_mut().enumerate() {
                            *int = _mm512_dpbusd_epi32(*int, even, four(r, g));
                            *int = _mm512_dpbusd_epi32(*int, odd, four(r, g + 4));
                        }
                    }
                } else {
                    let lines: *const __m512i = panel.quants.as_ptr().add(8 * block).cast();
                    for g in 0..8 {
                        let line = _mm512_load_si512(lines.add(g));
                        for (r, int) in ints.iter_mut().enumerate() {
                            *int = _mm512_dpbusd_epi32(*int, line, four(r, g));
                        }
                    }
                }
                let count = if NIBBLES { 2 } else { 1 };
                let halves: *const __m256i =
                    panel.scales.as_ptr().add(block * count * PANEL).cast();
                let scale = _mm512_cvtph_ps(_mm256_loadu_si256(halves));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let step = _mm512_set1_ps(*scales.add(r * blocks + block));
                    let int = _mm512_mul_ps(_mm512_cvtepi32_ps(ints[r]), step);
                    *sum = _mm512_fmadd_ps(scale, int, *sum);
                }
                if NIBBLES {
                    let least = _mm512_cvtph_ps(_mm256_loadu_si256(halves.add(1)));
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let mass = _mm512_set1_ps(*masses.add(r * blocks + block));
                        *sum = _mm512_fmadd_ps(least, mass, *sum);
                    }
                }
            }
            for (r, &sum) in sums.iter().enumerate() {
                _mm512_storeu_ps(out.add(r * PANEL), sum);
            }
        }
    }

    /// # Safety
    /// As for [`tile_vnni`].
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn tile_avx2<const R: usize, const NIBBLES: bool>(
        panel: Panel<'_>,
        x: &Activations,
        first: usize,
        out: *mut f32,
    ) {
        // Eight outputs at a time: the left, then the right half of each line.
        for half in 0..2 {
            // SAFETY: as was promised; `half` is within a line.
            unsafe { half_avx2::<R, NIBBLES>(panel, x, first, (half, out.add(8 * half))) };
        }
    }

    /// # Safety
    /// As for [`tile_vnni`]; `half` is 0 or 1.
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn half_avx2<const R: usize, const NIBBLES: bool>(
        panel: Panel<'_>,
        x: &Activations,
        first: usize,
        (half, out): (usize, *mut f32),
    ) {
        let blocks = x.blocks;
        let (groups, count) = if NIBBLES { (4, 2) } else { (8, 1) };
        let mut sums = [_mm256_setzero_ps(); R];
        let ones = _mm256_set1_epi16(1);
        let low = _mm256_set1_epi8(15);
        let zero = _mm256_set1_epi8(i8::MIN);
        for block in 0..blocks {
            let mut ints = [_mm256_setzero_si256(); R];
            // SAFETY: all reads are of the blocks of rows `first..first + R` and of the panel's.
            unsafe {
                let four = |r: usize, g: usize| {
                    let at = ((first + r) * blocks + block) * BLOCK + 4 * g;
                    let at = x.quants.as_ptr().add(at).cast::<i32>();
                    _mm256_set1_epi32(at.read_unaligned())
                };
                // Products of two pairs stay within 16 bits: 2 * 15 * 127, or 2 * 128 * 127.
                let add = |int: &mut __m256i, w: __m256i, x: __m256i| {
                    let pairs = _mm256_maddubs_epi16(w, x);
                    *int = _mm256_add_epi32(*int, _mm256_madd_epi16(pairs, ones));
                };
                let lines = panel.quants.as_ptr().add(groups * block);
                for g in 0..groups {
                    let line = _mm256_loadu_si256(lines.add(g).cast::<__m256i>().add(half));
                    if NIBBLES {
                        let even = _mm256_and_si256(line, low);
                        let odd = _mm256_and_si256(_mm256_srli_epi16::<4>(line), low);
                        for (r, int) in ints.iter_mut().enumerate() {
                            add(int, even, four(r, g));
                            add(int, odd, four(r, g + 4));
                        }
                    } else {
                        let signed = _mm256_xor_si256(line, zero);
                        let size = _mm256_abs_epi8(signed);
                        for (r, int) in ints.iter_mut().enumerate() {
                            add(int, size, _mm256_sign_epi8(four(r, g), signed));
                        }
                    }
                }
                let halves = panel.scales.as_ptr().add(block * count * PANEL + 8 * half);
                let scale = _mm256_cvtph_ps(_mm_loadu_si128(halves.cast()));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let at = (first + r) * blocks + block;
                    let step = _mm256_set1_ps(*x.scales.as_ptr().add(at));
                    let int = _mm256_mul_ps(_mm256_cvtepi32_ps(ints[r]), step);
                    *sum = _mm256_fmadd_ps(scale, int, *sum);
                    if NIBBLES {
                        let least = _mm_loadu_si128(halves.add(PANEL).cast());
                        let mass = _mm256_set1_ps(*x.masses.as_ptr().add(at));
                        *sum = _mm256_fmadd_ps(_mm256_cvtph_ps(least), mass, *sum);
                    }
                }
            }
        }
        for (r, &sum) in sums.iter().enumerate() {
            // SAFETY: `r < R`, and eight values from there are the caller's.
            unsafe { _mm256_storeu_ps(out.add(r * PANEL), sum) };
        }
    }
}
