//! How kernels are called. Pointers come from [`Arg::of`] alone; the callers have checked how many values
//! lie behind each before they ask for it.
#![expect(
    unsafe_code,
    reason = "a kernel's arguments can not be checked by the compiler; the block says why it is sound"
)]

use super::library::{Source, failed};
use super::signature::{Kind, signature};
use crate::{Error, Result};
use cudarc::driver::sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
use cudarc::driver::{
    CudaFunction, CudaModule, CudaSlice, CudaStream, DevicePtr, LaunchConfig, PushKernelArg,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Threads of a block, where a kernel does not say otherwise.
pub(super) const THREADS: u32 = 256;

/// An argument of a kernel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arg {
    /// Device memory.
    Pointer(u64),
    /// `u32`.
    Word(u32),
    /// `u64`.
    Long(u64),
    /// `float`.
    Real(f32),
    /// `double`.
    Wide(f64),
}

impl Arg {
    /// Device memory.
    pub(super) fn of<T>(stream: &CudaStream, slice: &CudaSlice<T>) -> Self {
        Self::Pointer(slice.device_ptr(stream).0)
    }

    /// The same memory, so many values of so many bytes further on.
    pub(super) fn skip(self, values: usize, bytes: usize) -> Self {
        match self {
            Self::Pointer(at) => Self::Pointer(at + (values * bytes) as u64),
            other => other,
        }
    }

    /// A size for a kernel.
    pub(super) fn word(value: usize) -> Result<Self> {
        whole(value).map(Self::Word)
    }
}

/// A size that fits 32 bits.
pub(super) fn whole(value: usize) -> Result<u32> {
    let fits = u32::try_from(value).ok().filter(|&v| v <= i32::MAX as u32);
    fits.ok_or_else(|| Error::Invalid(format!("{value} is too much for one call to a GPU")))
}

/// Blocks and threads of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) blocks: (u32, u32),
    pub(super) threads: u32,
    /// Bytes of shared memory that the call names.
    pub(super) shared: u32,
}

impl Grid {
    /// So many blocks.
    pub(super) fn blocks(blocks: usize) -> Result<Self> {
        Ok(Self {
            blocks: (whole(blocks)?, 1),
            threads: THREADS,
            shared: 0,
        })
    }

    /// A thread for each of so many values.
    pub(super) fn values(values: usize) -> Result<Self> {
        Self::blocks(values.div_ceil(THREADS as usize))
    }
}

/// All kernels by name.
pub(super) struct Kernels(HashMap<String, Kernel>);

struct Kernel {
    function: CudaFunction,
    takes: Vec<Kind>,
}

impl Kernels {
    pub(super) fn new(modules: Vec<(&'static Source, Arc<CudaModule>)>) -> Result<Self> {
        let mut all = HashMap::new();
        for (source, module) in modules {
            for name in source.names() {
                let function = module.load_function(&name).map_err(|e| failed(&e))?;
                let takes = signature(source.text, &name);
                let takes = takes.ok_or_else(|| unknown(&name))?;
                all.insert(name, Kernel { function, takes });
            }
        }
        Ok(Self(all))
    }

    fn get(&self, name: &str) -> Result<&Kernel> {
        self.0.get(name).ok_or_else(|| unknown(name))
    }

    /// Lets a kernel take so much shared memory, where that is more than what each may have.
    pub(super) fn share(&self, name: &str, bytes: u32) -> Result<()> {
        if bytes <= 48 << 10 {
            return Ok(());
        }
        let attribute = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        let function = &self.get(name)?.function;
        let set = function.set_attribute(attribute, bytes.cast_signed());
        set.map_err(|e| failed(&e))
    }

    /// Queues a kernel. A call of no block is none.
    pub(super) fn launch(
        &self,
        stream: &CudaStream,
        name: &str,
        grid: Grid,
        args: &[Arg],
    ) -> Result<()> {
        if grid.blocks.0 == 0 || grid.blocks.1 == 0 {
            return Ok(());
        }
        let kernel = self.get(name)?;
        if !args
            .iter()
            .map(|&arg| Kind::of(arg))
            .eq(kernel.takes.iter().copied())
        {
            return Err(Error::Device(format!(
                "{name} is called with what it does not take"
            )));
        }
        let mut call = stream.launch_builder(&kernel.function);
        for arg in args {
            match arg {
                Arg::Pointer(value) | Arg::Long(value) => call.arg(value),
                Arg::Word(value) => call.arg(value),
                Arg::Real(value) => call.arg(value),
                Arg::Wide(value) => call.arg(value),
            };
        }
        let config = LaunchConfig {
            grid_dim: (grid.blocks.0, grid.blocks.1, 1),
            block_dim: (grid.threads, 1, 1),
            shared_mem_bytes: grid.shared,
        };
        // SAFETY: `args` have the number, order and types of the kernel's text (compared above), and every
        // pointer comes from a buffer whose length the caller has checked against what the kernel touches.
        // Buffers are freed in the stream's order, behind the call.
        unsafe { call.launch(config) }.map_err(|e| failed(&e))?;
        Ok(())
    }
}

fn unknown(name: &str) -> Error {
    Error::Device(format!("there is no kernel {name}"))
}
