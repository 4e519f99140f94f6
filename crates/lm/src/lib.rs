//! `lm`: language models in process. Load a GGUF file or a folder of transformers, turn text into
//! tokens, run many sequences at once, sample, score, learn. It never knows accounts, grants or HTTP,
//! starts no async runtime, prints nothing, and reads neither clock nor environment: seeds and the
//! date are handed in.
//!
//! # The interface in one page
//!
//! A [`Model`] is `Send + Sync` and immutable; share it by `Arc`. One thread (a scheduler) owns the
//! sequences, calls [`Model::forward`] in a loop and may add or drop sequences between calls: that
//! is continuous batching. The heavy loops run on the model's own pool of [`Options::threads`].
//!
//! ```text
//! Model::load(path: &Path, options: &Options) -> Result<Model>
//! Model::from_bytes(bytes: &[u8], options: &Options) -> Result<Model>
//! Model::from_weights(&Weights, Arc<Tokenizer>, Option<ChatTemplate>, &Options) -> Result<Model>
//! Weights::{load(&Path, memory: Option<u64>), new(Config), config(), get(name) -> Option<&Tensor>,
//!           get_mut(name), names(), iter(), insert(name, Tensor), check(), expected_shapes(&Config)}
//! Weights::{write_safetensors(folder, &Tokenizer, Option<&ChatTemplate>),
//!           write_gguf(path, TensorType::{F32, F16, Q8_0}, &Tokenizer, Option<&ChatTemplate>)}
//! Adapter::{new(rank, alpha, dropout), insert(&Config, name, LowRank { a, b }), get(name), iter(),
//!           merge(&mut Weights), unmerge(&mut Weights), write(folder, &Config, base), load(folder, &Config)}
//! Tensor::{new(shape, data), shape(), data(), data_mut(), into_data()}    row-major, outermost first
//! ModelFiles::{open(&Path), config(), tokenizer(), template()}  Model::from_files, Weights::from_files
//! Model::{config() -> &Config, context() -> usize, tokenizer() -> &Arc<Tokenizer>,
//!         template() -> Option<&ChatTemplate>, encode_chat(&Chat) -> Result<Vec<u32>>}
//! Options { weights: HeldWeights::{Exact, Fast, Both}, threads, memory, .. }
//! Model::cache() -> Cache                       one a sequence, exact; blocks shared by its clones
//! Model::cache_on(Path::{Exact, Fast}) -> Cache                 a path belongs to its cache
//! Model::has(Path) -> bool                      whether the weights of a path are held
//! Model::cache_memory(tokens: usize) -> usize   bytes of a cache of so many tokens
//! Cache::{path(), len(), is_empty(), room(), memory(), truncate(usize)}, Clone
//! Model::forward(&mut [Step]) -> Result<Vec<Output>>            one output a step, same order
//!     Step   { cache: &mut Cache, tokens: &[u32], want: Want }  tokens are appended to the cache
//!     Want   { logits: bool, score: &[u32], top: usize, at: &[Vec<u32>], hidden: bool }
//!            Want::nothing(), Want::logits(), Want::score(targets, top)
//!     Output { logits: Option<Vec<f32>>, scores: Vec<Scored>, hidden: Vec<f32> }
//! Scored { token: u32, logprob: f32, rank: u32, top: Vec<TokenLogprob { token, logprob }>,
//!          at: Vec<f32>, tail: f32 }            the ids asked for, and the mass of all others
//!
//! Tokenizer::{encode(&str, Specials::{Text, Parse}) -> Vec<u32>, decode(&[u32]) -> String,
//!             bytes(id) -> &[u8], check(&[u32]) -> Result<()>, special(&str) -> Option<u32>,
//!             token_text(id) -> String, is_control(id) -> bool, is_end(id) -> bool,
//!             vocabulary() -> usize, begin() -> Option<u32>, end() -> Option<u32>}
//! Detokenizer::{new(), push(&mut self, &[u8]) -> String, finish(&mut self) -> String}
//! Chat::new(&impl Serialize) -> Result<Chat>, .tools(&impl Serialize) -> Result<Chat>,
//!     .generation_prompt(bool), .date(Date { year, month, day })
//!
//! Sampling { temperature: f32, top_p: f32, top_k: usize, min_p: f32, seed: u64,
//!            logit_bias: Vec<(u32, f32)>, repetition_penalty: f32, presence_penalty: f32,
//!            frequency_penalty: f32, top_logprobs: usize, watermark: Option<Arc<Watermark>> }
//! Limits   { max_tokens: usize, stop: Vec<String>, ignore_end: bool }
//! Writer::new(Arc<Tokenizer>, Sampling, Limits) -> Result<Writer>       one answer's state
//! Writer::push(&mut self, logits: &[f32]) -> Piece       samples one token, returns what is sure
//!     Piece  { choice: Scored, text: String, finish: Option<Finish> }
//!     Finish::{End, Stop(index into Limits::stop), Length, Broken}
//! Writer::{prompt(&mut self, &[u32]), constrain(&mut self, Grammar)}    before the first push
//! Grammars::new(&Tokenizer) -> Result<Grammars>                         one a model
//! Grammars::{json_schema(&str), json_object()} -> Result<Grammar>       one a request; Clone
//!
//! Model::score(&[u32], top: usize) -> Result<Vec<Scored>>      tokens 1.. of a whole prompt
//! Model::score_many(&[Scoring]) -> Result<Vec<Vec<Scored>>>     many texts in one call
//! Model::sample_many(&[Question], Batch { path, slots }) -> Result<Vec<Generated>>
//! Model::generate(&[u32], Sampling, Limits, &mut FnMut(&Piece) -> ControlFlow<()>)
//!     -> Result<Generated { tokens, text, finish }>             one sequence, for simple callers
//! Model::write(&[u32], Writer, &mut FnMut(..)) -> Result<Generated>     with a writer of one's own
//! ```
//!
//! ```text
//! Cpu::new(threads) -> Result<Cpu>                               a device::Device
//! Trainer::{new(Arc<D>, Weights, Settings), open(Arc<D>, &ModelFiles, Settings)} -> Result<Trainer>
//! Trainer::step(&mut self, &[(&Batch, Goal)], &Loss) -> Result<Report>
//! Trainer::{weights() -> Weights, adapter() -> Option<Adapter>,
//!           load_adapter(&Adapter), save(&Path), restore(&Path), begin_anew(), network() -> &mut Network,
//!           dry_step(..) -> Report,
//!           gradient_norms(..) -> BTreeMap<String, f64>, steps() -> u64}
//! Trainer::sampler(Arc<Tokenizer>, Option<ChatTemplate>, &Options) -> Result<Model>   exact path
//! Trainer::refresh(&self, &mut Model) -> Result<()>              the sampler's weights, as they are now
//! Network::{new, open} with Tuning::Frozen; score(&Batch) -> Vec<f32>, hidden(&Batch) -> Hidden
//! Batch::new(&[Document::{text(tokens), answer(tokens, first)}]), learnt() -> &[u32], weights_mut()
//! Goal::{Next, Rows(&[loss::Target<f32>]), Teacher(&Hidden, &Network), Hidden(&Hidden, &Head)}
//!      one target a learnt token; Hidden::of_rows(&D, width, &[f32]) of a Model's Output::hidden
//! Settings::new(Tuning::{Full, Lora(Lora), Frozen}, Optimiser, rows); checkpointing, memory, seed
//! Memory::foresee(&device, &Config, &Settings), pack(&lengths, rows), drop_layers, prune_heads
//! ```
//!
//! Learning is in [`train`], over the processors of [`device`]. Losses are in [`loss`], marks in
//! sampled text and their detectors in [`watermark`].
//!
//! How a scheduler serves a request: `encode_chat` (or `encode`), refuse it when prompt and
//! `max_tokens` exceed [`Model::context`]; take a [`Cache`] and a [`Writer`]; feed the prompt in
//! chunks of, say, 256 tokens with `Want::nothing()` (or `Want::score` of the next tokens, for
//! echo), the last chunk with `logits: true`; push the logits into the writer, send its text, feed
//! `[piece.choice.token]` in the next call beside the other sequences; drop both when
//! `piece.finish` is set or the client has left.

pub mod device;
mod error;
pub mod files;
pub mod gguf;
mod grammar;
mod json;
pub mod loss;
mod model;
mod ops;
mod sample;
mod template;
pub mod testing;
mod tokenizer;
pub mod train;
pub mod watermark;
mod weights;

pub use error::{Error, Result};
pub use files::{Adapter, LowRank, ModelFiles};
pub use grammar::{Grammar, Grammars};
pub use model::{
    Batch, Cache, Config, Family, HeadCounts, HeldWeights, Model, Options, Output, Path, Question,
    Scoring, Step, Want,
};
pub use sample::{
    Finish, Generated, Limits, Piece, Sampler, Sampling, Scored, StopStrings, TokenLogprob, Writer,
};
pub use template::{Chat, ChatTemplate, Date};
pub use tokenizer::{Detokenizer, Specials, Tokenizer};
pub use weights::{Tensor, Weights};
