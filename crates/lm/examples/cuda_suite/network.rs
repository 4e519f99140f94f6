//! Small networks of every family, trained for some steps on both devices: losses and weights.

use super::{Row, distance};
use lm::device::{Cpu, Cuda, Device, Precision};
use lm::loss::{Kind, Loss};
use lm::train::{
    Batch, Document, Goal, Lora, Optimiser, Schedule, Settings, Target, Trainer, Tuning,
};
use lm::{Family, Result, testing};
use std::sync::Arc;

const STEPS: usize = 5;

/// Trains on both.
pub(crate) fn compare(cpu: &Arc<Cpu>, cuda: &Arc<Cuda>) -> Vec<Row> {
    let limit = match cuda.precision() {
        Precision::Exact => 1e-3,
        Precision::Mixed => 5e-2,
    };
    let mut rows = Vec::new();
    for family in [Family::Llama, Family::Qwen2] {
        for lora in [false, true] {
            for checkpointing in [false, true] {
                let what =
                    format!("training {family:?}, lora {lora}, checkpointing {checkpointing}");
                let how = (family, lora, checkpointing);
                rows.push(row(what, limit, train(cpu, how), || train(cuda, how)));
            }
        }
    }
    rows
}

fn row(
    what: String,
    limit: f64,
    want: Result<Vec<f32>>,
    run: impl Fn() -> Result<Vec<f32>>,
) -> Row {
    match (want, run(), run()) {
        (Ok(want), Ok(got), Ok(again)) => Row {
            what,
            error: distance(&got, &want),
            limit,
            same: got
                .iter()
                .map(|v| v.to_bits())
                .eq(again.iter().map(|v| v.to_bits())),
        },
        (want, got, again) => Row {
            what: format!("{what}: {:?}", want.err().or(got.err()).or(again.err())),
            error: f64::INFINITY,
            limit,
            same: false,
        },
    }
}

/// The losses of some steps, and the scores of the trained network.
fn train<D: Device>(
    device: &Arc<D>,
    (family, lora, checkpointing): (Family, bool, bool),
) -> Result<Vec<f32>> {
    let tuning = match lora {
        false => Tuning::Full,
        true => Tuning::Lora(Lora {
            rank: 4,
            alpha: 8.0,
            dropout: 0.1,
            targets: Target::ALL.to_vec(),
        }),
    };
    let weights = testing::tiny_weights(family, 3);
    let vocabulary = weights.config().vocabulary;
    let ids: Vec<u32> = (0..30).map(|i| ((i * 7 + 3) % vocabulary) as u32).collect();
    let documents = [Document::text(&ids[..17]), Document::text(&ids[17..])];
    let batch = Batch::new(&documents)?;
    let mut settings = Settings::new(
        tuning,
        Optimiser::new(Schedule::constant(1e-3)),
        batch.len(),
    );
    settings.checkpointing = checkpointing;
    let mut trainer = Trainer::new(Arc::clone(device), weights, settings)?;
    let loss = Loss::new(Kind::CrossEntropy);
    let mut all = Vec::new();
    for _ in 0..STEPS {
        all.push(trainer.step(&[(&batch, Goal::Next)], &loss)?.loss as f32);
    }
    all.extend(trainer.network().score(&batch)?);
    Ok(all)
}
