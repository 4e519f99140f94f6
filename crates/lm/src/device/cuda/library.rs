//! CUDA's libraries: whether they are there, the kernels' compilation, and what failures mean. Nothing
//! here computes.
#![expect(
    unsafe_code,
    reason = "asking whether a library is there loads it; each block says why that is sound"
)]

use crate::{Error, Result};
use cudarc::driver::{CudaContext, CudaModule, DriverError, sys};
use cudarc::nvrtc::{CompileError, CompileOptions, compile_ptx_with_opts};
use std::sync::Arc;

/// A file of kernels.
pub(super) struct Source {
    pub(super) file: &'static str,
    pub(super) text: &'static str,
    /// Kernels for one type of activation each: names that `_f` and `_h` end.
    pub(super) each: &'static [&'static str],
    /// Kernels with names of their own.
    pub(super) whole: &'static [&'static str],
}

impl Source {
    /// The names of all its kernels.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let each = self.each.iter();
        let each = each.flat_map(|name| [format!("{name}_f"), format!("{name}_h")]);
        each.chain(self.whole.iter().map(|&name| name.to_owned()))
    }
}

const COMMON: &str = include_str!("kernels/common.cuh");

/// All kernels.
pub(super) const SOURCES: [Source; 5] = [
    Source {
        file: "values.cu",
        text: include_str!("kernels/values.cu"),
        each: &["add", "bias", "gate", "gate_backward", "dropout"],
        whole: &["narrow"],
    },
    Source {
        file: "rows.cu",
        text: include_str!("kernels/rows.cu"),
        each: &[
            "norm",
            "norm_backward",
            "norm_weights",
            "column_sums",
            "embed",
            "rope",
        ],
        whole: &["fold", "scatter_ff", "scatter_hh", "scatter_hf"],
    },
    Source {
        file: "optimiser.cu",
        text: include_str!("kernels/optimiser.cu"),
        each: &["adam", "squares"],
        whole: &[],
    },
    Source {
        file: "head.cu",
        text: include_str!("kernels/head.cu"),
        each: &["token", "divergence", "score"],
        whole: &[],
    },
    Source {
        file: "attention.cu",
        text: include_str!("kernels/attention.cu"),
        each: &["delta"],
        whole: &[
            "attention_f64",
            "attention_f128",
            "attention_h64",
            "attention_h128",
            "backward_queries_f64",
            "backward_queries_f128",
            "backward_queries_h64",
            "backward_queries_h128",
            "backward_keys_f64",
            "backward_keys_f128",
            "backward_keys_h64",
            "backward_keys_h128",
        ],
    },
];

/// Oldest version of CUDA that the driver must know.
const OLDEST: i32 = 12_000;

/// Whether the libraries are there, before anything calls them: a call to a missing one ends the program.
pub(super) fn check() -> Result<()> {
    // SAFETY: loading these libraries runs their initialisers, which touch nothing of ours.
    let (driver, blas, compiler) = unsafe {
        (
            sys::is_culib_present(),
            cudarc::cublas::sys::is_culib_present(),
            cudarc::nvrtc::sys::is_culib_present(),
        )
    };
    let missing = |what: &str, hint: &str| Err(Error::Device(format!("{what} not found; {hint}")));
    if !driver {
        return missing(
            "NVIDIA's driver (libcuda)",
            "install the driver, or leave CUDA out: the processor does the same",
        );
    }
    if !blas {
        return missing(
            "cuBLAS (libcublas)",
            "install CUDA 12 or 13, or name its folder in LD_LIBRARY_PATH",
        );
    }
    if !compiler {
        return missing(
            "NVRTC (libnvrtc)",
            "install CUDA 12 or 13, or name its folder in LD_LIBRARY_PATH",
        );
    }
    let mut version = 0;
    // SAFETY: the driver is there, and `version` is a place for one whole number.
    let asked = unsafe { sys::cuDriverGetVersion(&raw mut version) };
    asked.result().map_err(|e| failed(&e))?;
    if version < OLDEST {
        let (major, minor) = (version / 1000, version % 1000 / 10);
        return Err(Error::Device(format!(
            "NVIDIA's driver knows CUDA {major}.{minor}; 12.0 is needed: update the driver"
        )));
    }
    Ok(())
}

/// Why a GPU could not be opened.
pub(super) fn unopened(number: usize, error: DriverError) -> Error {
    match error.0 {
        sys::CUresult::CUDA_ERROR_NO_DEVICE => {
            Error::Device("there is no NVIDIA GPU, or this process may not see it".into())
        }
        sys::CUresult::CUDA_ERROR_INVALID_DEVICE => {
            Error::Device(format!("there is no GPU {number}; they are counted from 0"))
        }
        _ => failed(&error),
    }
}

/// A failure of the driver, with what may help.
pub(super) fn failed(error: &DriverError) -> Error {
    use sys::CUresult as Code;
    let hint = match error.0 {
        Code::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => {
            ": NVRTC is newer than the driver; update the driver or install an older NVRTC"
        }
        Code::CUDA_ERROR_OUT_OF_MEMORY => ": fewer rows, or checkpointing, take less memory",
        Code::CUDA_ERROR_ILLEGAL_ADDRESS | Code::CUDA_ERROR_LAUNCH_FAILED => {
            ": a fault in a kernel; the device can not be used any more by this process"
        }
        _ => "",
    };
    Error::Device(format!("CUDA: {error}{hint}"))
}

/// Compiles every file; each comes with its module. The text is for 8.0, which every later GPU's driver
/// takes too.
pub(super) fn compile(
    context: &Arc<CudaContext>,
) -> Result<Vec<(&'static Source, Arc<CudaModule>)>> {
    let compile = |source: &'static Source| {
        let options = CompileOptions {
            arch: Some("compute_80"),
            name: Some(source.file.to_owned()),
            ..CompileOptions::default()
        };
        let text = format!("{COMMON}{}", source.text);
        let ptx = compile_ptx_with_opts(text, options).map_err(|error| {
            let words = match &error {
                CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
                other => other.to_string(),
            };
            Error::Device(format!("{} does not compile: {words}", source.file))
        })?;
        let module = context.load_module(ptx).map_err(|e| failed(&e))?;
        Ok((source, module))
    };
    SOURCES.iter().map(compile).collect()
}
