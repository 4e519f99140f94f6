//! Matrix products by cuBLAS, which takes its matrices by columns: a row-major matrix is its own transpose
//! there, so that `c = a b` is asked for as `c^T = b^T a^T`.
#![expect(
    unsafe_code,
    reason = "cuBLAS takes pointers; the blocks say why they are sound"
)]

use super::launch::{Arg, whole};
use super::{Cuda, CudaBuffer};
use crate::device::{Mat, MatMut, Product, Put};
use crate::{Error, Result};
use cudarc::cublas::sys::cublasOperation_t::{CUBLAS_OP_N, CUBLAS_OP_T};
use cudarc::cublas::{CudaBlas, result::CublasError, sys};
use cudarc::driver::CudaStream;
use std::ffi::c_void;
use std::sync::{Arc, PoisonError};

fn failed(error: CublasError) -> Error {
    Error::Device(format!("cuBLAS: {:?}", error.0))
}

/// A handle that never adds up in less than f32.
pub(super) fn handle(stream: &Arc<CudaStream>) -> Result<CudaBlas> {
    let blas = CudaBlas::new(Arc::clone(stream)).map_err(failed)?;
    let mode = sys::cublasMath_t::CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
    // SAFETY: the handle is alive, and nobody else has it.
    unsafe { sys::cublasSetMathMode(*blas.handle(), mode) }
        .result()
        .map_err(failed)?;
    Ok(blas)
}

/// What cuBLAS is asked for: `c` (columns first) of `m` by `n`, `left` and `right` transposed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    /// Whether the first matrix that it is given (our `b`) is transposed.
    pub(super) left: bool,
    /// The same for the second (our `a`).
    pub(super) right: bool,
}

/// Sizes as [`crate::device::Device::multiply`] has them; `None` where they disagree.
pub(super) fn plan(
    product: Product,
    a: (usize, usize),
    b: (usize, usize),
    c: (usize, usize),
) -> Option<Plan> {
    let ((m, k), (deep, n)) = match product {
        Product::Nn => (a, b),
        Product::Nt => (a, (b.1, b.0)),
        Product::Tn => ((a.1, a.0), b),
    };
    (deep == k && c == (m, n)).then_some(Plan {
        m: n,
        n: m,
        k,
        left: product == Product::Nt,
        right: product == Product::Tn,
    })
}

/// A matrix for cuBLAS.
struct Operand {
    at: u64,
    kind: sys::cudaDataType_t,
}

impl Cuda {
    /// A matrix in bf16 where the buffer has that, else in f32.
    fn operand(&self, buffer: &CudaBuffer, offset: usize) -> Result<Operand> {
        let (arg, bytes, kind) = match (&buffer.half, &buffer.wide) {
            (Some(half), _) => (
                Arg::of(&self.stream, half),
                2,
                sys::cudaDataType_t::CUDA_R_16BF,
            ),
            (None, Some(wide)) => (
                Arg::of(&self.stream, wide),
                4,
                sys::cudaDataType_t::CUDA_R_32F,
            ),
            (None, None) => return Err(Error::Invalid("a matrix without memory".into())),
        };
        match arg.skip(offset, bytes) {
            Arg::Pointer(at) => Ok(Operand { at, kind }),
            _ => Err(Error::Invalid("a matrix without memory".into())),
        }
    }

    /// See [`crate::device::Device::multiply`].
    pub(super) fn product(
        &self,
        product: Product,
        a: Mat<'_, CudaBuffer>,
        b: Mat<'_, CudaBuffer>,
        c: MatMut<'_, CudaBuffer>,
        put: Put,
    ) -> Result<()> {
        let (a_sizes, b_sizes, c_sizes) = (
            (a.rows, a.columns),
            (b.rows, b.columns),
            (c.rows, c.columns),
        );
        let plan = plan(product, a_sizes, b_sizes, c_sizes).ok_or_else(|| {
            Error::Invalid(format!(
                "{product:?} of {a_sizes:?} and {b_sizes:?} to {c_sizes:?}"
            ))
        })?;
        let fit = |end: Option<usize>, have: usize| end.is_some_and(|end| end <= have);
        if !fit(a.end(), a.buffer.length)
            || !fit(b.end(), b.buffer.length)
            || !fit(c.end(), c.buffer.length)
        {
            return Err(Error::Invalid(format!(
                "{product:?}: a matrix reaches beyond its buffer"
            )));
        }
        if plan.m == 0 || plan.n == 0 {
            return Ok(());
        }
        if c.buffer.half.is_some() && c.buffer.wide.is_some() {
            return Err(Error::Invalid("a product can not be put to weights".into()));
        }
        if plan.k == 0 {
            return self.nothing(c, put);
        }
        let left = self.operand(b.buffer, b.offset)?;
        let right = self.operand(a.buffer, a.offset)?;
        let out = self.operand(c.buffer, c.offset)?;
        if left.kind != right.kind || (left.kind != out.kind && out.kind == BF16) {
            return Err(Error::Invalid(format!(
                "{product:?}: matrices of different types"
            )));
        }
        let strides = [b.stride, a.stride, c.stride];
        self.gemm(plan, [left, right, out], strides, put)
    }

    /// A sum of nothing is 0, in each row of `c`.
    fn nothing(&self, c: MatMut<'_, CudaBuffer>, put: Put) -> Result<()> {
        if matches!(put, Put::Add(_)) {
            return Ok(());
        }
        for row in 0..c.rows {
            let first = c.offset + row * c.stride;
            let part = first..first + c.columns;
            let cleared = match (&mut c.buffer.wide, &mut c.buffer.half) {
                (Some(wide), _) => self.stream.memset_zeros(&mut wide.slice_mut(part)),
                (None, Some(half)) => self.stream.memset_zeros(&mut half.slice_mut(part)),
                (None, None) => Ok(()),
            };
            cleared.map_err(super::failed)?;
        }
        Ok(())
    }

    fn gemm(
        &self,
        plan: Plan,
        [left, right, out]: [Operand; 3],
        strides: [usize; 3],
        put: Put,
    ) -> Result<()> {
        let int = |value: usize| whole(value).map(u32::cast_signed);
        let (m, n, k) = (int(plan.m)?, int(plan.n)?, int(plan.k)?);
        let [lda, ldb, ldc] = strides.map(|s| int(s.max(1)));
        let (lda, ldb, ldc) = (lda?, ldb?, ldc?);
        let (alpha, beta): (f32, f32) = match put {
            Put::Set(scale) => (scale, 0.0),
            Put::Add(scale) => (scale, 1.0),
        };
        let turned = |yes: bool| if yes { CUBLAS_OP_T } else { CUBLAS_OP_N };
        self.context.bind_to_thread().map_err(super::failed)?;
        let blas = self.blas.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: sizes, strides and offsets lie within the buffers (checked by the caller), types are
        // those of the memory, and the two factors are read before the call returns. The target is
        // borrowed alone, so that it overlaps neither operand.
        unsafe {
            cudarc::cublas::result::gemm_ex(
                *blas.handle(),
                turned(plan.left),
                turned(plan.right),
                m,
                n,
                k,
                (&raw const alpha).cast::<c_void>(),
                left.at as *const c_void,
                left.kind,
                lda,
                right.at as *const c_void,
                right.kind,
                ldb,
                (&raw const beta).cast::<c_void>(),
                out.at as *mut c_void,
                out.kind,
                ldc,
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
                sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }
        .map_err(failed)
    }
}

const BF16: sys::cudaDataType_t = sys::cudaDataType_t::CUDA_R_16BF;
