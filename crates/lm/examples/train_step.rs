//! One training step, or one scoring, a line of standard input: `bench/lm/train.py` runs it against
//! PyTorch.
//!
//! ```text
//! train_step MODEL.gguf {full,lora,score} BATCH LENGTH THREADS
//! ```
//!
//! Prints one line of JSON about itself, then one a step. Peak memory counts from the moment when the
//! model is loaded.
#![expect(clippy::print_stdout, reason = "figures are printed")]

mod measure;

use lm::ModelFiles;
use lm::device::{Cpu, Device};
use lm::loss::{Kind, Loss};
use lm::train::{
    Batch, Document, Goal, Lora, Memory, Network, Optimiser, Schedule, Settings, Target, Trainer,
    Tuning,
};
use measure::{cpu_seconds, forget_peak, peak};
use std::error::Error;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, mode, batch, length, threads] = &arguments[..] else {
        return Err("usage: train_step MODEL.gguf {full,lora,score} BATCH LENGTH THREADS".into());
    };
    let (batch, length): (usize, usize) = (batch.parse()?, length.parse()?);
    let device = Arc::new(Cpu::new(threads.parse()?)?);
    let ids: Vec<u32> = (0..batch * length)
        .map(|i| ((i * 7919 + 13) % 40_000) as u32)
        .collect();
    let mut optimiser = Optimiser::new(Schedule::constant(1e-4));
    optimiser.decay = 0.01;
    let tuning = match mode.as_str() {
        "full" => Tuning::Full,
        "lora" => Tuning::Lora(Lora {
            rank: 16,
            alpha: 32.0,
            dropout: 0.0,
            targets: Target::ALL.to_vec(),
        }),
        _ => Tuning::Frozen,
    };
    // Scoring goes four documents at a time, as the peer's does.
    let rows = if tuning == Tuning::Frozen {
        batch.min(4) * length
    } else {
        ids.len()
    };
    let settings = Settings::new(tuning, optimiser, rows);
    let files = ModelFiles::open(path.as_ref())?;
    let foreseen = Memory::foresee(&*device, files.config(), &settings);
    let mut step = stepper(&device, &files, settings, (&ids, length))?;
    forget_peak()?;
    println!(
        r#"{{"about": {{"lm": "{}", "type": "f32", "foreseen": {}}}}}"#,
        device.name(),
        foreseen.total()
    );
    for line in std::io::stdin().lock().lines() {
        line?;
        let (wall, cpu) = (Instant::now(), cpu_seconds()?);
        let loss = step()?;
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
        let (tokens, peak) = (ids.len(), peak()?);
        println!(
            r#"{{"wall": {wall}, "cpu": {cpu}, "tokens": {tokens}, "loss": {loss}, "peak": {peak}}}"#
        );
    }
    Ok(())
}

type Step = Box<dyn FnMut() -> lm::Result<f64>>;

/// What one step is: it returns the mean loss.
fn stepper(
    device: &Arc<Cpu>,
    files: &ModelFiles<'_>,
    settings: Settings,
    (ids, length): (&[u32], usize),
) -> lm::Result<Step> {
    let documents = |ids: &[u32]| {
        let documents: Vec<Document<'_>> = ids.chunks(length).map(Document::text).collect();
        Batch::new(&documents)
    };
    if settings.tuning == Tuning::Frozen {
        let parts = ids.chunks(settings.rows).map(documents);
        let parts: Vec<Batch> = parts.collect::<lm::Result<_>>()?;
        let mut network = Network::open(Arc::clone(device), files, &settings)?;
        return Ok(Box::new(move || {
            let mut sum = 0.0;
            let mut count = 0;
            for part in &parts {
                let scores = network.score(part)?;
                sum -= scores.iter().map(|&s| f64::from(s)).sum::<f64>();
                count += scores.len();
            }
            Ok(sum / f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
        }));
    }
    let batch = documents(ids)?;
    let mut trainer = Trainer::open(Arc::clone(device), files, settings)?;
    let loss = Loss::new(Kind::CrossEntropy);
    Ok(Box::new(move || {
        Ok(trainer.step(&[(&batch, Goal::Next)], &loss)?.loss)
    }))
}
