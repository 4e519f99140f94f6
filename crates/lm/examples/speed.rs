//! Speed of the exact path on a model file: `cargo run --release -p lm --example speed -- FILE
//! [THREADS [PROMPT]]`.
//! Prints tokens a second of prefill and of decoding at several batch sizes, with the threads used.
#![allow(clippy::print_stdout, reason = "a figure is printed")]

use lm::{Cache, Model, Options, Step, Want};
use std::error::Error;
use std::time::Instant;

const ANSWER: usize = 48;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: speed FILE [THREADS [PROMPT]]")?;
    let threads = std::env::args().nth(2).map_or(Ok(0), |t| t.parse())?;
    let length: usize = std::env::args().nth(3).map_or(Ok(256), |t| t.parse())?;
    let start = Instant::now();
    let model = Model::load(
        path.as_ref(),
        &Options {
            threads,
            ..Options::default()
        },
    )?;
    println!("load: {:.2} s", start.elapsed().as_secs_f64());
    let vocabulary = model.config().vocabulary as u32;
    let prompt: Vec<u32> = (0..length as u32)
        .map(|i| (i * 7919 + 13) % vocabulary.min(40_000))
        .collect();
    for batch in [1, 8, 16] {
        let mut caches: Vec<Cache> = (0..batch).map(|_| model.cache()).collect();
        let start = Instant::now();
        for cache in &mut caches {
            model.forward(&mut [Step {
                cache,
                tokens: &prompt,
                want: Want::logits(),
            }])?;
        }
        let prefill = (batch * length) as f64 / start.elapsed().as_secs_f64();
        let start = Instant::now();
        for i in 0..ANSWER {
            let tokens = &prompt[i..=i];
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
        let decode = (batch * ANSWER) as f64 / start.elapsed().as_secs_f64();
        println!("batch {batch}: prefill {prefill:.0} tokens/s, decode {decode:.1} tokens/s");
    }
    let start = Instant::now();
    let scored = model.score(&prompt, 5)?.len() as f64;
    println!(
        "score: {:.0} tokens/s",
        scored / start.elapsed().as_secs_f64()
    );
    Ok(())
}
