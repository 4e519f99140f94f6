//! Tokens a second of Qwen2.5's shapes, with weights made at random where the program runs: no file.

use super::numbers;
use lm::device::{Cuda, Device};
use lm::loss::{Kind, Loss};
use lm::train::{
    Batch, Document, Goal, Lora, Memory, Network, Optimiser, Schedule, Settings, Target, Trainer,
    Tuning,
};
use lm::{Config, Family, HeadCounts, Result, Tensor, Weights};
use std::sync::Arc;
use std::time::Instant;

const DOCUMENTS: usize = 8;
const LENGTH: usize = 1024;
/// Steps after the first, which is not counted.
const STEPS: usize = 5;

fn configs() -> [(&'static str, Config); 2] {
    let of = |layers, width, feed_width, (query, key_value, head)| Config {
        family: Family::Qwen2,
        name: None,
        layers,
        width,
        feed_width,
        heads: HeadCounts {
            query,
            key_value,
            width: head,
        },
        vocabulary: 151_936,
        context: 32_768,
        epsilon: 1e-6,
        rope_base: 1e6,
        tied: true,
    };
    [
        ("Qwen2.5-0.5B", of(24, 896, 4864, (14, 2, 64))),
        ("Qwen2.5-1.5B", of(28, 1536, 8960, (12, 2, 128))),
    ]
}

/// Norms of one, small numbers elsewhere.
fn random(config: &Config) -> Result<Weights> {
    let mut weights = Weights::new(config.clone());
    for (seed, (name, shape)) in Weights::expected_shapes(config).into_iter().enumerate() {
        let mut values = numbers(seed as u64, shape.iter().product());
        let norm = name.contains("norm");
        values
            .iter_mut()
            .for_each(|v| *v = if norm { 1.0 } else { *v * 0.03 });
        weights.insert(&name, Tensor::new(shape, values)?)?;
    }
    Ok(weights)
}

/// Prints a table.
pub(crate) fn measure(device: &Arc<Cuda>) -> Result<()> {
    println!(
        "\n{}: {DOCUMENTS} documents of {LENGTH} tokens, checkpointing",
        device.name()
    );
    println!("| shape | what | tokens/s | memory foreseen, GB |");
    println!("| --- | --- | --- | --- |");
    for (name, config) in configs() {
        let lora = Tuning::Lora(Lora {
            rank: 16,
            alpha: 32.0,
            dropout: 0.0,
            targets: Target::ALL.to_vec(),
        });
        for (what, tuning) in [
            ("score", Tuning::Frozen),
            ("LoRA r16", lora),
            ("full", Tuning::Full),
        ] {
            let mut settings = Settings::new(
                tuning,
                Optimiser::new(Schedule::constant(1e-5)),
                DOCUMENTS * LENGTH,
            );
            settings.checkpointing = true;
            let memory = Memory::foresee(&**device, &config, &settings).total() as f64 / 1e9;
            match rate(device, &config, settings) {
                Ok(rate) => println!("| {name} | {what} | {rate:.0} | {memory:.1} |"),
                Err(error) => println!("| {name} | {what} | {error} | {memory:.1} |"),
            }
        }
    }
    Ok(())
}

/// Tokens a second.
fn rate(device: &Arc<Cuda>, config: &Config, settings: Settings) -> Result<f64> {
    let ids: Vec<u32> = (0..DOCUMENTS * LENGTH)
        .map(|i| ((i * 7919 + 13) % 150_000) as u32)
        .collect();
    let documents: Vec<Document<'_>> = ids.chunks(LENGTH).map(Document::text).collect();
    let batch = Batch::new(&documents)?;
    let weights = random(config)?;
    let loss = Loss::new(Kind::CrossEntropy);
    let mut step: Box<dyn FnMut() -> Result<()>> = if settings.tuning == Tuning::Frozen {
        let mut network = Network::new(Arc::clone(device), weights, &settings)?;
        Box::new(move || network.score(&batch).map(|_| ()))
    } else {
        let mut trainer = Trainer::new(Arc::clone(device), weights, settings)?;
        Box::new(move || trainer.step(&[(&batch, Goal::Next)], &loss).map(|_| ()))
    };
    step()?;
    device.wait()?;
    let start = Instant::now();
    for _ in 0..STEPS {
        step()?;
    }
    device.wait()?;
    Ok((STEPS * DOCUMENTS * LENGTH) as f64 / start.elapsed().as_secs_f64())
}
