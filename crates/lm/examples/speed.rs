//! Speed of a model file on a path: `cargo run --release -p lm --example speed -- FILE
//! [PATH [THREADS [PROMPT [ANSWER]]]]`, where PATH is `exact` or `fast`. Prints tokens a second of
//! prefill and of decoding at several batch sizes, one line each, as `bench/lm/serving.py` reads.
#![expect(clippy::print_stdout, reason = "a figure is printed")]

use lm::{Cache, HeldWeights, Model, Options, Path, Step, Want};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = |n: usize| std::env::args().nth(n);
    let file = argument(1).ok_or("usage: speed FILE [PATH [THREADS [PROMPT [ANSWER]]]]")?;
    let number = |n: usize, default: usize| argument(n).map_or(Ok(default), |t| t.parse());
    let (path, weights) = match argument(2).as_deref() {
        Some("fast") => (Path::Fast, HeldWeights::Fast),
        Some("exact") | None => (Path::Exact, HeldWeights::Exact),
        Some(other) => return Err(format!("{other:?} is no path").into()),
    };
    let (threads, length, answer) = (number(3, 0)?, number(4, 256)?, number(5, 32)?);
    let start = Instant::now();
    let options = Options {
        threads,
        weights,
        ..Options::default()
    };
    let model = Model::load(file.as_ref(), &options)?;
    println!("load: {:.2} s", start.elapsed().as_secs_f64());
    let vocabulary = model.config().vocabulary as u32;
    let prompt: Vec<u32> = (0..length.max(answer) as u32)
        .map(|i| (i * 7919 + 13) % vocabulary.min(40_000))
        .collect();
    for batch in [1, 8, 16] {
        let (prefill, decode) = run(&model, path, batch, (&prompt[..length], &prompt[..answer]))?;
        println!("batch {batch}: prefill {prefill:.1} tokens/s, decode {decode:.1} tokens/s");
    }
    if path == Path::Exact {
        let start = Instant::now();
        let scored = model.score(&prompt[..length], 5)?.len() as f64;
        println!(
            "score: {:.0} tokens/s",
            scored / start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

/// Tokens a second of reading the prompts and of writing the answers.
fn run(
    model: &Model,
    path: Path,
    batch: usize,
    (prompt, answer): (&[u32], &[u32]),
) -> Result<(f64, f64), Box<dyn Error>> {
    let mut caches: Vec<Cache> = (0..batch).map(|_| model.cache_on(path)).collect();
    let start = Instant::now();
    for cache in &mut caches {
        model.forward(&mut [Step {
            cache,
            tokens: prompt,
            want: Want::logits(),
        }])?;
    }
    let prefill = (batch * prompt.len()) as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    for token in answer {
        let tokens = std::slice::from_ref(token);
        let mut steps: Vec<Step<'_>> = caches
            .iter_mut()
            .map(|cache| Step {
                cache,
                tokens,
                want: Want::logits(),
            })
            .collect();
        model.forward(&mut steps)?;
    }
    let decode = (batch * answer.len()) as f64 / start.elapsed().as_secs_f64();
    Ok((prefill, decode))
}
