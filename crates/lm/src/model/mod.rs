//! A language model: its configuration, weights, key-value caches, and the forward pass over many
//! sequences at once. Immutable after loading; all state of a sequence is in its [`Cache`].

mod cache;
mod config;
mod forward;
mod load;
mod many;
mod memory;
mod net;
mod path;
mod score;
mod shapes;

pub use cache::Cache;
pub use config::{Config, Family, HeadCounts};
pub(crate) use config::{MOST_CONTEXT, MOST_HEADS, MOST_LAYERS, MOST_VOCABULARY, MOST_WIDTH};
pub use forward::{Output, Step, Want};
pub(crate) use load::pool;
pub use many::{Batch, Question};
pub(crate) use memory::{available as available_memory, check_f32 as check_memory};
pub use path::{Path, Weights as HeldWeights};
pub use score::Scoring;
pub(crate) use shapes::{
    Misfit, check as check_shapes, expected_shape, expected_shapes, parameters,
};

use crate::ops::{Linear, Quantised, Rope};
use crate::template::{Chat, ChatTemplate};
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};
use net::{Machine, Net};
use std::sync::Arc;

/// Tokens that [`Model::generate`] feeds in one call.
pub(crate) const CHUNK: usize = 256;

/// How a model is loaded.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Threads of the model's own pool; 0 takes as many as the machine has cores.
    pub threads: usize,
    /// A shorter context than the file's, in tokens.
    pub context: Option<usize>,
    /// Most bytes that the weights may take; without it, what the system says is available.
    pub memory: Option<u64>,
    /// Which copies of the weights are held: those of the exact path by default.
    pub weights: HeldWeights,
}

/// A loaded model. `Send + Sync`; share it by `Arc`.
pub struct Model {
    config: Config,
    context: usize,
    tokenizer: Arc<Tokenizer>,
    template: Option<ChatTemplate>,
    held: HeldWeights,
    exact: Option<Net<Linear>>,
    fast: Option<Net<Quantised>>,
    rope: Rope,
    machine: Machine,
    pool: rayon::ThreadPool,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Bytes that the weights of the exact path take once they are loaded.
    #[must_use]
    pub fn foreseen(config: &Config) -> u64 {
        memory::exact(config)
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Most tokens of a sequence, prompt and answer together.
    #[must_use]
    pub fn context(&self) -> usize {
        self.context
    }

    /// The tokenizer of the file.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// The chat template of the file, where it has one.
    #[must_use]
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// An empty cache for one sequence on the exact path.
    #[must_use]
    pub fn cache(&self) -> Cache {
        self.cache_on(Path::Exact)
    }

    /// An empty cache for one sequence on a path: whatever is fed to it runs there.
    #[must_use]
    pub fn cache_on(&self, path: Path) -> Cache {
        let heads = self.config.heads.into();
        Cache::new(path, self.config.layers, heads, self.context)
    }

    /// Whether the weights of a path are held.
    #[must_use]
    pub fn has(&self, path: Path) -> bool {
        self.held.holds(path)
    }

    /// Bytes that a [`Cache`] of so many tokens holds, for a scheduler that bounds them.
    #[must_use]
    pub fn cache_memory(&self, tokens: usize) -> usize {
        self.cache().memory_of(tokens)
    }

    /// Token ids of a conversation by the file's chat template. Control tokens come from the
    /// template alone: their spelling inside a message stays text.
    ///
    /// # Errors
    /// [`Error::Template`] where the file has no template or the template refuses.
    pub fn encode_chat(&self, chat: &Chat) -> Result<Vec<u32>> {
        let template = self.template.as_ref();
        let template = template.ok_or_else(|| Error::Template("the model has none".into()))?;
        template.encode(&self.tokenizer, chat)
    }

    /// An error where a sequence of `tokens` does not fit the context.
    ///
    /// # Errors
    /// [`Error::ContextOverflow`] with both numbers.
    pub fn check_length(&self, tokens: usize) -> Result<()> {
        if tokens > self.context {
            return Err(Error::ContextOverflow {
                context: self.context,
                tokens,
            });
        }
        Ok(())
    }
}
