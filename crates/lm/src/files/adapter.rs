//! Low-rank adapters (LoRA): `W + alpha / rank * B A` for some of a model's linear layers, read and
//! written as PEFT's folders. Canonical names and rows, as [`Weights`] have them; a folder has
//! transformers' order, so `B`'s rows are permuted on the way.

use super::atomic;
use super::folder::{header, read, values};
use super::write::write_json;
use super::{names, safetensors};
use crate::gguf::Source;
use crate::json::Fields;
use crate::model::expected_shape;
use crate::weights::{Tensor, Weights, all_finite, not_finite};
use crate::{Config, Error, Result};
use serde_json::json;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const ABOUT: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
const MOST_RANK: usize = 1 << 16;

/// The change of one linear layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    /// `[rank][inputs]`.
    pub a: Tensor,
    /// `[outputs][rank]`.
    pub b: Tensor,
}

/// An adapter: changes of linear layers by the canonical names of their weights
/// (`blk.0.attn_q.weight`, `output.weight`).
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    rank: usize,
    alpha: f32,
    dropout: f32,
    parts: BTreeMap<String, LowRank>,
}

impl Adapter {
    /// No changes yet. `dropout` is kept for those who train on; it changes no answer.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a number is out of its range.
    pub fn new(rank: usize, alpha: f32, dropout: f32) -> Result<Self> {
        if !(1..=MOST_RANK).contains(&rank) || !alpha.is_finite() || !(0.0..1.0).contains(&dropout)
        {
            let text = format!("adapter of rank {rank}, alpha {alpha}, dropout {dropout}");
            return Err(Error::Invalid(text));
        }
        Ok(Self {
            rank,
            alpha,
            dropout,
            parts: BTreeMap::new(),
        })
    }

    /// The inner width of every change.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The numerator of the scale.
    #[must_use]
    pub fn alpha(&self) -> f32 {
        self.alpha
    }

    /// The share of inputs that training leaves out.
    #[must_use]
    pub fn dropout(&self) -> f32 {
        self.dropout
    }

    /// What `B A` is multiplied by: `alpha / rank`.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.alpha / self.rank as f32
    }

    /// The changes by sorted canonical name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &LowRank)> {
        self.parts.iter().map(|(name, part)| (name.as_str(), part))
    }

    /// The change of a layer.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&LowRank> {
        self.parts.get(name)
    }

    /// Puts a change in, in the place of one of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a model of this shape has no such linear layer, the sizes do not
    /// fit, or a value is not finite.
    pub fn insert(&mut self, config: &Config, name: &str, part: LowRank) -> Result<()> {
        let shape = names::module_of(name).and_then(|_| expected_shape(config, name));
        let Some([outputs, inputs]) = shape.as_deref() else {
            return Err(Error::Invalid(format!(
                "{name:?} is no linear layer of the model"
            )));
        };
        for (which, tensor, want) in [
            ("A", &part.a, [self.rank, *inputs]),
            ("B", &part.b, [*outputs, self.rank]),
        ] {
            if tensor.shape() != want {
                let got = tensor.shape();
                let text = format!("{which} of {name:?} has sizes {got:?}, {want:?} are needed");
                return Err(Error::Invalid(text));
            }
            if !all_finite(tensor.data()) {
                return Err(Error::Invalid(not_finite(&format!("{name} {which}"))));
            }
        }
        self.parts.insert(name.to_owned(), part);
        Ok(())
    }

    /// Adds the changes to the weights.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the weights lack a layer; then nothing has changed.
    pub fn merge(&self, weights: &mut Weights) -> Result<()> {
        self.add(weights, self.scale())
    }

    /// Takes the changes away again, up to the rounding of f32.
    ///
    /// # Errors
    /// As [`merge`](Self::merge).
    pub fn unmerge(&self, weights: &mut Weights) -> Result<()> {
        self.add(weights, -self.scale())
    }

    fn add(&self, weights: &mut Weights, scale: f32) -> Result<()> {
        for (name, part) in &self.parts {
            let want = [part.b.shape()[0], part.a.shape()[1]];
            if weights.get(name).is_none_or(|t| t.shape() != want) {
                return Err(Error::Invalid(format!(
                    "the weights have no {name:?} of {want:?}"
                )));
            }
        }
        for (name, part) in &self.parts {
            let inputs = part.a.shape()[1];
            let Some(tensor) = weights.get_mut(name) else {
                continue;
            };
            let rows = tensor.data_mut().chunks_exact_mut(inputs);
            for (row, b) in rows.zip(part.b.data().chunks_exact(self.rank)) {
                // Summed first, then added once: the change is not rounded to the weight's size.
                let mut change = vec![0.0f32; inputs];
                for (&b, a) in b.iter().zip(part.a.data().chunks_exact(inputs)) {
                    change.iter_mut().zip(a).for_each(|(c, a)| *c += b * a);
                }
                row.iter_mut()
                    .zip(change)
                    .for_each(|(w, c)| *w += scale * c);
            }
        }
        Ok(())
    }

    /// Writes a folder that PEFT loads over a model of this shape; `base` names that model for
    /// people. The folder must not be there yet, or be empty.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no change, [`Error::File`].
    pub fn write(&self, folder: &Path, config: &Config, base: &str) -> Result<()> {
        if self.parts.is_empty() {
            return Err(Error::Invalid("an adapter without a change".into()));
        }
        let modules = self.parts.keys().filter_map(|name| names::module_of(name));
        let modules: BTreeSet<&str> = modules.collect();
        let about = json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base,
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "target_modules": self.targets(config, &modules),
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
        });
        let mut parts = Vec::new();
        for (name, part) in &self.parts {
            let module = names::from_canonical(name)
                .and_then(|n| Some(n.strip_suffix(".weight")?.to_owned()));
            let module =
                module.ok_or_else(|| Error::Invalid(format!("{name:?} has no name in PEFT")))?;
            let heads = names::permuted_heads(config, name);
            for (which, tensor, heads) in [("A", &part.a, None), ("B", &part.b, heads)] {
                let values = move || match heads {
                    Some(heads) => {
                        Cow::Owned(names::separate(tensor.data(), heads, tensor.shape()[1]))
                    }
                    None => Cow::Borrowed(tensor.data()),
                };
                let name = format!("base_model.model.{module}.lora_{which}.weight");
                parts.push((name, values, tensor.shape()));
            }
        }
        atomic::folder(folder, |folder| {
            write_json(&folder.join(ABOUT), &about)?;
            safetensors::write(&folder.join(TENSORS), &parts)
        })
    }

    /// PEFT's `target_modules`: last parts of names where every layer has them all, else full names.
    fn targets(&self, config: &Config, modules: &BTreeSet<&str>) -> Vec<String> {
        let head = usize::from(modules.contains("lm_head"));
        let everywhere = (modules.len() - head) * config.layers + head;
        if everywhere == self.parts.len() {
            return modules.iter().map(|m| (*m).to_owned()).collect();
        }
        let full = self
            .parts
            .keys()
            .filter_map(|name| names::from_canonical(name));
        full.map(|n| n.trim_end_matches(".weight").to_owned())
            .collect()
    }

    /// Reads a folder that PEFT wrote, for a model of this shape.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Truncated`], [`Error::Malformed`], [`Error::Unsupported`] (by
    /// name: other methods than plain LoRA of linear layers).
    pub fn load(folder: &Path, config: &Config) -> Result<Self> {
        let mut out = Self::from_json(&read(&folder.join(ABOUT), 1 << 20)?)?;
        let source = Source::open(&folder.join(TENSORS))?;
        let mut pairs: BTreeMap<String, [Option<Tensor>; 2]> = BTreeMap::new();
        for (name, place) in header(&source)? {
            let unknown = || Error::Unsupported(format!("adapter tensor {name:?}"));
            let module = name.strip_prefix("base_model.model.").ok_or_else(unknown)?;
            let (module, which) = match module.strip_suffix(".lora_A.weight") {
                Some(module) => (module, 0),
                None => (
                    module.strip_suffix(".lora_B.weight").ok_or_else(unknown)?,
                    1,
                ),
            };
            let canonical = names::to_canonical(&format!("{module}.weight")).ok_or_else(unknown)?;
            let shape = expected_shape(config, &canonical).ok_or_else(unknown)?;
            // Before the values are read: as large as this model asks for, and no larger.
            let want = match (which, shape.as_slice()) {
                (0, [_, inputs]) => [out.rank, *inputs],
                (_, [outputs, _]) => [*outputs, out.rank],
                _ => return Err(unknown()),
            };
            if place.shape != want {
                let got = &place.shape;
                let text = format!("tensor {name:?} has sizes {got:?}, {want:?} are needed");
                return Err(Error::Malformed(text));
            }
            let mut data = values(&source, &name, &place)?;
            if let (1, Some(heads)) = (which, names::permuted_heads(config, &canonical)) {
                data = names::interleave(&data, heads, out.rank);
            }
            let pair = pairs.entry(canonical).or_default();
            pair[which] = Some(Tensor::new(place.shape, data)?);
        }
        for (name, pair) in pairs {
            let [Some(a), Some(b)] = pair else {
                return Err(Error::Malformed(format!(
                    "adapter of {name:?} lacks A or B"
                )));
            };
            let part = LowRank { a, b };
            let inserted = out.insert(config, &name, part);
            inserted.map_err(|e| Error::Unsupported(e.to_string()))?;
        }
        Ok(out)
    }

    /// The numbers of an adapter_config.json, without a change yet.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names what is not plain LoRA, [`Error::Malformed`] what is missing.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        let mut fields = Fields::parse(ABOUT, text)?;
        fields.only("peft_type", &[json!("LORA")])?;
        fields.only("bias", &[json!("none")])?;
        for name in [
            "fan_in_fan_out",
            "use_rslora",
            "use_dora",
            "lora_bias",
            "use_qalora",
        ] {
            fields.only(name, &[json!(false)])?;
        }
        for name in ["rank_pattern", "alpha_pattern", "loftq_config"] {
            fields.only(name, &[json!({})])?;
        }
        // Ways to begin that change the model under the adapter, or nothing that we know of.
        fields.only(
            "init_lora_weights",
            &[json!(true), json!(false), json!("gaussian")],
        )?;
        fields.only("modules_to_save", &[json!([])])?;
        let rank = fields.count("r", MOST_RANK)?;
        let rank = rank.ok_or_else(|| fields.missing("r"))?;
        let alpha: Option<f32> = fields.read("lora_alpha")?;
        let alpha = alpha.ok_or_else(|| fields.missing("lora_alpha"))?;
        let dropout: Option<f32> = fields.read("lora_dropout")?;
        fields.ignore(&HARMLESS);
        if let Some((name, value)) = fields.left_over() {
            return Err(fields.unsupported(&name, &value));
        }
        let out = Self::new(rank, alpha, dropout.unwrap_or(0.0));
        out.map_err(|e| Error::Malformed(format!("{ABOUT}: {e}")))
    }
}

/// Fields that say nothing about the mathematics: which tensors there are, the file itself shows.
const HARMLESS: [&str; 13] = [
    "task_type",
    "base_model_name_or_path",
    "revision",
    "inference_mode",
    "auto_mapping",
    "target_modules",
    "exclude_modules",
    "layers_to_transform",
    "layers_pattern",
    "peft_version",
    "qalora_group_size",
    "ensure_weight_tying",
    "megatron_core",
];
