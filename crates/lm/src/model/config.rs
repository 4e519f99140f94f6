//! A model's shape, read from the header's metadata. Every size is bounded before it is used, and a
//! key of the architecture that is not known here is refused: it could change the mathematics.

use crate::gguf::{Header, Value};
use crate::ops::{Heads, RopeLayout};
use crate::{Error, Result};

/// Model families that the engine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama-class: no biases, interleaved rotary pairs.
    Llama,
    /// Qwen2-class: biases on query, key and value, rotary halves.
    Qwen2,
}

/// Heads of attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadCounts {
    /// Query heads; a multiple of `key_value`.
    pub query: usize,
    /// Key and value heads.
    pub key_value: usize,
    /// Values in a head.
    pub width: usize,
}

impl HeadCounts {
    /// An error where the counts contradict each other.
    pub(crate) fn check(self) -> Result<()> {
        let (query, kept, width) = (self.query, self.key_value, self.width);
        if !query.is_multiple_of(kept) {
            return Err(Error::Malformed(format!(
                "{kept} key heads for {query} query heads"
            )));
        }
        let whole = query.checked_mul(width);
        if width == 0 || !width.is_multiple_of(2) || whole.is_none_or(|w| w > MOST_WIDTH) {
            return Err(Error::Malformed(format!("{query} heads of {width}")));
        }
        Ok(())
    }
}

impl From<HeadCounts> for Heads {
    fn from(heads: HeadCounts) -> Self {
        Self {
            query: heads.query,
            kept: heads.key_value,
            width: heads.width,
        }
    }
}

/// A model's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Its family.
    pub family: Family,
    /// The name that the file gives (`general.name`), for people.
    pub name: Option<String>,
    /// Number of layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width of the feed-forward part.
    pub feed_width: usize,
    /// Heads of attention.
    pub heads: HeadCounts,
    /// Number of tokens in the vocabulary.
    pub vocabulary: usize,
    /// Longest sequence that the model was made for, in tokens.
    pub context: usize,
    /// RMSNorm's epsilon.
    pub epsilon: f32,
    /// Base of the rotary frequencies.
    pub rope_base: f32,
    /// Whether the head is the table of embeddings; else it has weights of its own.
    pub tied: bool,
}

/// Keys below `{architecture}.` that are understood; the last two are informative only.
const KNOWN: [&str; 14] = [
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.layer_norm_rms_epsilon",
    "attention.key_length",
    "attention.value_length",
    "rope.freq_base",
    "rope.dimension_count",
    "rope.scaling.type",
    "vocab_size",
    "rope.scaling.finetuned",
];

/// Bounds far above any model of these families; they keep products of sizes within 64 bits.
pub(crate) const MOST_LAYERS: usize = 1024;
pub(crate) const MOST_WIDTH: usize = 1 << 20;
pub(crate) const MOST_HEADS: usize = 4096;
pub(crate) const MOST_CONTEXT: usize = 1 << 24;
pub(crate) const MOST_VOCABULARY: usize = 1 << 24;

impl Config {
    /// Reads the shape.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names an unknown architecture or key; [`Error::Malformed`] a missing
    /// key or a size that contradicts another.
    pub fn from_header(header: &Header) -> Result<Self> {
        let architecture = header.string("general.architecture")?;
        let family = match architecture {
            "llama" => Family::Llama,
            "qwen2" => Family::Qwen2,
            _ => return Err(Error::Unsupported(format!("architecture {architecture:?}"))),
        };
        refuse_unknown(header, architecture)?;
        let key = |name: &str| format!("{architecture}.{name}");
        let width = header.count(&key("embedding_length"), MOST_WIDTH)?;
        let query = header.count(&key("attention.head_count"), MOST_HEADS)?;
        let key_value = header.count_or_none(&key("attention.head_count_kv"), MOST_HEADS)?;
        let key_value = key_value.unwrap_or(query);
        let head = header.count_or_none(&key("attention.key_length"), MOST_WIDTH)?;
        if head.is_none() && !width.is_multiple_of(query) {
            return Err(Error::Malformed(format!(
                "{query} heads do not divide width {width}"
            )));
        }
        let heads = HeadCounts {
            query,
            key_value,
            width: head.unwrap_or(width / query),
        };
        heads.check()?;
        check_head_width(header, architecture, heads.width)?;
        let vocabulary = header.strings("tokenizer.ggml.tokens")?.len();
        let epsilon = header.positive_or_none(&key("attention.layer_norm_rms_epsilon"))?;
        let epsilon = epsilon.ok_or_else(|| {
            Error::Malformed(format!(
                "{architecture}.attention.layer_norm_rms_epsilon is missing"
            ))
        })?;
        Ok(Self {
            family,
            name: header.string_or_none("general.name")?.map(str::to_owned),
            layers: header.count(&key("block_count"), MOST_LAYERS)?,
            width,
            feed_width: header.count(&key("feed_forward_length"), MOST_WIDTH)?,
            heads,
            vocabulary,
            context: header.count(&key("context_length"), MOST_CONTEXT)?,
            epsilon: epsilon as f32,
            rope_base: header
                .positive_or_none(&key("rope.freq_base"))?
                .unwrap_or(1e4) as f32,
            tied: !header.tensors.iter().any(|t| t.name == "output.weight"),
        })
    }

    /// Whether weights of the other shape fit this one; names and contexts may differ.
    pub(crate) fn same_shape(&self, other: &Self) -> bool {
        let unnamed = |config: &Self| Self {
            name: None,
            context: 0,
            ..config.clone()
        };
        unnamed(self) == unnamed(other)
    }

    /// Width of the query, and of key and value together with it.
    pub(crate) fn attention_widths(&self) -> (usize, usize) {
        let (query, kept) = (self.heads.query, self.heads.key_value);
        (
            query * self.heads.width,
            (query + 2 * kept) * self.heads.width,
        )
    }

    pub(crate) fn rope_layout(&self) -> RopeLayout {
        match self.family {
            Family::Llama => RopeLayout::Interleaved,
            Family::Qwen2 => RopeLayout::Halves,
        }
    }
}

fn refuse_unknown(header: &Header, architecture: &str) -> Result<()> {
    let prefix = format!("{architecture}.");
    let mut unknown: Vec<&str> = header
        .metadata
        .keys()
        .filter_map(|key| key.strip_prefix(&prefix))
        .filter(|name| !KNOWN.contains(name))
        .collect();
    unknown.sort_unstable();
    if let Some(name) = unknown.first() {
        return Err(Error::Unsupported(format!("key {prefix}{name}")));
    }
    let scaling = header.string_or_none(&format!("{prefix}rope.scaling.type"))?;
    match scaling {
        None | Some("none") => Ok(()),
        Some(other) => Err(Error::Unsupported(format!("rope scaling {other:?}"))),
    }
}

/// Every key that says how wide a head is must say the same.
fn check_head_width(header: &Header, architecture: &str, width: usize) -> Result<()> {
    for name in [
        "rope.dimension_count",
        "attention.key_length",
        "attention.value_length",
    ] {
        match header.metadata.get(&format!("{architecture}.{name}")) {
            None => {}
            Some(Value::Unsigned(n)) if *n == width as u64 => {}
            Some(other) => {
                let text = format!("{architecture}.{name} is {other:?}, heads have {width}");
                return Err(Error::Unsupported(text));
            }
        }
    }
    Ok(())
}
