//! How much memory a model will need, said before anything is allocated. Reads the system's own
//! figure where the caller sets no limit.

use super::{Config, Options, Path, shapes};
use crate::gguf::TensorType;
use crate::ops::Quantised;
use crate::{Error, Result};

/// An error where the weights that are to be held, of tensors of these types, do not fit.
pub(super) fn check(
    config: &Config,
    kind: &dyn Fn(&str) -> TensorType,
    options: &Options,
) -> Result<()> {
    let mut need = 0u64;
    if options.weights.holds(Path::Exact) {
        need = exact(config);
    }
    if options.weights.holds(Path::Fast) {
        need = need.saturating_add(fast(config, kind));
    }
    fits(need, options.memory)
}

/// An error where the f32 weights do not fit into `limit` bytes, or into what is available.
pub(crate) fn check_f32(config: &Config, limit: Option<u64>) -> Result<()> {
    fits(exact(config), limit)
}

/// Bytes of the f32 weights.
pub(super) fn exact(config: &Config) -> u64 {
    shapes::parameters(config).saturating_mul(size_of::<f32>() as u64)
}

/// Bytes of the quantised weights; vectors stay as they are.
fn fast(config: &Config, kind: &dyn Fn(&str) -> TensorType) -> u64 {
    let sizes = shapes::expected_shapes(config).into_iter();
    let sizes = sizes.map(|(name, shape)| match shape[..] {
        [outputs, inputs] => Quantised::memory(kind(&name), inputs, outputs),
        _ => 4 * shape.iter().product::<usize>() as u64,
    });
    sizes.fold(0, u64::saturating_add)
}

fn fits(need: u64, limit: Option<u64>) -> Result<()> {
    match limit.or_else(available) {
        Some(available) if need > available => Err(Error::Memory { need, available }),
        _ => Ok(()),
    }
}

/// Bytes that Linux says can be had without swapping.
pub(crate) fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
