//! The weights of one path: exact (f32) or fast (quantised). The forward pass is written once over
//! both; only the products of a layer differ.

use super::{Config, Family};
use crate::ops::{Activations, Fineness, Kernel, Level, Linear, Quantised};
use crate::weights::{Tensors, Weights};
use crate::{Error, Result};

/// The instructions of this processor that the operations use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    pub(super) level: Level,
    pub(super) kernel: Kernel,
}

/// A linear layer of one path.
pub(super) trait Product: Sync {
    /// Number of outputs.
    fn outputs(&self) -> usize;
    /// The weights of one output, as an embedding table is read.
    fn row(&self, output: usize, out: &mut [f32]);
    /// `out = x W^T + b`; `scratch` is room for quantised rows.
    fn apply(&self, machine: Machine, x: &[f32], scratch: &mut Activations, out: &mut Vec<f32>);
}

impl Product for Linear {
    fn outputs(&self) -> usize {
        self.outputs()
    }

    fn row(&self, output: usize, out: &mut [f32]) {
        self.row(output, out);
    }

    fn apply(&self, machine: Machine, x: &[f32], _: &mut Activations, out: &mut Vec<f32>) {
        self.apply(machine.level, x, out);
    }
}

impl Product for Quantised {
    fn outputs(&self) -> usize {
        self.outputs()
    }

    fn row(&self, output: usize, out: &mut [f32]) {
        self.row(output, out);
    }

    fn apply(&self, machine: Machine, x: &[f32], scratch: &mut Activations, out: &mut Vec<f32>) {
        self.apply((machine.level, machine.kernel), x, scratch, out);
    }
}

/// One layer's weights.
pub(super) struct Layer<P> {
    pub(super) attention_norm: Vec<f32>,
    /// Query, key and value heads, in this order.
    pub(super) qkv: P,
    pub(super) output: P,
    pub(super) feed_norm: Vec<f32>,
    /// Gate, then up.
    pub(super) gate_up: P,
    pub(super) down: P,
}

/// All weights of one path.
pub(super) struct Net<P> {
    /// Token embeddings, and the head where the model has none of its own.
    pub(super) embedding: P,
    pub(super) head: Option<P>,
    pub(super) layers: Vec<Layer<P>>,
    pub(super) norm: Vec<f32>,
}

/// The tensors whose outputs make up a layer's products, and the query's and key's widths.
const QKV: [&str; 3] = ["attn_q", "attn_k", "attn_v"];
const GATE_UP: [&str; 2] = ["ffn_gate", "ffn_up"];

impl Net<Linear> {
    /// Weights of zero.
    pub(super) fn zeros(config: &Config) -> Self {
        let (query, qkv) = config.attention_widths();
        let (width, feed) = (config.width, config.feed_width);
        let layer = |_| Layer {
            attention_norm: vec![0.0; width],
            qkv: Linear::zeros(width, qkv),
            output: Linear::zeros(query, width),
            feed_norm: vec![0.0; width],
            gate_up: Linear::zeros(width, 2 * feed),
            down: Linear::zeros(feed, width),
        };
        Self {
            embedding: Linear::zeros(width, config.vocabulary),
            head: (!config.tied).then(|| Linear::zeros(width, config.vocabulary)),
            layers: (0..config.layers).map(layer).collect(),
            norm: vec![0.0; width],
        }
    }

    /// Sets every weight, with the threads of a pool.
    pub(super) fn fill(
        &mut self,
        config: &Config,
        tensors: &dyn Tensors,
        pool: &rayon::ThreadPool,
    ) -> Result<()> {
        let mut names = Weights::expected_shapes(config).into_iter();
        names.try_for_each(|(name, _)| self.set(config, &name, &tensors.read(&name)?, pool))
    }

    /// Sets the weights of one tensor.
    pub(super) fn set(
        &mut self,
        config: &Config,
        name: &str,
        values: &[f32],
        pool: &rayon::ThreadPool,
    ) -> Result<()> {
        let (query, qkv) = config.attention_widths();
        let (kept, feed) = ((qkv - query) / 2, config.feed_width);
        let unknown = || Error::Invalid(format!("no place for a tensor {name:?}"));
        let place = match name {
            "token_embd.weight" => Place::Rows(&mut self.embedding, 0),
            "output.weight" => Place::Rows(self.head.as_mut().ok_or_else(unknown)?, 0),
            "output_norm.weight" => Place::Norm(&mut self.norm),
            _ => {
                let block = name.strip_prefix("blk.").and_then(|n| n.split_once('.'));
                let (number, part) = block.ok_or_else(unknown)?;
                let number: usize = number.parse().map_err(|_| unknown())?;
                let layer = self.layers.get_mut(number).ok_or_else(unknown)?;
                match part {
                    "attn_norm.weight" => Place::Norm(&mut layer.attention_norm),
                    "ffn_norm.weight" => Place::Norm(&mut layer.feed_norm),
                    "attn_q.weight" => Place::Rows(&mut layer.qkv, 0),
                    "attn_k.weight" => Place::Rows(&mut layer.qkv, query),
                    "attn_v.weight" => Place::Rows(&mut layer.qkv, query + kept),
                    "attn_q.bias" => Place::Bias(&mut layer.qkv, 0),
                    "attn_k.bias" => Place::Bias(&mut layer.qkv, query),
                    "attn_v.bias" => Place::Bias(&mut layer.qkv, query + kept),
                    "attn_output.weight" => Place::Rows(&mut layer.output, 0),
                    "ffn_gate.weight" => Place::Rows(&mut layer.gate_up, 0),
                    "ffn_up.weight" => Place::Rows(&mut layer.gate_up, feed),
                    "ffn_down.weight" => Place::Rows(&mut layer.down, 0),
                    _ => return Err(unknown()),
                }
            }
        };
        match place {
            Place::Rows(linear, first) => pool.install(|| linear.set_rows(first, values)),
            Place::Bias(linear, first) => linear.set_bias(first, values),
            Place::Norm(norm) => norm.copy_from_slice(values),
        }
        Ok(())
    }
}

/// Where a tensor's values go.
enum Place<'a> {
    /// Outputs of a layer from this one on.
    Rows(&'a mut Linear, usize),
    /// The same of its bias.
    Bias(&'a mut Linear, usize),
    Norm(&'a mut [f32]),
}

impl Net<Quantised> {
    /// Quantised weights: the source's own blocks where it has any.
    pub(super) fn quantised(config: &Config, tensors: &dyn Tensors) -> Result<Self> {
        use Fineness::{Eight, Sixteen};
        let (query, _) = config.attention_widths();
        let (width, feed) = (config.width, config.feed_width);
        let table = |name: &str| product(tensors, (width, Eight), &[name.to_owned()]);
        let layer = |i: usize| {
            let name = |part: &str| format!("blk.{i}.{part}");
            let weights = |parts: &[&str]| -> Vec<String> {
                let names = parts.iter().map(|part| name(&format!("{part}.weight")));
                names.collect()
            };
            let mut qkv = product(tensors, (width, Sixteen), &weights(&QKV))?;
            if let Some(bias) = bias(config, tensors, i)? {
                qkv.set_bias(bias);
            }
            Ok(Layer {
                attention_norm: tensors.read(&name("attn_norm.weight"))?.into_owned(),
                qkv,
                output: product(tensors, (query, Sixteen), &weights(&["attn_output"]))?,
                feed_norm: tensors.read(&name("ffn_norm.weight"))?.into_owned(),
                gate_up: product(tensors, (width, Eight), &weights(&GATE_UP))?,
                down: product(tensors, (feed, Eight), &weights(&["ffn_down"]))?,
            })
        };
        Ok(Self {
            embedding: table("token_embd.weight")?,
            head: (!config.tied).then(|| table("output.weight")).transpose()?,
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
            norm: tensors.read("output_norm.weight")?.into_owned(),
        })
    }
}

/// One layer of several tensors, their outputs one after the other.
fn product(
    tensors: &dyn Tensors,
    (inputs, fineness): (usize, Fineness),
    names: &[String],
) -> Result<Quantised> {
    let mut out = Quantised::new(inputs, fineness);
    for name in names {
        let pushed = match tensors.blocks(name)? {
            Some((kind, bytes)) => out.push_blocks(kind, &bytes),
            None => out.push_values(&tensors.read(name)?),
        };
        pushed.map_err(|error| match error {
            Error::Unsupported(text) => Error::Unsupported(format!("tensor {name:?}: {text}")),
            other => other,
        })?;
    }
    Ok(out)
}

/// The biases of query, key and value, where the family has them.
fn bias(config: &Config, tensors: &dyn Tensors, layer: usize) -> Result<Option<Vec<f32>>> {
    if config.family != Family::Qwen2 {
        return Ok(None);
    }
    let mut out = Vec::new();
    for part in QKV {
        out.extend_from_slice(&tensors.read(&format!("blk.{layer}.{part}.bias"))?);
    }
    Ok(Some(out))
}
