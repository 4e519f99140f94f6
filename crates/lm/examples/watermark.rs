//! What a watermark costs and how soon it is found, on a model file:
//! `cargo run --release -p lm --example watermark -- FILE [ANSWERS [TOKENS]]`.
//! Prints a table: the mean log-probability of the answers under the exact model, their distinct
//! n-grams, and p-values at several lengths. The one checked in is `bench/lm/watermark.md`.
#![expect(clippy::print_stdout, reason = "a table is printed")]

use lm::watermark::{Detection, Key, Watermark};
use lm::{Cache, Chat, Limits, Model, Options, Sampling, Specials, Step, Want, Writer};
use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::sync::Arc;

/// Answers that are written side by side.
const BATCH: usize = 16;
const TOPICS: [&str; 16] = [
    "the sea",
    "bread",
    "a quiet street",
    "old clocks",
    "rain in spring",
    "a lost letter",
    "mountains",
    "learning to swim",
    "the night sky",
    "a small shop",
    "trains",
    "a garden in winter",
    "friendship",
    "the first snow",
    "a long walk",
    "music at home",
];

#[derive(Default, Clone)]
struct Answer {
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    text: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args
        .next()
        .ok_or("usage: watermark FILE [ANSWERS [TOKENS]]")?;
    let answers: usize = args.next().map_or(Ok(32), |a| a.parse())?;
    let length: usize = args.next().map_or(Ok(200), |a| a.parse())?;
    let model = Model::load(path.as_ref(), &Options::default())?;
    println!(
        "{answers} answers of {length} tokens at temperature 1, {}.\n",
        std::path::Path::new(&path)
            .file_name()
            .unwrap_or_default()
            .display()
    );
    println!(
        "| mark | log-probability a token | distinct 2-grams | 4-grams | p < 0.001 at {} / {} / {length} tokens | the same, scored by the model | from the text alone | median p |",
        length / 4,
        length / 2
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let key = || Key::new([7; 32]);
    let green = |delta| Watermark::green_list(key(), 1, 0.25, delta);
    for (name, mark, is_there) in [
        ("none, green list looked for", green(2.0)?, false),
        (
            "none, tournament looked for",
            Watermark::tournament(key(), 4, 30)?,
            false,
        ),
        ("green list, delta 1", green(1.0)?, true),
        ("green list, delta 2", green(2.0)?, true),
        ("green list, delta 4", green(4.0)?, true),
        (
            "tournament, 10 layers",
            Watermark::tournament(key(), 4, 10)?,
            true,
        ),
        (
            "tournament, 30 layers",
            Watermark::tournament(key(), 4, 30)?,
            true,
        ),
    ] {
        let mark = Arc::new(mark);
        let mut all = Vec::new();
        while all.len() < answers {
            let first = all.len();
            let last = answers.min(first + BATCH);
            all.extend(write(
                &model,
                is_there.then_some(&mark),
                first..last,
                length,
            )?);
        }
        println!("| {name} | {} |", row(&model, &mark, &all, length));
    }
    Ok(())
}

/// Answers by their numbers, side by side.
fn write(
    model: &Model,
    mark: Option<&Arc<Watermark>>,
    numbers: std::ops::Range<usize>,
    length: usize,
) -> Result<Vec<Answer>, Box<dyn Error>> {
    let mut going: Vec<(Cache, Writer, Vec<u32>)> = Vec::new();
    for number in numbers {
        let ask = format!("Write about {}.", TOPICS[number % TOPICS.len()]);
        let said = [BTreeMap::from([("role", "user"), ("content", &ask)])];
        let chat = Chat::new(&said)?.generation_prompt(true);
        let sampling = Sampling {
            seed: number as u64,
            watermark: mark.cloned(),
            ..Sampling::default()
        };
        let limits = Limits {
            max_tokens: length,
            ignore_end: true,
            ..Limits::default()
        };
        let writer = Writer::new(Arc::clone(model.tokenizer()), sampling, limits)?;
        going.push((model.cache(), writer, model.encode_chat(&chat)?));
    }
    let mut out = vec![Answer::default(); going.len()];
    for _ in 0..length {
        let steps = going.iter_mut().map(|(cache, _, tokens)| Step {
            cache,
            tokens,
            want: Want::logits(),
        });
        let outputs = model.forward(&mut steps.collect::<Vec<_>>())?;
        for (((_, writer, next), output), answer) in going.iter_mut().zip(outputs).zip(&mut out) {
            let piece = writer.push(&output.logits.unwrap_or_default());
            answer.tokens.push(piece.choice.token);
            answer.logprobs.push(piece.choice.logprob);
            answer.text.push_str(&piece.text);
            *next = vec![piece.choice.token];
        }
    }
    Ok(out)
}

fn row(model: &Model, mark: &Watermark, all: &[Answer], length: usize) -> String {
    let scores: Vec<f64> = all
        .iter()
        .flat_map(|a| &a.logprobs)
        .map(|&l| f64::from(l))
        .collect();
    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    // Of the mean over answers, whose tokens hang together.
    let means: Vec<f64> = all
        .iter()
        .map(|a| a.logprobs.iter().map(|&l| f64::from(l)).sum::<f64>() / a.logprobs.len() as f64)
        .collect();
    let spread = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / means.len() as f64;
    let error = (spread / means.len() as f64).sqrt();
    let blind = |n: usize| rate(all, &|a| mark.detect(&a.tokens[..n.min(a.tokens.len())]));
    let seeing = |n: usize| {
        rate(all, &|a| {
            mark.detect_scored(&a.tokens[..n.min(a.tokens.len())], &a.logprobs)
        })
    };
    let text = rate(all, &|a| {
        mark.detect(&model.tokenizer().encode(&a.text, Specials::Text))
    });
    let mut values: Vec<f64> = all.iter().map(|a| mark.detect(&a.tokens).p_value).collect();
    values.sort_by(f64::total_cmp);
    format!(
        "{mean:.3} ± {error:.3} | {:.3} | {:.3} | {} / {} / {} | {} / {} / {} | {text} | {:.1e}",
        distinct(all, 2),
        distinct(all, 4),
        blind(length / 4),
        blind(length / 2),
        blind(length),
        seeing(length / 4),
        seeing(length / 2),
        seeing(length),
        values[values.len() / 2]
    )
}

/// The share of answers that are found.
fn rate(all: &[Answer], look: &dyn Fn(&Answer) -> Detection) -> String {
    let found = all.iter().filter(|a| look(a).p_value < 1e-3).count();
    format!("{:.0} %", 100.0 * found as f64 / all.len() as f64)
}

/// Different n-grams of an answer over all of its n-grams, the mean over answers.
fn distinct(all: &[Answer], n: usize) -> f64 {
    let one = |a: &Answer| {
        let different: HashSet<&[u32]> = a.tokens.windows(n).collect();
        different.len() as f64 / a.tokens.windows(n).len().max(1) as f64
    };
    all.iter().map(one).sum::<f64>() / all.len() as f64
}
