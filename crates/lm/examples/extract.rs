//! Greedy answers to rows, as a prompt's wording is tuned: `cargo run --release -p lm --example
//! extract -- MODEL ROWS.jsonl TEMPLATE MAX_TOKENS {exact,fast} THREADS STOP...`.
//!
//! Each `{field}` of the template becomes that field of the row; `{{` and `}}` are braces. What all prompts begin with is read
//! once. Prints the row with `prompt_tokens`, `answer_tokens` and `given` added, one a line (an
//! answer includes the stop that ended it); `bench/distill/score.py` counts which are right.
#![expect(clippy::print_stdout, reason = "answers are printed")]

use lm::{
    Cache, Finish, HeldWeights, Limits, Model, Options, Path, Sampling, Specials, Step, Want,
    Writer,
};
use serde_json::{Map, Value};
use std::error::Error;
use std::io::BufRead;
use std::sync::Arc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Answers that are written side by side.
const BATCH: usize = 64;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, rows, template, tokens, path, threads, stop @ ..] = &arguments[..] else {
        return Err("usage: extract MODEL ROWS TEMPLATE MAX_TOKENS PATH THREADS STOP...".into());
    };
    let (path, weights) = match path.as_str() {
        "exact" => (Path::Exact, HeldWeights::Exact),
        "fast" => (Path::Fast, HeldWeights::Fast),
        _ => return Err("the path is exact or fast".into()),
    };
    let options = Options {
        threads: threads.parse()?,
        weights,
        ..Options::default()
    };
    let model = Model::load(model.as_ref(), &options)?;
    let template = std::fs::read_to_string(template)?;
    let mut asked: Vec<(Map<String, Value>, Vec<u32>)> = Vec::new();
    for line in std::io::BufReader::new(std::fs::File::open(rows)?).lines() {
        let row: Map<String, Value> = serde_json::from_str(&line?)?;
        let prompt = model
            .tokenizer()
            .encode(&fill(&template, &row), Specials::Parse);
        asked.push((row, prompt));
    }
    let limits = Limits {
        max_tokens: tokens.parse()?,
        stop: stop.to_vec(),
        ignore_end: false,
    };
    let common = shared(asked.iter().map(|(_, prompt)| prompt.as_slice()));
    let first = asked.first().ok_or("no rows")?;
    let mut start = model.cache_on(path);
    for chunk in first.1[..common].chunks(256) {
        let step = Step {
            cache: &mut start,
            tokens: chunk,
            want: Want::nothing(),
        };
        model.forward(&mut [step])?;
    }
    for group in asked.chunks(BATCH) {
        let prompts: Vec<&[u32]> = group.iter().map(|(_, p)| &p[common..]).collect();
        let answers = answer(&model, &start, &prompts, &limits)?;
        for ((row, prompt), (text, count)) in group.iter().zip(answers) {
            let mut row = row.clone();
            row.insert("prompt_tokens".into(), prompt.len().into());
            row.insert("answer_tokens".into(), count.into());
            row.insert("given".into(), text.into());
            println!("{}", Value::Object(row));
        }
    }
    Ok(())
}

/// The template with the row's fields in their places; doubled braces are braces.
fn fill(template: &str, row: &Map<String, Value>) -> String {
    let template = template.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let text = row.iter().fold(template, |text, (name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), Into::into);
        text.replace(&format!("{{{name}}}"), &value)
    });
    text.replace('\u{1}', "{").replace('\u{2}', "}")
}

/// How many tokens all prompts begin with; at least one is left to each.
fn shared<'a>(mut prompts: impl Iterator<Item = &'a [u32]>) -> usize {
    let first = prompts.next().unwrap_or_default();
    prompts.fold(first.len().saturating_sub(1), |common, prompt| {
        let same = first.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        common.min(same).min(prompt.len().saturating_sub(1))
    })
}

/// The likeliest answer to each, and its tokens; prompts go on from `start`.
fn answer(
    model: &Model,
    start: &Cache,
    prompts: &[&[u32]],
    limits: &Limits,
) -> Result<Vec<(String, usize)>> {
    let sampling = Sampling {
        temperature: 0.0,
        ..Sampling::default()
    };
    let tokenizer = model.tokenizer();
    let mut caches: Vec<Cache> = prompts.iter().map(|_| start.clone()).collect();
    let mut writers: Vec<Writer> = prompts
        .iter()
        .map(|_| Writer::new(Arc::clone(tokenizer), sampling.clone(), limits.clone()))
        .collect::<std::result::Result<_, _>>()?;
    let mut next: Vec<Vec<u32>> = prompts.iter().map(|p| p.to_vec()).collect();
    let mut out = vec![(String::new(), 0); prompts.len()];
    while next.iter().any(|tokens| !tokens.is_empty()) {
        let living: Vec<usize> = (0..next.len()).filter(|&i| !next[i].is_empty()).collect();
        let mut steps: Vec<Step<'_>> = caches
            .iter_mut()
            .zip(&next)
            .filter(|(_, tokens)| !tokens.is_empty())
            .map(|(cache, tokens)| Step {
                cache,
                tokens,
                want: Want::logits(),
            })
            .collect();
        let outputs = model.forward(&mut steps)?;
        for (&index, output) in living.iter().zip(outputs) {
            let piece = writers[index].push(&output.logits.unwrap_or_default());
            out[index].0.push_str(&piece.text);
            out[index].1 += 1;
            if let Some(Finish::Stop(stop)) = piece.finish {
                out[index].0.push_str(&limits.stop[stop]);
            }
            next[index] = match piece.finish {
                Some(_) => Vec::new(),
                None => vec![piece.choice.token],
            };
        }
    }
    Ok(out)
}
