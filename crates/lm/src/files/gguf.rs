//! A GGUF file as a model's files. Every tensor of the file must be used: one that is not known
//! would change the mathematics.

use super::ModelFiles;
use crate::gguf::{Header, Source, TensorInfo, TensorType};
use crate::model::{Misfit, check_shapes};
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;
use crate::weights::{Tensors, all_finite, not_finite};
use crate::{Config, Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Tensors of a GGUF file.
struct GgufTensors<'a> {
    source: Source<'a>,
    tensors: HashMap<String, TensorInfo>,
}

pub(super) fn open(source: Source<'_>) -> Result<ModelFiles<'_>> {
    let header = source.header()?;
    let config = Config::from_header(&header)?;
    let shapes = header.tensors.iter();
    let shapes = shapes.map(|t| (t.name.as_str(), shape(t))).collect();
    check_shapes(&config, &shapes).map_err(|misfit| match misfit {
        Misfit::Wrong(text) => Error::Malformed(text),
        Misfit::Unknown(text) => Error::Unsupported(text),
    })?;
    let tokenizer = Arc::new(Tokenizer::from_header(&header)?);
    let template = template(&header, &tokenizer)?;
    let tensors = header.tensors.into_iter();
    let tensors = tensors.map(|t| (t.name.clone(), t)).collect();
    Ok(ModelFiles {
        config,
        tokenizer,
        template,
        tensors: Box::new(GgufTensors { source, tensors }),
    })
}

/// Sizes, outermost first; one too large for this machine becomes a size that no model has.
fn shape(tensor: &TensorInfo) -> Vec<usize> {
    let sizes = tensor.dimensions.iter().rev();
    sizes
        .map(|&n| usize::try_from(n).unwrap_or(usize::MAX))
        .collect()
}

fn template(header: &Header, tokenizer: &Tokenizer) -> Result<Option<ChatTemplate>> {
    let text = header.string_or_none("tokenizer.chat_template")?;
    let text = text.filter(|t| !t.is_empty());
    text.map(|text| tokenizer.template(text)).transpose()
}

impl GgufTensors<'_> {
    fn find(&self, name: &str) -> Result<&TensorInfo> {
        let missing = || Error::Malformed(format!("tensor {name:?} is missing"));
        self.tensors.get(name).ok_or_else(missing)
    }
}

impl Tensors for GgufTensors<'_> {
    fn kind(&self, name: &str) -> TensorType {
        self.tensors.get(name).map_or(TensorType::F32, |t| t.kind)
    }

    fn blocks(&self, name: &str) -> Result<Option<(TensorType, Vec<u8>)>> {
        let tensor = self.find(name)?;
        if tensor.kind.block_elements() == 1 {
            return Ok(None);
        }
        let bytes = self.source.read(tensor.offset, tensor.length)?;
        Ok(Some((tensor.kind, bytes.into_owned())))
    }

    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        let tensor = self.find(name)?;
        // As many as the shape asks for: memory for them was foreseen.
        let source = &self.source;
        let out = source.values(tensor.kind, tensor.offset, tensor.length)?;
        if !all_finite(&out) {
            return Err(Error::Malformed(not_finite(name)));
        }
        Ok(Cow::Owned(out))
    }
}
