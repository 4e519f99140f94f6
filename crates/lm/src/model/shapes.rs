//! Which tensors a model of some shape has: their canonical names (GGUF's) and sizes. Nothing here
//! reads a file.

use super::{Config, Family};
use std::collections::{BTreeMap, BTreeSet};

/// A tensor's name and its sizes, outermost (outputs) first.
pub(crate) type Shape = (String, Vec<usize>);

/// Every tensor of a model of this shape, in the order of the layers.
pub(crate) fn expected_shapes(config: &Config) -> Vec<Shape> {
    let outer = outer_shapes(config);
    let outer = outer.into_iter().map(|(n, s)| (n.to_owned(), s));
    let layers = (0..config.layers).flat_map(|layer| {
        let parts = layer_shapes(config).into_iter();
        parts.map(move |(part, shape)| (format!("blk.{layer}.{part}"), shape))
    });
    outer.chain(layers).collect()
}

/// The sizes of one tensor; none where a model of this shape has none of that name.
pub(crate) fn expected_shape(config: &Config, name: &str) -> Option<Vec<usize>> {
    let find = |shapes: Vec<(&str, Vec<usize>)>, name: &str| {
        let found = shapes.into_iter().find(|(n, _)| *n == name);
        found.map(|(_, shape)| shape)
    };
    let Some(rest) = name.strip_prefix("blk.") else {
        return find(outer_shapes(config), name);
    };
    let (layer, part) = rest.split_once('.')?;
    let number: usize = layer.parse().ok()?;
    // "blk.01" and "blk.+1" are other names.
    if number >= config.layers || layer != number.to_string() {
        return None;
    }
    find(layer_shapes(config), part)
}

/// Number of weights of a model of this shape; saturates where the product is absurd.
pub(crate) fn parameters(config: &Config) -> u64 {
    let count = |shapes: Vec<(&str, Vec<usize>)>| {
        let one = |shape: Vec<usize>| {
            let sizes = shape.into_iter().map(|n| n as u64);
            sizes.fold(1, u64::saturating_mul)
        };
        let all = shapes.into_iter().map(|(_, shape)| one(shape));
        all.fold(0, u64::saturating_add)
    };
    let layers = count(layer_shapes(config)).saturating_mul(config.layers as u64);
    count(outer_shapes(config)).saturating_add(layers)
}

/// What is wrong with a set of tensors for a model of this shape: one that is missing, one of
/// other sizes, or one that is not known (it would change the mathematics).
pub(crate) enum Misfit {
    Wrong(String),
    Unknown(String),
}

/// Checks names and sizes of all tensors before any is read.
pub(crate) fn check(config: &Config, tensors: &BTreeMap<&str, Vec<usize>>) -> Result<(), Misfit> {
    let wanted = expected_shapes(config);
    for (name, want) in &wanted {
        match tensors.get(name.as_str()) {
            None => return Err(Misfit::Wrong(format!("tensor {name:?} is missing"))),
            Some(got) if got == want => {}
            Some(got) => {
                let text = format!("tensor {name:?} has sizes {got:?}, {want:?} are needed");
                return Err(Misfit::Wrong(text));
            }
        }
    }
    if wanted.len() == tensors.len() {
        return Ok(());
    }
    let known: BTreeSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    let unknown = tensors.keys().find(|name| !known.contains(**name));
    Err(Misfit::Unknown(format!(
        "tensor {:?}",
        unknown.copied().unwrap_or_default()
    )))
}

fn outer_shapes(config: &Config) -> Vec<(&'static str, Vec<usize>)> {
    let table = vec![config.vocabulary, config.width];
    let mut out = vec![
        ("token_embd.weight", table.clone()),
        ("output_norm.weight", vec![config.width]),
    ];
    if !config.tied {
        out.push(("output.weight", table));
    }
    out
}

/// Every tensor of a layer, by the part of its name after the layer's number.
fn layer_shapes(config: &Config) -> Vec<(&'static str, Vec<usize>)> {
    let (query, qkv) = config.attention_widths();
    let (kept, width, feed) = ((qkv - query) / 2, config.width, config.feed_width);
    let mut parts = vec![
        ("attn_norm.weight", vec![width]),
        ("attn_q.weight", vec![query, width]),
        ("attn_k.weight", vec![kept, width]),
        ("attn_v.weight", vec![kept, width]),
        ("attn_output.weight", vec![width, query]),
        ("ffn_norm.weight", vec![width]),
        ("ffn_gate.weight", vec![feed, width]),
        ("ffn_up.weight", vec![feed, width]),
        ("ffn_down.weight", vec![width, feed]),
    ];
    if config.family == Family::Qwen2 {
        parts.extend([
            ("attn_q.bias", vec![query]),
            ("attn_k.bias", vec![kept]),
            ("attn_v.bias", vec![kept]),
        ]);
    }
    parts
}
