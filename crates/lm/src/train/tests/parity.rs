//! Three steps of both families, in full and by LoRA, against PyTorch and peft in f64:
//! `bench/reference/train_reference.py` made the file.

use super::*;
use crate::{Adapter, LowRank};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Reference {
    losses: Vec<f64>,
    norms: Vec<f64>,
    gradients: BTreeMap<String, f64>,
}

fn reference(name: &str) -> Reference {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/train.json");
    let text = std::fs::read_to_string(path).unwrap();
    let all: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all[name].clone()).unwrap()
}

#[track_caller]
fn near(what: &str, got: f64, want: f64, tolerance: f64) {
    let error = (got - want).abs() / want.abs().max(1e-3);
    assert!(error <= tolerance, "{what}: {got} is not {want}");
}

fn check(name: &str, family: Family, tuning: Tuning) {
    let (want, lora) = (reference(name), tuning != Tuning::Full);
    let mut trainer = trainer(family, settings(tuning), 2);
    if lora {
        let mut adapter = Adapter::new(4, 8.0, 0.0).unwrap();
        let config = config(family);
        for (name, shape) in Weights::expected_shapes(&config) {
            let is_linear = name.starts_with("blk.") && shape.len() == 2;
            if !is_linear {
                continue;
            }
            let part = |which: &str, sizes: [usize; 2]| {
                let values = formula(&format!("{name}.lora_{which}"), sizes[0] * sizes[1]);
                Tensor::new(sizes.to_vec(), values).unwrap()
            };
            let (a, b) = (part("a", [4, shape[1]]), part("b", [shape[0], 4]));
            adapter.insert(&config, &name, LowRank { a, b }).unwrap();
        }
        trainer.load_adapter(&adapter).unwrap();
        assert_eq!(trainer.adapter().unwrap().unwrap(), adapter);
    }
    let batch = batch(&documents());
    let goals = || [(&batch, Goal::Next)];
    let gradients = trainer.gradient_norms(&goals(), &cross_entropy()).unwrap();
    // PyTorch names biases and norms that LoRA freezes nowhere, and so do we.
    assert!(gradients.keys().eq(want.gradients.keys()), "{gradients:?}");
    for (name, norm) in &gradients {
        near(name, *norm, want.gradients[name], 2e-5);
    }
    for (step, (loss, norm)) in want.losses.iter().zip(&want.norms).enumerate() {
        let report = trainer.step(&goals(), &cross_entropy()).unwrap();
        near(&format!("loss {step}"), report.loss, *loss, 1e-5);
        near(&format!("norm {step}"), report.gradient_norm, *norm, 5e-5);
    }
    let scores = trainer.network().score(&batch).unwrap();
    let loss = -scores.iter().map(|&s| f64::from(s)).sum::<f64>() / scores.len() as f64;
    near("loss at the end", loss, want.losses[3], 1e-5);
    // What is written out is what was trained: another network scores the same with it.
    let frozen = settings(Tuning::Frozen);
    let device = Arc::new(Cpu::new(1).unwrap());
    let merged = trainer.weights().unwrap();
    let again = Network::new(device, merged, &frozen)
        .unwrap()
        .score(&batch)
        .unwrap();
    for (a, b) in again.iter().zip(&scores) {
        near("merged", f64::from(*a), f64::from(*b), 1e-5);
    }
}

#[test]
fn llama_in_full() {
    check("llama full", Family::Llama, Tuning::Full);
}

#[test]
fn llama_by_lora() {
    check("llama lora", Family::Llama, Tuning::Lora(lora()));
}

#[test]
fn qwen2_in_full() {
    check("qwen2 full", Family::Qwen2, Tuning::Full);
}

#[test]
fn qwen2_by_lora() {
    check("qwen2 lora", Family::Qwen2, Tuning::Lora(lora()));
}
