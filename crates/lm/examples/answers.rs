//! Answers to many prompts at once on a student's own f32 weights: `cargo run --release -p lm
//! --example answers -- FILE PROMPTS LENGTH ANSWER THREADS`. One round, and a line of JSON, for each
//! line of standard input, as `bench/lm/answers.py` reads them.
#![expect(clippy::print_stdout, reason = "a figure is printed")]

#[expect(dead_code, reason = "its memory is not asked for")]
mod measure;

use lm::{Batch, Limits, Model, ModelFiles, Options, Path, Question, Sampling, Weights};
use measure::cpu_seconds;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, numbers @ ..] = &arguments[..] else {
        return Err("usage: answers FILE PROMPTS LENGTH ANSWER THREADS".into());
    };
    let numbers: Vec<usize> = numbers
        .iter()
        .map(|n| n.parse())
        .collect::<Result<_, _>>()?;
    let [prompts, length, answer, threads] = numbers[..] else {
        return Err("four numbers are needed".into());
    };
    let files = ModelFiles::open(file.as_ref())?;
    let weights = Weights::from_files(&files, None)?;
    let options = Options {
        threads,
        ..Options::default()
    };
    let tokenizer = Arc::clone(files.tokenizer());
    let model = Model::from_weights(&weights, tokenizer, None, &options)?;
    let ids: Vec<u32> = (0..prompts * length)
        .map(|i| ((i * 7919 + 13) % 40_000) as u32)
        .collect();
    let question = |(seed, prompt)| Question {
        prompt,
        sampling: Sampling {
            seed,
            ..Sampling::default()
        },
        limits: Limits {
            max_tokens: answer,
            ignore_end: true,
            ..Limits::default()
        },
    };
    let questions: Vec<Question<'_>> = (0..).zip(ids.chunks(length)).map(question).collect();
    let batch = Batch {
        path: Path::Exact,
        slots: prompts,
    };
    println!(r#"{{"about": {{"threads": {threads}, "type": "f32"}}}}"#);
    for line in std::io::stdin().lines() {
        line?;
        let (start, before) = (Instant::now(), cpu_seconds()?);
        let answers = model.sample_many(&questions, batch)?;
        let tokens: usize = answers.iter().map(|a| a.tokens.len()).sum();
        let wall = start.elapsed().as_secs_f64();
        let cpu = cpu_seconds()? - before;
        println!(r#"{{"wall": {wall}, "cpu": {cpu}, "tokens": {tokens}}}"#);
    }
    Ok(())
}
