//! A folder as transformers writes it: config.json, tokenizer.json, safetensors in one file or in
//! several with an index. Every tensor must be used, but for those that transformers itself leaves.

use super::config::{self, ConfigFile};
use super::safetensors::{self, SafeTensor};
use super::{ModelFiles, names};
use crate::gguf::Source;
use crate::json::{self, Fields, Unique};
use crate::model::{Misfit, check_shapes};
use crate::tokenizer::{Definition, Named, Tokenizer};
use crate::weights::{Tensors, all_finite, not_finite};
use crate::{Config, Error, Result};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of each file that is read whole.
const MOST_CONFIG: u64 = 1 << 20;
const MOST_TEMPLATE: u64 = 4 << 20;
const MOST_INDEX: u64 = 16 << 20;
const MOST_TOKENIZER: u64 = 64 << 20;
/// Most files that the weights are spread over.
const MOST_SHARDS: usize = 512;

/// Tensors of safetensors files, by canonical name.
pub(super) struct SafeTensors {
    config: Config,
    sources: Vec<Source<'static>>,
    tensors: BTreeMap<String, (usize, SafeTensor)>,
}

pub(super) fn open(folder: &Path) -> Result<ModelFiles<'static>> {
    let ConfigFile { mut config, ends } =
        config::parse(&read(&folder.join("config.json"), MOST_CONFIG)?)?;
    config.name = folder.file_name().map(|n| n.to_string_lossy().into_owned());
    let tensors = SafeTensors::open(folder, &config)?;
    let mut named = named(folder)?;
    named.0.ends = match read_if_there(&folder.join("generation_config.json"), MOST_CONFIG)? {
        None => ends,
        Some(text) => {
            let mut fields = Fields::parse("generation_config.json", &text)?;
            fields
                .take("eos_token_id")
                .map_or(Ok(ends), |value| config::ids(Some(&value)))?
        }
    };
    let text = read(&folder.join("tokenizer.json"), MOST_TOKENIZER)?;
    let definition = Definition::from_json(&text, &named.0, config.vocabulary)?;
    let tokenizer = Arc::new(Tokenizer::new(definition)?);
    let template = match read_if_there(&folder.join("chat_template.jinja"), MOST_TEMPLATE)? {
        Some(text) => Some(
            String::from_utf8(text)
                .map_err(|_| Error::Malformed("chat_template.jinja is not valid UTF-8".into()))?,
        ),
        None => named.1,
    };
    let template = template.map(|text| tokenizer.template(&text)).transpose()?;
    Ok(ModelFiles {
        config,
        tokenizer,
        template,
        tensors: Box::new(tensors),
    })
}

/// What tokenizer_config.json says, and its chat template.
fn named(folder: &Path) -> Result<(Named, Option<String>)> {
    const FILE: &str = "tokenizer_config.json";
    let Some(text) = read_if_there(&folder.join(FILE), MOST_TEMPLATE)? else {
        return Ok((Named::default(), None));
    };
    let mut fields = Fields::parse(FILE, &text)?;
    fields.only("add_eos_token", &[false.into()])?;
    fields.only("add_prefix_space", &[false.into()])?;
    let mut spelling = |name: &str| match fields.take(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Object(token)) => match token.get("content") {
            Some(Value::String(text)) => Ok(Some(text.clone())),
            _ => Err(Error::Malformed(format!("{FILE}: {name} has no content"))),
        },
        Some(_) => Err(Error::Malformed(format!("{FILE}: {name} is no token"))),
    };
    let named = Named {
        begin: spelling("bos_token")?,
        end: spelling("eos_token")?,
        padding: spelling("pad_token")?,
        add_begin: None,
        ends: Vec::new(),
    };
    let add_begin = fields.read("add_bos_token")?;
    let template = match fields.take("chat_template") {
        None => None,
        Some(Value::String(text)) => Some(text),
        Some(other) => default_template(&other)?,
    };
    Ok((Named { add_begin, ..named }, template))
}

/// Of several templates, the one named `default`.
fn default_template(list: &Value) -> Result<Option<String>> {
    let wrong =
        || Error::Malformed("tokenizer_config.json: chat_template has the wrong type".into());
    let list = list.as_array().ok_or_else(wrong)?;
    let found = list.iter().find(|t| t["name"] == "default");
    let text = found.map(|t| t["template"].as_str().ok_or_else(wrong));
    Ok(text.transpose()?.map(str::to_owned))
}

impl SafeTensors {
    fn open(folder: &Path, config: &Config) -> Result<Self> {
        let mut out = Self {
            config: config.clone(),
            sources: Vec::new(),
            tensors: BTreeMap::new(),
        };
        for file in shards(folder)? {
            let source = Source::open(&file)?;
            let tensors = header(&source)?;
            out.add(tensors)?;
            out.sources.push(source);
        }
        let shapes = out.tensors.iter();
        let shapes = shapes.map(|(name, (_, t))| (name.as_str(), t.shape.clone()));
        check_shapes(config, &shapes.collect()).map_err(|misfit| match misfit {
            Misfit::Wrong(text) => Error::Malformed(text),
            Misfit::Unknown(text) => Error::Unsupported(text),
        })?;
        Ok(out)
    }

    /// Takes over the tensors of the next source.
    fn add(&mut self, tensors: BTreeMap<String, SafeTensor>) -> Result<()> {
        for (name, tensor) in tensors {
            // As transformers: a tied head is the table of embeddings, whatever the file holds, and
            // old files keep the frequencies of the rotary embedding.
            let tied = self.config.tied && name == "lm_head.weight";
            if tied || name.ends_with(".rotary_emb.inv_freq") {
                continue;
            }
            let canonical = names::to_canonical(&name)
                .ok_or_else(|| Error::Unsupported(format!("tensor {name:?}")))?;
            let place = (self.sources.len(), tensor);
            if self.tensors.insert(canonical, place).is_some() {
                return Err(Error::Malformed(format!("tensor {name:?} is there twice")));
            }
        }
        Ok(())
    }
}

impl Tensors for SafeTensors {
    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        let missing = || Error::Malformed(format!("tensor {name:?} is missing"));
        let (source, tensor) = self.tensors.get(name).ok_or_else(missing)?;
        let values = values(&self.sources[*source], name, tensor)?;
        let columns = tensor.shape.get(1).copied().unwrap_or(1);
        Ok(Cow::Owned(
            match names::permuted_heads(&self.config, name) {
                Some(heads) => names::interleave(&values, heads, columns),
                None => values,
            },
        ))
    }
}

/// The values of a tensor, all finite.
pub(super) fn values(source: &Source<'_>, name: &str, tensor: &SafeTensor) -> Result<Vec<f32>> {
    let out = source.values(tensor.kind, tensor.offset, tensor.length)?;
    match all_finite(&out) {
        true => Ok(out),
        false => Err(Error::Malformed(not_finite(name))),
    }
}

/// The header of an opened safetensors file.
pub(super) fn header(source: &Source<'_>) -> Result<BTreeMap<String, SafeTensor>> {
    let mut first = [0; 8];
    first.copy_from_slice(&source.read(0, 8)?);
    let length = safetensors::header_length(first, source.length())?;
    safetensors::parse(&source.read(0, 8 + length)?, source.length())
}

/// The files that hold the weights.
fn shards(folder: &Path) -> Result<Vec<PathBuf>> {
    let single = folder.join("model.safetensors");
    let index = folder.join("model.safetensors.index.json");
    if single.exists() || !index.exists() {
        return Ok(vec![single]);
    }
    const FILE: &str = "model.safetensors.index.json";
    let mut fields = Fields::parse(FILE, &read(&index, MOST_INDEX)?)?;
    let map = fields.take("weight_map");
    let map = map.ok_or_else(|| fields.missing("weight_map"))?;
    let Unique(map): Unique<String> = json::parse(FILE, map.to_string().as_bytes())?;
    let names: BTreeSet<&String> = map.values().collect();
    if names.len() > MOST_SHARDS {
        return Err(Error::Malformed(format!("{FILE}: {} files", names.len())));
    }
    let path = |name: &String| {
        // A plain name: nothing outside the folder is read.
        let plain = Path::new(name)
            .file_name()
            .is_some_and(|n| n == name.as_str());
        match plain && name.ends_with(".safetensors") {
            true => Ok(folder.join(name)),
            false => Err(Error::Malformed(format!("{FILE}: file {name:?}"))),
        }
    };
    names.into_iter().map(path).collect()
}

/// A whole file of at most so many bytes.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let source = Source::open(path)?;
    let length = source.length();
    if length > most {
        let text = format!("{} has {length} bytes, {most} are read", path.display());
        return Err(Error::Unsupported(text));
    }
    Ok(source.read(0, length)?.into_owned())
}

fn read_if_there(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    match read(path, most) {
        Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        other => other.map(Some),
    }
}
