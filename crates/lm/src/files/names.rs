//! Names and orders of rows: between the canonical form (GGUF's) and that of transformers. Llama's
//! query and key rows are permuted there: a head's two halves become interleaved pairs.

use crate::{Config, Family};

/// A tensor outside the layers: canonical name, transformers' name.
const OUTER: [(&str, &str); 3] = [
    ("token_embd.weight", "model.embed_tokens.weight"),
    ("output_norm.weight", "model.norm.weight"),
    ("output.weight", "lm_head.weight"),
];

/// The modules of a layer: canonical name, transformers' name.
const MODULES: [(&str, &str); 9] = [
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

/// The canonical name of transformers' name.
pub(super) fn to_canonical(name: &str) -> Option<String> {
    if let Some((canonical, _)) = OUTER.iter().find(|(_, n)| *n == name) {
        return Some((*canonical).to_owned());
    }
    let (layer, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (module, kind) = rest.rsplit_once('.')?;
    let (canonical, _) = MODULES.iter().find(|(_, n)| *n == module)?;
    Some(format!("blk.{layer}.{canonical}.{kind}"))
}

/// transformers' name of a canonical name.
pub(super) fn from_canonical(name: &str) -> Option<String> {
    if let Some((_, theirs)) = OUTER.iter().find(|(n, _)| *n == name) {
        return Some((*theirs).to_owned());
    }
    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let (module, kind) = rest.split_once('.')?;
    let (_, theirs) = MODULES.iter().find(|(n, _)| *n == module)?;
    Some(format!("model.layers.{layer}.{theirs}.{kind}"))
}

/// The last part of transformers' name of a linear layer's canonical weight (`q_proj`).
pub(super) fn module_of(name: &str) -> Option<&'static str> {
    if name == "output.weight" {
        return Some("lm_head");
    }
    let (_, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let module = rest.strip_suffix(".weight")?;
    let (_, theirs) = MODULES.iter().find(|(n, _)| *n == module)?;
    theirs.rsplit_once('.').map(|(_, last)| last)
}

/// Number of heads whose rows are permuted in a tensor of that canonical name; none where its rows
/// are in one order everywhere.
pub(super) fn permuted_heads(config: &Config, name: &str) -> Option<usize> {
    if config.family != Family::Llama {
        return None;
    }
    match name.strip_prefix("blk.")?.split_once('.')?.1 {
        "attn_q.weight" => Some(config.heads.query),
        "attn_k.weight" => Some(config.heads.key_value),
        _ => None,
    }
}

/// Rows from transformers' order to the canonical one: of a head's `d` rows, `h * d/2 + i` goes to
/// `2 i + h`. Values are as many as `heads` divides evenly into rows of `columns`.
pub(super) fn interleave(values: &[f32], heads: usize, columns: usize) -> Vec<f32> {
    reorder(values, heads, columns, |i, half| i / 2 + i % 2 * half)
}

/// Rows from the canonical order to transformers'.
pub(super) fn separate(values: &[f32], heads: usize, columns: usize) -> Vec<f32> {
    reorder(values, heads, columns, |i, half| i % half * 2 + i / half)
}

/// Row `i` of each head of the result is row `from(i, half a head)` of that head.
fn reorder(
    values: &[f32],
    heads: usize,
    columns: usize,
    from: impl Fn(usize, usize) -> usize,
) -> Vec<f32> {
    let rows = values.len() / (heads * columns);
    let mut out = Vec::with_capacity(values.len());
    for head in values.chunks_exact(rows * columns) {
        for i in 0..rows {
            let row = from(i, rows / 2);
            out.extend_from_slice(&head[row * columns..][..columns]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tiny_weights;
    use crate::weights::Weights;

    #[test]
    fn names_go_both_ways() {
        for family in [Family::Llama, Family::Qwen2] {
            let weights = tiny_weights(family, 1);
            for (name, _) in Weights::expected_shapes(weights.config()) {
                let theirs = from_canonical(&name).unwrap();
                assert_eq!(to_canonical(&theirs).unwrap(), name);
            }
        }
        assert_eq!(to_canonical("model.layers.0.mlp.experts.weight"), None);
        assert_eq!(from_canonical("blk.0.attn_q"), None);
        assert_eq!(module_of("blk.3.attn_output.weight"), Some("o_proj"));
        assert_eq!(module_of("blk.3.attn_norm.weight"), None);
    }

    #[test]
    fn rows_are_interleaved_and_separated() {
        // Two heads of four rows of one value: transformers' order is the halves.
        let theirs = [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0];
        let ours = [0.0, 2.0, 1.0, 3.0, 10.0, 12.0, 11.0, 13.0];
        assert_eq!(interleave(&theirs, 2, 1), ours);
        assert_eq!(separate(&ours, 2, 1), theirs);
        let wide: Vec<f32> = (0..96).map(|i| i as f32).collect();
        assert_eq!(separate(&interleave(&wide, 2, 3), 2, 3), wide);
    }
}
