//! How much memory a model will need, said before anything is allocated. Reads the system's own
//! figure where the caller sets no limit.

use super::{Config, Options};
use crate::{Error, Result};

/// An error where the f32 weights do not fit.
pub(super) fn check(config: &Config, own_head: bool, options: &Options) -> Result<()> {
    let need = weights(config, own_head).saturating_mul(size_of::<f32>() as u64);
    match options.memory.or_else(available) {
        Some(available) if need > available => Err(Error::Memory { need, available }),
        _ => Ok(()),
    }
}

/// Number of weights; sizes are bounded by [`Config::from_header`], saturation is for their product.
fn weights(config: &Config, own_head: bool) -> u64 {
    let product = |a: usize, b: usize| (a as u64).saturating_mul(b as u64);
    let (query, qkv) = config.attention_widths();
    let layer = [
        product(config.width, qkv),
        product(query, config.width),
        product(config.width, config.feed_width).saturating_mul(3),
    ];
    let layer = layer.into_iter().fold(0u64, u64::saturating_add);
    let tables = product(config.vocabulary, config.width) * if own_head { 2 } else { 1 };
    layer
        .saturating_mul(config.layers as u64)
        .saturating_add(tables)
}

/// Bytes that Linux says can be had without swapping.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
