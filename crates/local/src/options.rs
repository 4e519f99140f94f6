//! How a model in process is started. Clock and randomness are handed in; nothing is read from
//! the environment.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use record::Time;

use crate::Error;

/// Tells the time: for `created`, a template's date and the measured rate.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;
/// Draws 64 random bits: for the ids of answers and for seeds where a request has none.
pub type Random = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Where the model comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A GGUF file. It is loaded by the model's own thread, so that its pool has the low priority
    /// too.
    File(PathBuf),
    /// A model that the caller loaded, with a digest of what it was loaded from. Its pool keeps
    /// the priority of the thread that loaded it.
    Loaded(Arc<lm::Model>, [u8; 32]),
}

/// A model's settings, settled.
#[derive(Clone)]
pub struct Options {
    /// Where the model comes from.
    pub source: Source,
    /// The upstream's name in the settings.
    pub name: String,
    /// Threads of the model's own pool, 0 for as many as cores; a loaded model has its own.
    pub threads: usize,
    /// A shorter context than the file's, in tokens; a loaded model has its own.
    pub context: Option<usize>,
    /// How plain answers are sampled: fast (quantised weights, held beside the others) or exact.
    /// Whatever this says, a request with log-probabilities, an echo, or a choice of the best is
    /// exact for all of its tokens. A loaded model must hold the weights.
    pub sampling: lm::Path,
    /// Answers that are computed at the same time, at least 1. Each takes memory for as much of
    /// the context as it uses. Answers whose clients don't read rest beside them, and keep what
    /// they need while all together fit `max_sequences` whole contexts.
    pub max_sequences: usize,
    /// Requests that wait or rest beyond those; then [`upstream::Error::QueueFull`].
    pub queue: usize,
    /// Most tokens of an answer whose request names no limit, 1 to `max_output`. On
    /// `/v1/completions` it is the API's own 16 instead.
    pub default_output: usize,
    /// Most tokens of any answer.
    pub max_output: usize,
    /// The clock.
    pub clock: Clock,
    /// The randomness.
    pub random: Random,
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let what = if self.max_sequences == 0 {
            "max_sequences must be at least 1"
        } else if self.max_output == 0 {
            "max_output must be at least 1"
        } else if !(1..=self.max_output).contains(&self.default_output) {
            "default_output must be between 1 and max_output"
        } else {
            return Ok(());
        };
        Err(Error::Settings {
            name: self.name.clone(),
            what,
        })
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("source", &self.source)
            .field("name", &self.name)
            .field("max_sequences", &self.max_sequences)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
