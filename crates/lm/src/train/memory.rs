//! How much memory a training takes, worked out from shapes alone before any of it is taken.

use super::layer::{self, Sizes};
use super::settings::{Settings, Target, Tuning};
use super::{build, head};
use crate::device::{Attention, Device, Store};
use crate::{Config, Error, Result};

/// Bytes that a training takes on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The weights.
    pub weights: u64,
    /// Gradients and moments of what is trained.
    pub training: u64,
    /// What the passes keep and need.
    pub passes: u64,
}

impl Memory {
    /// What a training of a model of this shape would take on a device, beside some 16 MiB for packed
    /// pieces of matrices.
    #[must_use]
    pub fn foresee<D: Device>(device: &D, config: &Config, settings: &Settings) -> Self {
        let bytes =
            |store, values: usize| (values as u64).saturating_mul(device.value_bytes(store) as u64);
        let (frozen, trained) = build::counts(config, settings);
        let inner = inner_columns(settings);
        let sizes = sizes(config, settings, inner);
        let (streams, kept) = copies(config, settings);
        let kept_row = layer::kept_columns(&sizes);
        let kept_row: u64 = kept_row.iter().map(|&(store, n)| bytes(store, n)).sum();
        let trains = settings.tuning != Tuning::Frozen;
        let room: usize = layer::room_columns(&sizes).iter().sum();
        let row = (streams + usize::from(trains)) * config.width + room;
        let row =
            bytes(Store::Activation, row).saturating_add(kept_row.saturating_mul(kept as u64));
        let end = bytes(Store::Activation, head::values(config, settings.rows));
        Self {
            weights: bytes(Store::Parameter, frozen + trained),
            training: bytes(Store::Exact, trained).saturating_mul(3),
            passes: row.saturating_mul(settings.rows as u64).saturating_add(end),
        }
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.weights
            .saturating_add(self.training)
            .saturating_add(self.passes)
    }
}

/// An error where a training does not fit.
pub(super) fn check<D: Device>(device: &D, config: &Config, settings: &Settings) -> Result<()> {
    let need = Memory::foresee(device, config, settings).total();
    match settings.memory.or_else(|| device.available()) {
        Some(available) if need > available => Err(Error::Memory { need, available }),
        _ => Ok(()),
    }
}

/// How many copies there are of the stream, and of what a block keeps.
pub(super) fn copies(config: &Config, settings: &Settings) -> (usize, usize) {
    match (&settings.tuning, settings.checkpointing) {
        (Tuning::Frozen, _) => (2, 1),
        (_, true) => (config.layers + 1, 1),
        (_, false) => (config.layers + 1, config.layers),
    }
}

/// Inner columns of the four linear layers' adapters.
fn inner_columns(settings: &Settings) -> [usize; 4] {
    let Tuning::Lora(lora) = &settings.tuning else {
        return [0; 4];
    };
    let of = |targets: &[Target]| {
        let chosen = targets.iter().filter(|t| lora.targets.contains(t)).count();
        chosen * lora.rank
    };
    [
        of(&[Target::Query, Target::Key, Target::Value]),
        of(&[Target::Output]),
        of(&[Target::Gate, Target::Up]),
        of(&[Target::Down]),
    ]
}

/// The sizes that all blocks share.
pub(super) fn sizes(config: &Config, settings: &Settings, inner: [usize; 4]) -> Sizes {
    Sizes {
        attention: Attention::of(config),
        width: config.width,
        feed: config.feed_width,
        epsilon: config.epsilon,
        inner,
        drops: matches!(&settings.tuning, Tuning::Lora(lora) if lora.dropout > 0.0),
    }
}
