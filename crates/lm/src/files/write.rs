//! Models written: as a folder that transformers loads, and as GGUF that llama.cpp loads. Whole or
//! not at all; one tensor after the other, never a second copy of the model.

use super::atomic::{self, failed};
use super::{config, names, safetensors};
use crate::gguf::{TensorHead, TensorType, Value, head, padding, quantize};
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;
use crate::weights::{Tensor, Weights};
use crate::{Config, Error, Family, Result};
use serde_json::json;
use std::borrow::Cow;
use std::path::Path;

impl Weights {
    /// Writes a folder that transformers loads: config.json, generation_config.json,
    /// model.safetensors in f32, tokenizer.json, tokenizer_config.json. The folder must not be
    /// there yet, or be empty.
    ///
    /// # Errors
    /// [`Error::Invalid`] where tensors are missing or not finite, [`Error::File`].
    pub fn write_safetensors(
        &self,
        folder: &Path,
        tokenizer: &Tokenizer,
        template: Option<&ChatTemplate>,
    ) -> Result<()> {
        self.check_with(tokenizer)?;
        let definition = tokenizer.definition();
        let (begin, padding) = (definition.begin, definition.padding);
        let about = config::to_json(self.config(), begin, &definition.ends, padding);
        let generation = json!({
            "bos_token_id": about["bos_token_id"],
            "eos_token_id": about["eos_token_id"],
            "pad_token_id": about["pad_token_id"],
        });
        let spelling = |id: Option<u32>| id.map(|id| definition.spelling(Some(id)).to_owned());
        let named = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": spelling(begin),
            "eos_token": spelling(definition.ends.first().copied()),
            "pad_token": spelling(padding),
            "clean_up_tokenization_spaces": false,
            "model_max_length": self.config().context,
            "chat_template": template.map(ChatTemplate::source),
        });
        atomic::folder(folder, |folder| {
            write_json(&folder.join("config.json"), &about)?;
            write_json(&folder.join("generation_config.json"), &generation)?;
            write_json(&folder.join("tokenizer_config.json"), &named)?;
            write_json(&folder.join("tokenizer.json"), &definition.to_json())?;
            self.write_tensors(&folder.join("model.safetensors"))
        })
    }

    fn write_tensors(&self, path: &Path) -> Result<()> {
        let theirs = self.iter().map(|(name, tensor)| {
            let name_there = names::from_canonical(name).ok_or_else(|| {
                // The shape has asked for every tensor by a name of the table.
                Error::Invalid(format!("tensor {name:?} has no name in transformers"))
            })?;
            Ok((
                name_there,
                self.rows_of_transformers(name, tensor),
                tensor.shape(),
            ))
        });
        let theirs: Vec<_> = theirs.collect::<Result<_>>()?;
        safetensors::write(path, &theirs)
    }

    fn rows_of_transformers<'a>(
        &self,
        name: &str,
        tensor: &'a Tensor,
    ) -> impl Fn() -> Cow<'a, [f32]> + 'a {
        let heads = names::permuted_heads(self.config(), name);
        move || match heads {
            Some(heads) => {
                let columns = tensor.shape().get(1).copied().unwrap_or(1);
                Cow::Owned(names::separate(tensor.data(), heads, columns))
            }
            None => Cow::Borrowed(tensor.data()),
        }
    }

    /// Writes a GGUF file that llama.cpp loads, in the place of one that is there. Matrices are
    /// of type `kind` (F32, F16 or Q8_0; those whose rows fill no Q8_0 blocks are F16), vectors F32.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `kind` is another type, tensors are missing or not finite, or a
    /// value is too large for half precision; [`Error::File`].
    pub fn write_gguf(
        &self,
        path: &Path,
        kind: TensorType,
        tokenizer: &Tokenizer,
        template: Option<&ChatTemplate>,
    ) -> Result<()> {
        self.check_with(tokenizer)?;
        let mut metadata = metadata(self.config(), kind)?;
        metadata.extend(tokenizer.definition().metadata());
        if let Some(template) = template {
            let text = Value::String(template.source().to_owned());
            metadata.push(("tokenizer.chat_template".into(), text));
        }
        let parts = self.iter().map(|(name, tensor)| {
            let sizes: Vec<u64> = tensor.shape().iter().rev().map(|&n| n as u64).collect();
            (name, tensor, sizes, kind_of(tensor, kind))
        });
        let parts: Vec<_> = parts.collect();
        let heads = parts.iter().map(|(name, tensor, sizes, kind)| TensorHead {
            name,
            sizes,
            kind: *kind,
            length: tensor.data().len() / kind.block_elements() * kind.block_bytes(),
        });
        let head = head(&metadata, &heads.collect::<Vec<_>>());
        atomic::file(path, |out| {
            let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(|e| failed(path, e));
            put(&head)?;
            let mut bytes = Vec::new();
            for (name, tensor, _, kind) in &parts {
                bytes.clear();
                quantize(*kind, tensor.data(), &mut bytes)
                    .map_err(|e| Error::Invalid(format!("tensor {name:?}: {e}")))?;
                bytes.resize(bytes.len() + padding(bytes.len()), 0);
                put(&bytes)?;
            }
            Ok(())
        })
    }

    fn check_with(&self, tokenizer: &Tokenizer) -> Result<()> {
        self.check()?;
        let (got, want) = (tokenizer.vocabulary(), self.config().vocabulary);
        match got == want {
            true => Ok(()),
            false => Err(Error::Invalid(format!(
                "a tokenizer of {got} tokens for weights of {want}"
            ))),
        }
    }
}

/// The type that a tensor is written in.
fn kind_of(tensor: &Tensor, kind: TensorType) -> TensorType {
    match tensor.shape() {
        [_, columns] if columns.is_multiple_of(kind.block_elements()) => kind,
        [_, _] => TensorType::F16,
        _ => TensorType::F32,
    }
}

pub(super) fn write_json(path: &Path, value: &serde_json::Value) -> Result<()> {
    atomic::file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value).map_err(|e| failed(path, e.into()))?;
        out.write_all(b"\n").map_err(|e| failed(path, e))
    })
}

/// The metadata of a model's shape.
fn metadata(config: &Config, kind: TensorType) -> Result<Vec<(String, Value)>> {
    // ggml's numbers for a file that is mostly of one type.
    let file_type = match kind {
        TensorType::F32 => 0,
        TensorType::F16 => 1,
        TensorType::Q8_0 => 7,
        other => return Err(Error::Invalid(format!("{other:?} is read, not written"))),
    };
    let architecture = match config.family {
        Family::Llama => "llama",
        Family::Qwen2 => "qwen2",
    };
    let number = |n: usize| Value::Unsigned(n as u64);
    let mut out = vec![
        (
            "general.architecture".to_owned(),
            Value::String(architecture.into()),
        ),
        ("general.file_type".to_owned(), number(file_type)),
        ("general.quantization_version".to_owned(), number(2)),
    ];
    if let Some(name) = &config.name {
        out.push(("general.name".to_owned(), Value::String(name.clone())));
    }
    let heads = config.heads;
    let own = [
        ("block_count", number(config.layers)),
        ("context_length", number(config.context)),
        ("embedding_length", number(config.width)),
        ("feed_forward_length", number(config.feed_width)),
        ("attention.head_count", number(heads.query)),
        ("attention.head_count_kv", number(heads.key_value)),
        ("attention.key_length", number(heads.width)),
        ("attention.value_length", number(heads.width)),
        (
            "attention.layer_norm_rms_epsilon",
            Value::Float(config.epsilon.into()),
        ),
        ("rope.dimension_count", number(heads.width)),
        ("rope.freq_base", Value::Float(config.rope_base.into())),
        ("vocab_size", number(config.vocabulary)),
    ];
    out.extend(own.map(|(key, value)| (format!("{architecture}.{key}"), value)));
    Ok(out)
}
