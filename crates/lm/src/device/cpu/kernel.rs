//! The tile of the matrix product, written in vector instructions: a few rows of the left matrix times
//! one packed panel of 32 columns of the right one. Each element is one sum over `k`, upwards, by
//! fused multiply-add where the processor has it, whatever the tile's size: so results do not depend
//! on how a product is cut. Sizes are checked by the one caller-facing function, nothing else here.
#![expect(
    unsafe_code,
    reason = "vector intrinsics; each block says why it is sound"
)]

use crate::ops::{Kind, Level};
use std::marker::PhantomData;

/// Columns of a panel.
pub(super) const PANEL: usize = 32;
/// Rows of a tile.
pub(super) const ROWS: usize = 12;

/// The left matrix of a tile.
#[derive(Clone, Copy)]
pub(super) enum Left<'a> {
    /// Row-major with this stride.
    Rows(&'a [f32], usize),
    /// Its transpose is row-major with this stride: `[k][rows]`.
    Columns(&'a [f32], usize),
}

/// A matrix that several threads write, each its own elements.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    start: *mut f32,
    length: usize,
    stride: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: it stands for a `&mut [f32]`; who writes through it promises disjoint elements.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(super) fn new(values: &'a mut [f32], stride: usize) -> Self {
        Self {
            start: values.as_mut_ptr(),
            length: values.len(),
            stride,
            borrow: PhantomData,
        }
    }

    /// Values `start..start + length`, to be written by one thread.
    ///
    /// # Safety
    /// Nobody else reads or writes these values while the result lives.
    pub(super) unsafe fn slice(&self, start: usize, length: usize) -> &'a mut [f32] {
        assert!(start <= self.length && length <= self.length - start);
        // SAFETY: within the borrowed slice; exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}

/// What a tile does with its sums.
#[derive(Clone, Copy)]
pub(super) struct Store {
    /// Multiplies the sums.
    pub(super) scale: f32,
    /// Adds to what is there.
    pub(super) add: bool,
}

/// `c[row + r][column + j] = scale sum over i < k of left[r][i] panel[i][j]` (or `+=`) for `rows <=
/// ROWS` rows and `columns <= PANEL` columns.
///
/// # Safety
/// Nobody else reads or writes these elements of `c` meanwhile.
pub(super) unsafe fn tile(
    level: Level,
    (left, panel, k): (Left<'_>, &[f32], usize),
    c: Shared<'_>,
    (row, column): (usize, usize),
    (rows, columns): (usize, usize),
    store: Store,
) {
    assert!((1..=ROWS).contains(&rows) && (1..=PANEL).contains(&columns));
    assert!(panel.len() >= k * PANEL);
    let end = (row + rows - 1) * c.stride + column + columns;
    assert!(end <= c.length);
    let a = match left {
        Left::Rows(a, stride) => {
            assert!(k == 0 || a.len() >= (rows - 1) * stride + k);
            A {
                start: a.as_ptr(),
                row: stride,
                deep: 1,
            }
        }
        Left::Columns(a, stride) => {
            assert!(k == 0 || a.len() >= (k - 1) * stride + rows);
            A {
                start: a.as_ptr(),
                row: 1,
                deep: stride,
            }
        }
    };
    // SAFETY: the end was checked above.
    let out = unsafe { c.start.add(row * c.stride + column) };
    let out = Out {
        start: out,
        stride: c.stride,
        columns,
        store,
    };
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level proves the instructions; all lengths were checked above.
        Kind::Avx512 => unsafe { x86::avx512(a, panel.as_ptr(), k, rows, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kind::Avx2 => unsafe { x86::avx2(a, panel.as_ptr(), k, rows, out) },
        // SAFETY: as above.
        Kind::Plain => unsafe { plain(a, panel, k, rows, out) },
    }
}

/// The left matrix: where it starts, values from row to row, and from one of `k` to the next. One of
/// the two is 1.
#[derive(Clone, Copy)]
struct A {
    start: *const f32,
    row: usize,
    deep: usize,
}

/// `out[i * PANEL + c] = from[c * stride + i]` for 16 by 16 values.
pub(super) fn transpose_16(level: Level, from: &[f32], stride: usize, out: &mut [f32]) {
    assert!(from.len() >= 15 * stride + 16 && out.len() >= 15 * PANEL + 16);
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level proves the instructions; the lengths were checked above.
        Kind::Avx512 => unsafe { x86::transpose_16(from.as_ptr(), stride, out.as_mut_ptr()) },
        _ => {
            for c in 0..16 {
                let column = out[c..].iter_mut().step_by(PANEL);
                column
                    .zip(&from[c * stride..][..16])
                    .for_each(|(o, &v)| *o = v);
            }
        }
    }
}

/// Where a tile's sums go.
#[derive(Clone, Copy)]
struct Out {
    start: *mut f32,
    stride: usize,
    columns: usize,
    store: Store,
}

/// # Safety
/// `a` holds `rows` rows and `k` columns; `out` may be written for `rows` rows of its columns.
unsafe fn plain(a: A, panel: &[f32], k: usize, rows: usize, out: Out) {
    for r in 0..rows {
        let mut sums = [0.0f32; PANEL];
        for (i, w) in panel.chunks_exact(PANEL).take(k).enumerate() {
            // SAFETY: the caller's promise.
            let x = unsafe { *a.start.add(r * a.row + i * a.deep) };
            for (sum, &w) in sums.iter_mut().zip(w) {
                *sum += x * w;
            }
        }
        for (j, sum) in sums.iter().take(out.columns).enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                let at = out.start.add(r * out.stride + j);
                let before = if out.store.add { *at } else { 0.0 };
                *at = before + sum * out.store.scale;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{A, Out, PANEL};
    use std::arch::x86_64::*;

    /// Calls the kernel for a number of rows that is known when it is compiled.
    macro_rules! by_rows {
        ($rows:expr, $a:expr, $kernel:ident, $arguments:tt, [$($size:literal),+]) => {
            match ($rows, $a.row == 1) {
                $(($size, true) => $kernel::<$size, true> $arguments,
                  ($size, false) => $kernel::<$size, false> $arguments,)+
                _ => {}
            }
        };
    }

    /// # Safety
    /// `a` holds `rows <= 12` rows and `k` columns, `b` points to `k` rows of a panel, `out` to `rows`
    /// rows of its columns.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn avx512(a: A, b: *const f32, k: usize, rows: usize, out: Out) {
        // SAFETY: the caller's promise.
        unsafe {
            by_rows!(
                rows,
                a,
                wide,
                (a, b, k, out),
                [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
            );
        }
    }

    /// # Safety
    /// As for [`avx512`], with `R` rows.
    #[target_feature(enable = "avx512f")]
    unsafe fn wide<const R: usize, const COLUMNS: bool>(a: A, b: *const f32, k: usize, out: Out) {
        let mut sums = [[_mm512_setzero_ps(); 2]; R];
        for i in 0..k {
            // SAFETY: `i < k` and `r < R`.
            unsafe {
                let left = _mm512_loadu_ps(b.add(i * PANEL));
                let right = _mm512_loadu_ps(b.add(i * PANEL + 16));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let at = if COLUMNS {
                        i * a.deep + r
                    } else {
                        r * a.row + i
                    };
                    let x = _mm512_set1_ps(*a.start.add(at));
                    sum[0] = _mm512_fmadd_ps(x, left, sum[0]);
                    sum[1] = _mm512_fmadd_ps(x, right, sum[1]);
                }
            }
        }
        let scale = _mm512_set1_ps(out.store.scale);
        let bits = u32::MAX >> (PANEL - out.columns);
        let masks = [bits as u16, (bits >> 16) as u16];
        for (r, sum) in sums.iter().enumerate() {
            for (half, (&sum, mask)) in sum.iter().zip(masks).enumerate() {
                // SAFETY: `r < R`; columns that are not there are masked.
                unsafe {
                    let at = out.start.wrapping_add(r * out.stride + half * 16);
                    let sum = if out.store.add {
                        _mm512_fmadd_ps(sum, scale, _mm512_maskz_loadu_ps(mask, at))
                    } else {
                        _mm512_mul_ps(sum, scale)
                    };
                    _mm512_mask_storeu_ps(at, mask, sum);
                }
            }
        }
    }

    /// # Safety
    /// As for [`avx512`].
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2(a: A, b: *const f32, k: usize, rows: usize, out: Out) {
        // Six rows of sixteen columns are what the registers hold.
        for row in (0..rows).step_by(6) {
            for column in (0..out.columns).step_by(16) {
                let part = Out {
                    start: out.start.wrapping_add(row * out.stride + column),
                    columns: (out.columns - column).min(16),
                    ..out
                };
                let rows = (rows - row).min(6);
                let a = A {
                    start: a.start.wrapping_add(row * a.row),
                    ..a
                };
                let b = b.wrapping_add(column);
                // SAFETY: the caller's promise, for a part of the tile.
                unsafe {
                    by_rows!(rows, a, narrow, (a, b, k, part), [1, 2, 3, 4, 5, 6]);
                }
            }
        }
    }

    /// # Safety
    /// As for [`avx512`], with `R` rows and at most 16 columns.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn narrow<const R: usize, const COLUMNS: bool>(a: A, b: *const f32, k: usize, out: Out) {
        let mut sums = [[_mm256_setzero_ps(); 2]; R];
        for i in 0..k {
            // SAFETY: `i < k` and `r < R`; panels are padded to 32 columns.
            unsafe {
                let left = _mm256_loadu_ps(b.add(i * PANEL));
                let right = _mm256_loadu_ps(b.add(i * PANEL + 8));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let at = if COLUMNS {
                        i * a.deep + r
                    } else {
                        r * a.row + i
                    };
                    let x = _mm256_set1_ps(*a.start.add(at));
                    sum[0] = _mm256_fmadd_ps(x, left, sum[0]);
                    sum[1] = _mm256_fmadd_ps(x, right, sum[1]);
                }
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            let mut row = [0.0f32; 16];
            // SAFETY: `row` holds two registers; `r < R` and the columns are there.
            unsafe {
                _mm256_storeu_ps(row.as_mut_ptr(), sum[0]);
                _mm256_storeu_ps(row.as_mut_ptr().add(8), sum[1]);
                for (j, sum) in row.iter().take(out.columns).enumerate() {
                    let at = out.start.add(r * out.stride + j);
                    *at = if out.store.add {
                        sum.mul_add(out.store.scale, *at)
                    } else {
                        sum * out.store.scale
                    };
                }
            }
        }
    }

    /// # Safety
    /// `from` holds 16 rows of 16 values with this stride, `out` 16 rows of a panel.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn transpose_16(from: *const f32, stride: usize, out: *mut f32) {
        let mut r = [_mm512_setzero_ps(); 16];
        for (c, r) in r.iter_mut().enumerate() {
            // SAFETY: `c < 16`.
            *r = unsafe { _mm512_loadu_ps(from.add(c * stride)) };
        }
        let mut t = r;
        let pair = |a, b| (_mm512_castps_pd(a), _mm512_castps_pd(b));
        for i in (0..16).step_by(2) {
            t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
            t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
        }
        for i in (0..16).step_by(4) {
            for j in 0..2 {
                let (a, b) = pair(t[i + j], t[i + j + 2]);
                r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
            }
        }
        for i in [0, 1, 2, 3, 8, 9, 10, 11] {
            t[i] = _mm512_shuffle_f32x4::<0x88>(r[i], r[i + 4]);
            t[i + 4] = _mm512_shuffle_f32x4::<0xdd>(r[i], r[i + 4]);
        }
        for i in 0..8 {
            r[i] = _mm512_shuffle_f32x4::<0x88>(t[i], t[i + 8]);
            r[i + 8] = _mm512_shuffle_f32x4::<0xdd>(t[i], t[i + 8]);
        }
        for (i, r) in r.iter().enumerate() {
            // SAFETY: `i < 16`.
            unsafe { _mm512_storeu_ps(out.add(i * PANEL), *r) };
        }
    }
}
