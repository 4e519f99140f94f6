//! How much memory a model will need, said before anything is allocated. Reads the system's own
//! figure where the caller sets no limit.

use super::{Config, shapes};
use crate::{Error, Result};

/// An error where the f32 weights do not fit into `limit` bytes, or into what is available.
pub(crate) fn check(config: &Config, limit: Option<u64>) -> Result<()> {
    let need = shapes::parameters(config).saturating_mul(size_of::<f32>() as u64);
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
