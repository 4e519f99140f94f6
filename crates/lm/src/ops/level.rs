//! Which vector instructions are used, found at run time, and the one kernel that is written in
//! them: a tile of the matrix product. Results are equal to the bit within a level; levels with
//! fused multiply-add agree with each other too, the plain one rounds twice.
#![expect(
    unsafe_code,
    reason = "vector intrinsics; each block says why it is sound"
)]

use super::linear::PANEL;

/// A set of instructions that this processor has. Only [`Level::available`] makes one: holding a
/// value proves that the instructions may be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level(Kind);

/// The sets of instructions that kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Plain,
}

impl Level {
    /// All levels that this processor can run, the fastest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut out = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fma && is_x86_feature_detected!("avx512f") {
                out.push(Self(Kind::Avx512));
            }
            if fma {
                out.push(Self(Kind::Avx2));
            }
        }
        out.push(Self(Kind::Plain));
        out
    }

    /// The fastest level.
    pub(crate) fn best() -> Self {
        Self::available()[0]
    }

    /// Which one it is, for kernels that are written in its instructions.
    pub(crate) fn kind(self) -> Kind {
        self.0
    }

    /// `y[r][c] = sum over i of x[r][i] * w[i][c]` for `rows` rows and one panel of [`PANEL`]
    /// columns; `x` is `[rows][k]`, `w` `[k][PANEL]`, `y` `[rows][PANEL]`. Each sum runs over `i`
    /// upwards, whatever `rows` is.
    pub(crate) fn multiply_panel(self, x: &[f32], k: usize, w: &[f32], y: &mut [f32]) {
        let rows = y.len() / PANEL;
        assert!(x.len() == rows * k && w.len() == k * PANEL && y.len() == rows * PANEL);
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level proves the instructions; the lengths were checked above.
            Kind::Avx512 => unsafe { x86::rows_avx512(x, k, w, y) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx2 => unsafe { x86::rows_avx2(x, k, w, y) },
            Kind::Plain => plain(x, k, w, y),
        }
    }

    /// Runs `f` compiled for this level: its loops are vectorised with these instructions. `f` must
    /// be `#[inline(always)]` all the way down to have an effect.
    #[inline(always)]
    pub(crate) fn run<R>(self, f: impl LevelFn<R>) -> R {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level proves the instructions.
            Kind::Avx512 => unsafe { x86::run_avx512(f) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx2 => unsafe { x86::run_avx2(f) },
            Kind::Plain => f.call::<false>(),
        }
    }
}

/// A computation that is compiled once for each level.
pub(crate) trait LevelFn<R> {
    /// `FUSED` says whether a fused multiply-add is one instruction here.
    fn call<const FUSED: bool>(self) -> R;
}

/// `a * b + c`, fused where that is one instruction.
#[inline(always)]
pub(crate) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

fn plain(x: &[f32], k: usize, w: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(k).zip(y.chunks_exact_mut(PANEL)) {
        let mut sums = [0.0f32; PANEL];
        for (&x, w) in x.iter().zip(w.chunks_exact(PANEL)) {
            for (sum, &w) in sums.iter_mut().zip(w) {
                *sum += x * w;
            }
        }
        y.copy_from_slice(&sums);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{LevelFn, PANEL};
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) fn run_avx512<R>(f: impl LevelFn<R>) -> R {
        f.call::<true>()
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn run_avx2<R>(f: impl LevelFn<R>) -> R {
        f.call::<true>()
    }

    /// Tiles of at most `$most` rows: as many as the registers hold.
    macro_rules! rows {
        ($name:ident, $tile:ident, $features:literal, [$($size:literal),+]) => {
            /// # Safety
            /// `x` holds `rows * k`, `w` `k * PANEL`, `y` `rows * PANEL` values.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(x: &[f32], k: usize, w: &[f32], y: &mut [f32]) {
                let rows = y.len() / PANEL;
                let mut row = 0;
                $(while rows - row >= $size {
                    let (x, y) = (&x[row * k..], &mut y[row * PANEL..]);
                    // SAFETY: `$size` more rows are there.
                    unsafe { $tile::<$size>(x.as_ptr(), k, w.as_ptr(), y.as_mut_ptr()) };
                    row += $size;
                })+
            }
        };
    }
    rows!(rows_avx512, tile_avx512, "avx512f", [12, 8, 4, 2, 1]);
    rows!(rows_avx2, tile_avx2, "avx2,fma", [3, 1]);

    /// One tile of `R` rows and 32 columns in `2 R` registers.
    ///
    /// # Safety
    /// `x` points to `R * k`, `w` to `k * PANEL`, `y` to `R * PANEL` values.
    #[target_feature(enable = "avx512f")]
    unsafe fn tile_avx512<const R: usize>(x: *const f32, k: usize, w: *const f32, y: *mut f32) {
        let mut sums = [[_mm512_setzero_ps(); 2]; R];
        for i in 0..k {
            // SAFETY: `i < k`, so all reads are within the lengths promised.
            unsafe {
                let left = _mm512_loadu_ps(w.add(i * PANEL));
                let right = _mm512_loadu_ps(w.add(i * PANEL + 16));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*x.add(r * k + i));
                    sum[0] = _mm512_fmadd_ps(x, left, sum[0]);
                    sum[1] = _mm512_fmadd_ps(x, right, sum[1]);
                }
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            // SAFETY: `r < R`.
            unsafe {
                _mm512_storeu_ps(y.add(r * PANEL), sum[0]);
                _mm512_storeu_ps(y.add(r * PANEL + 16), sum[1]);
            }
        }
    }

    /// One tile of `R` rows and 32 columns in `4 R` registers.
    ///
    /// # Safety
    /// As for [`tile_avx512`].
    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile_avx2<const R: usize>(x: *const f32, k: usize, w: *const f32, y: *mut f32) {
        let mut sums = [[_mm256_setzero_ps(); 4]; R];
        for i in 0..k {
            for (r, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `i < k` and `r < R`, so all reads are within the lengths promised.
                unsafe {
                    let x = _mm256_set1_ps(*x.add(r * k + i));
                    for (c, sum) in sum.iter_mut().enumerate() {
                        let w = _mm256_loadu_ps(w.add(i * PANEL + 8 * c));
                        *sum = _mm256_fmadd_ps(x, w, *sum);
                    }
                }
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            for (c, &sum) in sum.iter().enumerate() {
                // SAFETY: `r < R` and `c < 4`.
                unsafe { _mm256_storeu_ps(y.add(r * PANEL + 8 * c), sum) };
            }
        }
    }
}
