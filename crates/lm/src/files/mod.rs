//! A model's files, opened: shape, tokenizer and chat template are read and checked, the weights
//! are read when they are asked for, one tensor after the other. Never trusts a file.

mod adapter;
mod atomic;
mod config;
mod folder;
mod gguf;
mod names;
mod safetensors;
mod write;

pub use adapter::{Adapter, LowRank};
pub(crate) use atomic::failed;
pub use atomic::{file as write_file, folder as write_folder};
pub use safetensors::{SafeTensor, parse as safetensors_header};

use crate::gguf::Source;
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;
use crate::weights::Tensors;
use crate::{Config, Result};
use std::path::Path;
use std::sync::Arc;

/// A model's files. Every tensor that the shape asks for is there, of its sizes, and no other is.
pub struct ModelFiles<'a> {
    config: Config,
    tokenizer: Arc<Tokenizer>,
    template: Option<ChatTemplate>,
    tensors: Box<dyn Tensors + Send + Sync + 'a>,
}

impl std::fmt::Debug for ModelFiles<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelFiles")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// The shape that the text of a config.json tells.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] names what is not known, [`crate::Error::Malformed`] what is
    /// missing or contradicts itself.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        config::parse(text).map(|file| file.config)
    }
}

impl ModelFiles<'static> {
    /// Opens a GGUF file, or a folder with config.json, tokenizer.json and safetensors.
    ///
    /// # Errors
    /// As [`crate::Model::load`].
    pub fn open(path: &Path) -> Result<Self> {
        match path.is_dir() {
            true => folder::open(path),
            false => gguf::open(Source::open(path)?),
        }
    }
}

impl<'a> ModelFiles<'a> {
    /// A GGUF file that is already in memory.
    ///
    /// # Errors
    /// As [`crate::Model::load`].
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self> {
        gguf::open(Source::Bytes(bytes))
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// The chat template, where there is one.
    #[must_use]
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    pub(crate) fn tensors(&self) -> &dyn Tensors {
        &*self.tensors
    }
}
