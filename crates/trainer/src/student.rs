//! The student: what is trained, and the copy of it that samples.

use crate::error::{Error, Result};
use crate::load::{self, Reader};
use crate::protocol::{self, Learning, Tuning};
use lm::device::Cpu;
use lm::train::{Decay, Lora, Memory, Optimiser, Schedule, Settings, Target, Trainer};
use lm::{Model, ModelFiles, Options};
use std::path::Path;
use std::sync::Arc;

/// Rows of a student that is not trained here: the fewest that there can be.
const FEW_ROWS: usize = 1;

/// A student.
pub(crate) struct Student {
    pub(crate) device: Arc<Cpu>,
    pub(crate) trainer: Trainer<Cpu>,
    pub(crate) reader: Reader,
    /// What its training began with.
    pub(crate) seed: u64,
    threads: usize,
    memory: u64,
    sampler: Option<Model>,
}

impl Student {
    /// The start model, ready to learn.
    pub(crate) fn open(
        student: &protocol::Student,
        (seed, learning): (u64, &Learning),
        (steps, threads): (u64, usize),
    ) -> Result<Self> {
        let mut settings = settings(&student.tuning, learning, steps);
        settings.seed = seed;
        let files = load::model(&student.model)?;
        Self::with(&files, &student.model, settings, threads)
    }

    /// The start model to be put at a checkpoint, for its weights alone.
    pub(crate) fn frozen(student: &protocol::Student, seed: u64, threads: usize) -> Result<Self> {
        let optimiser = Optimiser::new(Schedule::constant(0.0));
        let mut settings = Settings::new(tuning(&student.tuning), optimiser, FEW_ROWS);
        settings.seed = seed;
        let files = load::model(&student.model)?;
        Self::with(&files, &student.model, settings, threads)
    }

    fn with(
        files: &ModelFiles<'_>,
        path: &Path,
        settings: Settings,
        threads: usize,
    ) -> Result<Self> {
        let device = Arc::new(Cpu::new(threads)?);
        let seed = settings.seed;
        let memory = Memory::foresee(&*device, files.config(), &settings);
        let trainer = Trainer::open(Arc::clone(&device), files, settings);
        Ok(Self {
            trainer: trainer.map_err(load::of_model(path))?,
            device,
            reader: Reader::of(files),
            seed,
            threads,
            memory: memory.total() + memory.weights,
            sampler: None,
        })
    }

    /// Takes what was learnt over to the copy that samples.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        match &mut self.sampler {
            Some(sampler) => self.trainer.refresh(sampler)?,
            None => {
                let tokenizer = Arc::clone(&self.reader.tokenizer);
                let options = options(self.threads, false);
                self.sampler = Some(self.trainer.sampler(tokenizer, None, &options)?);
            }
        }
        Ok(())
    }

    /// The copy that samples.
    pub(crate) fn sampler(&self) -> Result<&Model> {
        let missing = || Error::Job("a student that does not sample was asked to".into());
        self.sampler.as_ref().ok_or_else(missing)
    }

    /// Bytes that learning takes, as they were foreseen, with the copy that samples.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    /// BLAKE3 over what is trained, by name.
    pub(crate) fn digest(&mut self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        let mut add = |name: &str, values: &[f32]| {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(&(values.len() as u64).to_le_bytes());
            for value in values {
                hasher.update(&value.to_le_bytes());
            }
        };
        match self.trainer.adapter()? {
            Some(adapter) => {
                for (name, part) in adapter.iter() {
                    add(name, part.a.data());
                    add(name, part.b.data());
                }
            }
            None => {
                let weights = self.trainer.weights()?;
                weights.iter().for_each(|(name, t)| add(name, t.data()));
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

/// How a model is loaded to sample or to score.
pub(crate) fn options(threads: usize, fast: bool) -> Options {
    Options {
        threads,
        weights: match fast {
            true => lm::HeldWeights::Fast,
            false => lm::HeldWeights::Exact,
        },
        ..Options::default()
    }
}

fn tuning(tuning: &Tuning) -> lm::train::Tuning {
    match tuning {
        Tuning::Full => lm::train::Tuning::Full,
        Tuning::Lora {
            rank,
            alpha,
            dropout,
            targets,
        } => lm::train::Tuning::Lora(Lora {
            rank: *rank,
            alpha: *alpha,
            dropout: *dropout,
            targets: match targets.is_empty() {
                true => Target::ALL.to_vec(),
                false => targets.iter().map(|&t| target(t)).collect(),
            },
        }),
    }
}

fn target(target: protocol::Target) -> Target {
    match target {
        protocol::Target::Query => Target::Query,
        protocol::Target::Key => Target::Key,
        protocol::Target::Value => Target::Value,
        protocol::Target::Output => Target::Output,
        protocol::Target::Gate => Target::Gate,
        protocol::Target::Up => Target::Up,
        protocol::Target::Down => Target::Down,
    }
}

fn settings(student: &Tuning, learning: &Learning, steps: u64) -> Settings {
    let rate = learning.rate;
    let schedule = Schedule {
        rate: rate.rate,
        warm_up: rate.warm_up,
        steps,
        decay: match rate.decay {
            protocol::Decay::Constant => Decay::Constant,
            protocol::Decay::Linear => Decay::Linear { floor: rate.floor },
            protocol::Decay::Cosine => Decay::Cosine { floor: rate.floor },
        },
    };
    let mut optimiser = Optimiser::new(schedule);
    optimiser.beta1 = learning.beta1;
    optimiser.beta2 = learning.beta2;
    optimiser.decay = learning.weight_decay;
    optimiser.clip = (learning.clip > 0.0).then_some(learning.clip);
    let mut settings = Settings::new(tuning(student), optimiser, learning.rows);
    settings.checkpointing = learning.recompute;
    settings
}
