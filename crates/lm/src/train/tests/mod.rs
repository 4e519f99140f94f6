//! Training on tiny models: against PyTorch, against itself cut up in every way that must not matter,
//! and what is refused.

mod learning;
mod parity;
mod refusals;
mod spans;

use super::*;
use crate::device::Cpu;
use crate::loss::{Kind, Loss};
use crate::weights::Tensor;
use crate::{Config, Family, HeadCounts, Weights};
use std::sync::Arc;

pub(super) const VOCABULARY: usize = 96;

/// The shape of `bench/reference/train_reference.py`.
pub(super) fn config(family: Family) -> Config {
    Config {
        family,
        name: None,
        layers: 2,
        width: 48,
        feed_width: 80,
        heads: HeadCounts {
            query: 6,
            key_value: 2,
            width: 8,
        },
        vocabulary: VOCABULARY,
        context: 64,
        epsilon: 1e-5,
        rope_base: 1e4,
        tied: family == Family::Llama,
    }
}

/// The formula of `bench/reference/train_reference.py`.
pub(super) fn formula(name: &str, count: usize) -> Vec<f32> {
    let salt: usize = name.bytes().zip(1..).map(|(b, i)| usize::from(b) * i).sum();
    let noise = |i: usize| ((i * 7919 + salt * 104_729) % 2003) as f64 / 2003.0 - 0.5;
    let value = |i: usize| match name {
        _ if name.contains("norm") => 1.0 + 0.2 * noise(i),
        _ if name.ends_with("lora_b") => 0.1 * noise(i),
        _ => 0.4 * noise(i),
    };
    (0..count).map(|i| value(i) as f32).collect()
}

pub(super) fn weights(family: Family) -> Weights {
    let config = config(family);
    let mut out = Weights::new(config.clone());
    for (name, shape) in Weights::expected_shapes(&config) {
        let values = formula(&name, shape.iter().product());
        out.insert(&name, Tensor::new(shape, values).unwrap())
            .unwrap();
    }
    out
}

pub(super) fn lora() -> Lora {
    Lora {
        rank: 4,
        alpha: 8.0,
        dropout: 0.0,
        targets: Target::ALL.to_vec(),
    }
}

pub(super) fn settings(tuning: Tuning) -> Settings {
    let mut optimiser = Optimiser::new(Schedule::constant(1e-2));
    optimiser.decay = 0.1;
    Settings::new(tuning, optimiser, 64)
}

pub(super) fn trainer(family: Family, settings: Settings, threads: usize) -> Trainer<Cpu> {
    let device = Arc::new(Cpu::new(threads).unwrap());
    Trainer::new(device, weights(family), settings).unwrap()
}

pub(super) fn documents() -> [(Vec<u32>, usize); 2] {
    let tokens = |count: u32, step: u32, start: u32| {
        (0..count)
            .map(|i| (i * step + start) % VOCABULARY as u32)
            .collect()
    };
    [(tokens(19, 31, 7), 1), (tokens(12, 17, 3), 5)]
}

pub(super) fn batch(documents: &[(Vec<u32>, usize)]) -> Batch {
    let documents = documents
        .iter()
        .map(|(tokens, first)| Document::answer(tokens, *first));
    Batch::new(&documents.collect::<Vec<_>>()).unwrap()
}

pub(super) fn cross_entropy() -> Loss {
    Loss::new(Kind::CrossEntropy)
}

/// Every byte of the weights after some steps, with the losses.
pub(super) fn after(mut trainer: Trainer<Cpu>, steps: usize) -> (Vec<f64>, Vec<u32>) {
    let batch = batch(&documents());
    let step = |_| {
        trainer
            .step(&[(&batch, Goal::Next)], &cross_entropy())
            .unwrap()
            .loss
    };
    let losses = (0..steps).map(step).collect();
    (losses, bits(&mut trainer))
}

pub(super) fn bits(trainer: &mut Trainer<Cpu>) -> Vec<u32> {
    let weights = trainer.weights().unwrap();
    let tensors = weights.iter().flat_map(|(_, t)| t.data().to_vec());
    tensors.map(f32::to_bits).collect()
}
