//! One step of on-policy distillation a line of standard input: the student answers prompts, the
//! teacher scores the answers, the student learns. `bench/lm/on_policy.py` runs it against TRL.
//!
//! ```text
//! on_policy STUDENT TEACHER {full,lora} TOKENS THREADS PROMPTS.json
//! ```
//!
//! Models are GGUF files or folders of transformers; TOKENS is the length of each answer. An empty
//! line lets the student sample; a line `[[ids], ...]` gives the answers instead, one a prompt, so that
//! two programs can be held against each other. The loss is the reverse divergence over the whole
//! vocabulary at temperature 1. Prints one line of JSON about itself, then one a step. Peak memory
//! counts from the moment when the models are loaded.
#![expect(clippy::print_stdout, reason = "figures are printed")]

mod measure;

use lm::device::{Cpu, Device};
use lm::loss::{Kind, Loss};
use lm::train::{
    Batch, Document, Goal, Lora, Network, Optimiser, Schedule, Settings, Target, Trainer, Tuning,
};
use lm::{Limits, Model, ModelFiles, Options, Path, Question, Sampling, Specials};
use measure::{cpu_seconds, forget_peak, peak};
use std::error::Error;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [student, teacher, mode, tokens, threads, prompts] = &arguments[..] else {
        return Err(
            "usage: on_policy STUDENT TEACHER {full,lora} TOKENS THREADS PROMPTS.json".into(),
        );
    };
    let tuning = match mode.as_str() {
        "full" => Tuning::Full,
        "lora" => Tuning::Lora(Lora {
            rank: 16,
            alpha: 32.0,
            dropout: 0.0,
            targets: Target::ALL.to_vec(),
        }),
        _ => return Err("the mode is full or lora".into()),
    };
    let prompts: Vec<String> = serde_json::from_slice(&std::fs::read(prompts)?)?;
    let models = [student.as_str(), teacher.as_str()];
    let mut pair = Loop::new(models, tuning, &prompts, tokens.parse()?, threads.parse()?)?;
    forget_peak()?;
    println!(
        r#"{{"about": {{"lm": "{}", "type": "f32", "threads": {threads}}}}}"#,
        pair.device.name()
    );
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (wall, cpu) = (Instant::now(), cpu_seconds()?);
        let answers = match line.trim() {
            "" => pair.sample()?,
            given => serde_json::from_str(given)?,
        };
        let sampled = wall.elapsed().as_secs_f64();
        let (loss, scoring, refreshing) = pair.learn(&answers)?;
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
        let (tokens, peak) = (answers.iter().map(Vec::len).sum::<usize>(), peak()?);
        println!(
            r#"{{"wall": {wall}, "cpu": {cpu}, "sampling": {sampled}, "scoring": {scoring}, "refreshing": {refreshing}, "tokens": {tokens}, "loss": {loss}, "peak": {peak}}}"#
        );
    }
    Ok(())
}

/// The two models, and the copy of the student that samples.
struct Loop {
    device: Arc<Cpu>,
    trainer: Trainer<Cpu>,
    teacher: Network<Cpu>,
    sampler: Model,
    prompts: Vec<Vec<u32>>,
    tokens: usize,
}

impl Loop {
    fn new(
        [student, teacher]: [&str; 2],
        tuning: Tuning,
        prompts: &[String],
        tokens: usize,
        threads: usize,
    ) -> Result<Self> {
        let device = Arc::new(Cpu::new(threads)?);
        let files = ModelFiles::open(student.as_ref())?;
        let encode = |p: &String| files.tokenizer().encode(p, Specials::Text);
        let prompts: Vec<Vec<u32>> = prompts.iter().map(encode).collect();
        let rows = prompts.iter().map(|p| p.len() + tokens).sum();
        let settings = Settings::new(tuning, Optimiser::new(Schedule::constant(1e-5)), rows);
        let frozen = Settings::new(Tuning::Frozen, settings.optimiser, rows);
        let options = Options {
            threads,
            ..Options::default()
        };
        let mut trainer = Trainer::open(Arc::clone(&device), &files, settings)?;
        let sampler = trainer.sampler(Arc::clone(files.tokenizer()), None, &options)?;
        let teacher = ModelFiles::open(teacher.as_ref())?;
        Ok(Self {
            teacher: Network::open(Arc::clone(&device), &teacher, &frozen)?,
            device,
            trainer,
            sampler,
            prompts,
            tokens,
        })
    }

    /// An answer to each prompt, of full length: end tokens are never chosen, as in the peer.
    fn sample(&self) -> Result<Vec<Vec<u32>>> {
        let vocabulary = self.sampler.tokenizer().vocabulary() as u32;
        let ends = (0..vocabulary).filter(|&id| self.sampler.tokenizer().is_end(id));
        let logit_bias: Vec<(u32, f32)> = ends.map(|id| (id, -1e4)).collect();
        let sampling = |number: usize| Sampling {
            seed: self.trainer.steps() << 32 | number as u64,
            logit_bias: logit_bias.clone(),
            ..Sampling::default()
        };
        let questions = self.prompts.iter().enumerate();
        let questions = questions.map(|(number, prompt)| Question {
            prompt,
            sampling: sampling(number),
            limits: Limits {
                max_tokens: self.tokens,
                stop: Vec::new(),
                ignore_end: true,
            },
        });
        let questions: Vec<_> = questions.collect();
        let batch = lm::Batch {
            path: Path::Exact,
            slots: questions.len(),
        };
        let answers = self.sampler.sample_many(&questions, batch)?.into_iter();
        Ok(answers
            .map(|a| a.tokens.iter().map(|t| t.token).collect())
            .collect())
    }

    /// One step on these answers; the student that samples is then that of after the step. Gives the
    /// loss in nats, and the seconds of the teacher's body and of the refreshing.
    fn learn(&mut self, answers: &[Vec<u32>]) -> Result<(f64, f64, f64)> {
        let sequence = |(p, a): (&Vec<u32>, &Vec<u32>)| [p.as_slice(), a.as_slice()].concat();
        let sequences: Vec<Vec<u32>> = self.prompts.iter().zip(answers).map(sequence).collect();
        let documents: Vec<Document<'_>> = sequences
            .iter()
            .zip(&self.prompts)
            .map(|(all, prompt)| Document::answer(all, prompt.len()))
            .collect();
        let batch = Batch::new(&documents)?;
        let started = Instant::now();
        let hidden = self.teacher.hidden(&batch)?;
        let scoring = started.elapsed().as_secs_f64();
        let goal = Goal::Teacher(&hidden, &self.teacher);
        let report = self
            .trainer
            .step(&[(&batch, goal)], &Loss::new(Kind::ReverseKl))?;
        let started = Instant::now();
        self.trainer.refresh(&mut self.sampler)?;
        let refreshing = started.elapsed().as_secs_f64();
        Ok((report.loss, scoring, refreshing))
    }
}
