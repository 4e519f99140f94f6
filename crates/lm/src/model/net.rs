//! The weights of one path: exact (f32) or fast (quantised). The forward pass is written once over
//! both; only the products of a layer differ.

use super::{Config, Family};
use crate::ops::{Activations, Fineness, Kernel, Level, Linear, Quantised};
use crate::weights::Tensors;
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
        let set = |linear: &mut Linear, first: usize, rows: &[f32]| {
            pool.install(|| linear.set_rows(first, rows));
        };
        let read = |name: &str| tensors.read(name);
        set(&mut self.embedding, 0, &read("token_embd.weight")?);
        if let Some(head) = &mut self.head {
            set(head, 0, &read("output.weight")?);
        }
        self.norm.copy_from_slice(&read("output_norm.weight")?);
        let (query, qkv) = config.attention_widths();
        let (kept, feed) = ((qkv - query) / 2, config.feed_width);
        for (i, layer) in self.layers.iter_mut().enumerate() {
            let read = |part: &str| tensors.read(&format!("blk.{i}.{part}"));
            let norm = read("attn_norm.weight")?;
            layer.attention_norm.copy_from_slice(&norm);
            layer.feed_norm.copy_from_slice(&read("ffn_norm.weight")?);
            for (part, first) in QKV.iter().zip([0, query, query + kept]) {
                set(&mut layer.qkv, first, &read(&format!("{part}.weight"))?);
            }
            if let Some(bias) = bias(config, tensors, i)? {
                layer.qkv.set_bias(bias);
            }
            set(&mut layer.output, 0, &read("attn_output.weight")?);
            for (part, first) in GATE_UP.iter().zip([0, feed]) {
                set(&mut layer.gate_up, first, &read(&format!("{part}.weight"))?);
            }
            set(&mut layer.down, 0, &read("ffn_down.weight")?);
        }
        Ok(())
    }
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
