//! A matrix whose columns are written by many threads at once, each its own: what a product whose
//! outputs are spread over threads writes to. Nothing is read through it.
#![expect(
    unsafe_code,
    reason = "threads write to one slice; each block says why it is sound"
)]

use std::marker::PhantomData;

/// A matrix whose columns are written by many threads.
pub(crate) struct Columns<'a> {
    data: *mut f32,
    length: usize,
    stride: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: a shared reference allows no more than `write`, whose caller keeps threads apart.
unsafe impl Sync for Columns<'_> {}

impl<'a> Columns<'a> {
    /// Over `data`, rows of `stride` values.
    pub(crate) fn new(data: &'a mut [f32], stride: usize) -> Self {
        Self {
            data: data.as_mut_ptr(),
            length: data.len(),
            stride,
            lifetime: PhantomData,
        }
    }

    /// Copies `values` to a row's columns from `column` on.
    ///
    /// # Safety
    /// No other thread writes these places.
    pub(crate) unsafe fn write(&self, row: usize, column: usize, values: &[f32]) {
        let at = row * self.stride + column;
        assert!(column + values.len() <= self.stride && at + values.len() <= self.length);
        // SAFETY: within the slice, as was checked; nobody else touches it, as was promised.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.data.add(at), values.len()) };
    }
}
