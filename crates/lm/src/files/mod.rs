//! A model's files, opened: shape, tokenizer and chat template are read and checked, the weights
//! are read when they are asked for, one tensor after the other. Never trusts a file.

mod gguf;

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

impl ModelFiles<'static> {
    /// Opens a GGUF file.
    ///
    /// # Errors
    /// As [`crate::Model::load`].
    pub fn open(path: &Path) -> Result<Self> {
        gguf::open(Source::open(path)?)
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
