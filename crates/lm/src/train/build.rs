//! From a model's weights to parameters on a device: which tensors are one parameter, which are
//! trained, where adapters begin.

use super::layer::Layer;
use super::linear::{self, Adapter, Linear};
use super::parameter::{Parameter, Part};
use super::settings::{Settings, Target, Tuning};
use crate::device::Device;
use crate::sample::random::uniform;
use crate::{Config, Family, Result};

/// All parameters of a network.
pub(super) struct Parameters<B> {
    pub(super) embedding: Parameter<B>,
    pub(super) layers: Vec<Layer<B>>,
    pub(super) norm: Parameter<B>,
    pub(super) head: Option<Parameter<B>>,
}

/// A target's tensor within a block.
pub(super) fn tensor(target: Target) -> &'static str {
    match target {
        Target::Query => "attn_q",
        Target::Key => "attn_k",
        Target::Value => "attn_v",
        Target::Output => "attn_output",
        Target::Gate => "ffn_gate",
        Target::Up => "ffn_up",
        Target::Down => "ffn_down",
    }
}

/// Inputs and outputs of a target.
fn sizes(config: &Config, target: Target) -> (usize, usize) {
    let (query, qkv) = config.attention_widths();
    let (kept, width, feed) = ((qkv - query) / 2, config.width, config.feed_width);
    match target {
        Target::Query => (width, query),
        Target::Key | Target::Value => (width, kept),
        Target::Output => (query, width),
        Target::Gate | Target::Up => (width, feed),
        Target::Down => (feed, width),
    }
}

/// Values that stay frozen, and values that are trained.
pub(super) fn counts(config: &Config, settings: &Settings) -> (usize, usize) {
    let all = usize::try_from(crate::model::parameters(config)).unwrap_or(usize::MAX);
    match &settings.tuning {
        Tuning::Full => (0, all),
        Tuning::Frozen => (all, 0),
        Tuning::Lora(lora) => {
            let one = |&target: &Target| {
                let (inputs, outputs) = sizes(config, target);
                (inputs + outputs).saturating_mul(lora.rank)
            };
            let block: usize = lora.targets.iter().map(one).sum();
            (all, block.saturating_mul(config.layers))
        }
    }
}

/// Parameters of zeros.
pub(super) fn parameters<D: Device>(
    device: &D,
    config: &Config,
    settings: &Settings,
) -> Result<Parameters<D::Buffer>> {
    let trained = settings.tuning == Tuning::Full;
    let one = |name: &str, shape: &[usize]| {
        Parameter::zeros(device, vec![Part::new(name.to_owned(), shape)], trained)
    };
    let table = [config.vocabulary, config.width];
    let layers = (0..config.layers).map(|layer| block(device, config, settings, layer));
    Ok(Parameters {
        embedding: one("token_embd.weight", &table)?,
        norm: one("output_norm.weight", &[config.width])?,
        head: (!config.tied)
            .then(|| one("output.weight", &table))
            .transpose()?,
        layers: layers.collect::<Result<_>>()?,
    })
}

fn block<D: Device>(
    device: &D,
    config: &Config,
    settings: &Settings,
    layer: usize,
) -> Result<Layer<D::Buffer>> {
    let trained = settings.tuning == Tuning::Full;
    let norm = |part: &str| {
        let part = Part::new(format!("blk.{layer}.{part}.weight"), &[config.width]);
        Parameter::zeros(device, vec![part], trained)
    };
    let linear = |targets: &[Target], biased: bool| -> Result<Linear<D::Buffer>> {
        let name = |target: Target, what: &str| format!("blk.{layer}.{}.{what}", tensor(target));
        let inputs = sizes(config, targets[0]).0;
        let part = |&target: &Target| {
            Part::new(name(target, "weight"), &[sizes(config, target).1, inputs])
        };
        let bias = |&target: &Target| Part::new(name(target, "bias"), &[sizes(config, target).1]);
        let parts: Vec<Part> = targets.iter().map(part).collect();
        let adapter = match &settings.tuning {
            Tuning::Lora(lora) => {
                let chosen = lora.targets.iter().map(|&t| name(t, "weight"));
                Adapter::zeros(device, lora, (&parts, inputs), &chosen.collect::<Vec<_>>())?
            }
            Tuning::Full | Tuning::Frozen => None,
        };
        let biases = biased.then(|| targets.iter().map(bias).collect());
        linear::zeros(device, (parts, inputs), biases, trained, adapter)
    };
    Ok(Layer {
        attention_norm: norm("attn_norm")?,
        qkv: linear(
            &[Target::Query, Target::Key, Target::Value],
            config.family == Family::Qwen2,
        )?,
        output: linear(&[Target::Output], false)?,
        feed_norm: norm("ffn_norm")?,
        gate_up: linear(&[Target::Gate, Target::Up], false)?,
        down: linear(&[Target::Down], false)?,
    })
}

/// Gives a tensor's values by its name.
pub(super) type Source<'a> = &'a mut dyn FnMut(&str) -> Result<Vec<f32>>;

/// Writes the weights that `source` gives by name, one after the other, and the start of the adapters.
pub(super) fn fill<D: Device>(
    device: &D,
    parameters: &mut Parameters<D::Buffer>,
    source: Source<'_>,
    seed: u64,
) -> Result<()> {
    let outer = [
        Some(&mut parameters.embedding),
        Some(&mut parameters.norm),
        parameters.head.as_mut(),
    ];
    let layers = parameters.layers.iter_mut().flat_map(Layer::parameters);
    for (number, parameter) in outer.into_iter().flatten().chain(layers).enumerate() {
        for part in parameter.parts.clone() {
            let values = match part.name.rsplit_once('.') {
                Some((_, "lora_a")) => start(&part, super::mix(seed, number as u64)),
                Some((_, "lora_b")) => continue,
                _ => source(&part.name)?,
            };
            parameter.write(device, &part.name, &values)?;
        }
    }
    Ok(())
}

/// The start of an adapter's `A`: uniform within `1 / sqrt(inputs)`, as PEFT's.
fn start(part: &Part, seed: u64) -> Vec<f32> {
    let bound = 1.0 / (part.shape[1] as f64).sqrt();
    let salt = part
        .name
        .bytes()
        .fold(seed, |s, b| super::mix(s, u64::from(b)));
    (0..part.length() as u64)
        .map(|i| ((uniform(salt, i) * 2.0 - 1.0) * bound) as f32)
        .collect()
}
