//! Models' files from the command line; also what `bench/reference/lm_files.py` compares with other
//! programs.
//!
//!     files convert FROM TO [F32|F16|Q8_0]   FROM and TO: a GGUF file, or a folder of transformers
//!     files tokens MODEL LINES.json          the ids of each line, as JSON
//!     files tokens-alone TOKENIZER.json LINES.json
//!     files logits MODEL IDS.json            the logits after each of the ids, as JSON
//!     files adapt MODEL ADAPTER MERGED       a random adapter of every linear layer, PEFT's folder;
//!                                            and the model with it
//!     files merge MODEL ADAPTER MERGED       the model with an adapter that PEFT wrote
#![expect(clippy::print_stdout, reason = "results are printed")]

use lm::gguf::TensorType;
use lm::{
    Adapter, LowRank, Model, ModelFiles, Options, Specials, Step, Tensor, Tokenizer, Want, Weights,
};
use std::error::Error;
use std::fs;
use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["convert", from, to] => convert(from.as_ref(), to.as_ref(), TensorType::F32),
        ["convert", from, to, kind] => {
            let known = TensorType::ALL.into_iter();
            let kind = known.into_iter().find(|k| format!("{k:?}") == *kind);
            convert(from.as_ref(), to.as_ref(), kind.ok_or("no such type")?)
        }
        ["tokens", model, lines] => {
            let files = ModelFiles::open(model.as_ref())?;
            tokens(files.tokenizer(), lines.as_ref())
        }
        ["tokens-alone", tokenizer, lines] => {
            let text = fs::read(tokenizer)?;
            let shape: serde_json::Value = serde_json::from_slice(&text)?;
            let vocabulary = shape["model"]["vocab"].as_object().ok_or("no vocabulary")?;
            tokens(
                &Tokenizer::from_json(&text, vocabulary.len())?,
                lines.as_ref(),
            )
        }
        ["logits", model, ids] => logits(model.as_ref(), ids.as_ref()),
        ["adapt", model, adapter, merged] => {
            adapt(model.as_ref(), adapter.as_ref(), merged.as_ref())
        }
        ["merge", model, adapter, merged] => {
            let files = ModelFiles::open(model.as_ref())?;
            let adapter = Adapter::load(adapter.as_ref(), files.config())?;
            merge(&files, &adapter, merged.as_ref())
        }
        _ => Err("usage: convert | tokens | tokens-alone | logits | adapt | merge".into()),
    }
}

fn convert(from: &Path, to: &Path, kind: TensorType) -> Result<()> {
    let files = ModelFiles::open(from)?;
    write(&files, &Weights::from_files(&files, None)?, to, kind)
}

fn write(files: &ModelFiles<'_>, weights: &Weights, to: &Path, kind: TensorType) -> Result<()> {
    let (tokenizer, template) = (files.tokenizer(), files.template());
    match to.extension() {
        Some(end) if end == "gguf" => weights.write_gguf(to, kind, tokenizer, template)?,
        _ => weights.write_safetensors(to, tokenizer, template)?,
    }
    Ok(())
}

fn tokens(tokenizer: &Tokenizer, lines: &Path) -> Result<()> {
    let lines: Vec<String> = serde_json::from_slice(&fs::read(lines)?)?;
    let ids: Vec<_> = lines
        .iter()
        .map(|line| tokenizer.encode(line, Specials::Text))
        .collect();
    println!("{}", serde_json::to_string(&ids)?);
    Ok(())
}

fn logits(model: &Path, ids: &Path) -> Result<()> {
    let model = Model::load(model, &Options::default())?;
    let ids: Vec<u32> = serde_json::from_slice(&fs::read(ids)?)?;
    let mut cache = model.cache();
    let mut rows = Vec::new();
    for id in ids {
        let outputs = model.forward(&mut [Step {
            cache: &mut cache,
            tokens: &[id],
            want: Want::logits(),
        }])?;
        rows.extend(outputs.into_iter().filter_map(|o| o.logits));
    }
    println!("{}", serde_json::to_string(&rows)?);
    Ok(())
}

/// Some numbers in `[-1, 1)`, the same at each run.
fn noise(count: usize, seed: &mut u64) -> Vec<f32> {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn adapt(model: &Path, folder: &Path, merged: &Path) -> Result<()> {
    const RANK: usize = 4;
    let files = ModelFiles::open(model)?;
    let mut adapter = Adapter::new(RANK, 8.0, 0.0)?;
    let mut seed = 1;
    for (name, shape) in Weights::expected_shapes(files.config()) {
        let &[outputs, inputs] = shape.as_slice() else {
            continue;
        };
        if name.starts_with("token_embd") || name.starts_with("output") {
            continue;
        }
        let scaled = |values: Vec<f32>, by: f32| values.into_iter().map(|v| v * by).collect();
        let a = scaled(noise(RANK * inputs, &mut seed), 0.05);
        let b = scaled(noise(RANK * outputs, &mut seed), 0.05);
        let part = LowRank {
            a: Tensor::new(vec![RANK, inputs], a)?,
            b: Tensor::new(vec![outputs, RANK], b)?,
        };
        adapter.insert(files.config(), &name, part)?;
    }
    adapter.write(folder, files.config(), &model.display().to_string())?;
    merge(&files, &adapter, merged)
}

fn merge(files: &ModelFiles<'_>, adapter: &Adapter, merged: &Path) -> Result<()> {
    let mut weights = Weights::from_files(files, None)?;
    adapter.merge(&mut weights)?;
    write(files, &weights, merged, TensorType::F32)
}
