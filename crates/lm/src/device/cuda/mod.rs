//! An NVIDIA processor as a [`Device`](super::Device): products by cuBLAS, everything else by the kernels
//! beside, which NVRTC compiles when the device is opened. CUDA's libraries are looked for at run time, so
//! that this builds and starts where there is none. One stream: operations run in the order of the calls,
//! and only what returns numbers waits.
//!
//! Which GPUs have run it, and what is checked where there is none: docs/decisions/0021-cuda.md.
//!
//! # Bytes
//! No kernel adds atomically; every sum has a fixed order, and cuBLAS gives the same bytes for the same
//! call on one type of GPU, one version and one stream. So equal calls give equal bytes there, but not
//! the processor's bytes.

mod attend;
mod calls;
mod device;
mod head;
mod launch;
mod library;
mod memory;
mod product;
mod signature;
mod table;

use super::{Cpu, Store};
use crate::{Error, Result};
use cudarc::cublas::CudaBlas;
use cudarc::driver::{CudaContext, CudaSlice, CudaStream};
use launch::{Arg, Kernels};
use std::sync::{Arc, Mutex};
use table::{Angles, Tables};

/// What a [`Cuda`] computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// f32 throughout, for checks: slow, and as near to the processor as sums in another order allow.
    Exact,
    /// Activations, and copies of the weights for products, in bf16; sums, weights, gradients of weights
    /// and the optimiser's moments in f32.
    Mixed,
}

/// One GPU.
pub struct Cuda {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    /// A handle must not be used by two threads at once.
    blas: Mutex<CudaBlas>,
    kernels: Kernels,
    precision: Precision,
    name: String,
    /// Does the losses that have no kernel.
    host: Cpu,
    angles: Mutex<Option<Angles>>,
    tables: Mutex<Option<Arc<Tables>>>,
}

/// A [`Cuda`]'s memory: f32, bf16, or (weights in [`Precision::Mixed`]) both.
pub struct CudaBuffer {
    store: Store,
    length: usize,
    wide: Option<CudaSlice<f32>>,
    /// The bits of bf16.
    half: Option<CudaSlice<u16>>,
}

impl std::fmt::Debug for CudaBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CudaBuffer")
            .field("store", &self.store)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Cuda {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cuda")
            .field("name", &self.name)
            .field("precision", &self.precision)
            .finish_non_exhaustive()
    }
}

impl Cuda {
    /// The GPU of this number, from 0. Compiles the kernels: some seconds.
    ///
    /// # Errors
    /// [`Error::Device`] says what is missing (driver, library, GPU, a newer driver) and what would help.
    pub fn new(number: usize, precision: Precision) -> Result<Self> {
        library::check()?;
        let context = CudaContext::new(number).map_err(|e| library::unopened(number, e))?;
        let capability = context.compute_capability().map_err(failed)?;
        if capability < (8, 0) {
            let (major, minor) = capability;
            return Err(Error::Device(format!(
                "GPU {number} has compute capability {major}.{minor}; bf16 needs 8.0 (Ampere) or above"
            )));
        }
        let stream = context.default_stream();
        let name = context.name().map_err(failed)?;
        let kernels = Kernels::new(library::compile(&context)?)?;
        Ok(Self {
            blas: Mutex::new(product::handle(&stream)?),
            name: format!("{name} (compute {}.{})", capability.0, capability.1),
            context,
            stream,
            kernels,
            precision,
            host: Cpu::new(0)?,
            angles: Mutex::default(),
            tables: Mutex::default(),
        })
    }

    /// What it computes with.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Waits until everything that was asked for is done; other operations need not be followed by it.
    ///
    /// # Errors
    /// [`Error::Device`]: whatever went wrong on the way.
    pub fn wait(&self) -> Result<()> {
        self.stream.synchronize().map_err(failed)?;
        self.context.check_err().map_err(failed)
    }

    /// The first `length` values in f32: weights, gradients, norms; activations only where they are f32.
    fn wide(&self, buffer: &CudaBuffer, length: usize, what: &str) -> Result<Arg> {
        self.form(buffer, length, what, buffer.wide.as_ref())
    }

    /// The first `length` values in the activations' type; of weights, their copy for products.
    fn active(&self, buffer: &CudaBuffer, length: usize, what: &str) -> Result<Arg> {
        match self.precision {
            Precision::Exact => self.wide(buffer, length, what),
            Precision::Mixed => self.form(buffer, length, what, buffer.half.as_ref()),
        }
    }

    fn form<T>(
        &self,
        buffer: &CudaBuffer,
        length: usize,
        what: &str,
        slice: Option<&CudaSlice<T>>,
    ) -> Result<Arg> {
        let have = buffer.length;
        if have < length {
            let text = format!("{what} holds {have} values, {length} are needed");
            return Err(Error::Invalid(text));
        }
        let Some(slice) = slice else {
            let store = buffer.store;
            let text = format!("{what}: {store:?} values are not what this operation takes");
            return Err(Error::Invalid(text));
        };
        Ok(Arg::of(&self.stream, slice))
    }

    /// Room on the device that one operation needs; it goes back in the stream's order.
    fn scratch<T>(&self, length: usize) -> Result<CudaSlice<T>>
    where
        T: cudarc::driver::DeviceRepr + cudarc::driver::ValidAsZeroBits,
    {
        let slice = self.stream.alloc_zeros(length.max(1));
        slice.map_err(|e| self.untaken((length * size_of::<T>()) as u64, e))
    }

    /// Host values on the device. Waits: the copy may still read them when the driver returns, and the caller
    /// may let them go then.
    fn upload<T: cudarc::driver::DeviceRepr>(&self, values: &[T]) -> Result<CudaSlice<T>> {
        let slice = self.stream.clone_htod(values);
        let slice = slice.map_err(|e| self.untaken(size_of_val(values) as u64, e))?;
        self.wait()?;
        Ok(slice)
    }

    /// A failure to take memory.
    fn untaken(&self, need: u64, error: cudarc::driver::DriverError) -> Error {
        if error.0 != cudarc::driver::sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            return failed(error);
        }
        let available = self.context.mem_get_info().map_or(0, |(free, _)| free);
        Error::Memory {
            need,
            available: available as u64,
        }
    }
}

/// A failure of the driver.
fn failed(error: cudarc::driver::DriverError) -> Error {
    library::failed(&error)
}

#[cfg(test)]
mod tests;
