//! From a GGUF file to a [`Model`]: each tensor is looked up by name, checked against the shape
//! that the configuration asks for, read, dequantised and packed. Every tensor of the file must be
//! used: one that is not known would change the mathematics.

use super::{Config, Family, Layer, Model, Options, memory};
use crate::gguf::{Header, Source, TensorInfo, dequantize};
use crate::ops::{Level, Linear, Rope};
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

impl Model {
    /// Loads a GGUF file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Truncated`], [`Error::Malformed`], [`Error::Unsupported`] (by
    /// name), [`Error::Memory`] before anything large is allocated, [`Error::Threads`].
    pub fn load(path: &Path, options: &Options) -> Result<Self> {
        Self::from_source(&Source::open(path)?, options)
    }

    /// Loads a GGUF file that is already in memory.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8], options: &Options) -> Result<Self> {
        Self::from_source(&Source::Bytes(bytes), options)
    }

    fn from_source(source: &Source<'_>, options: &Options) -> Result<Self> {
        let header = source.header()?;
        let config = Config::from_header(&header)?;
        let loader = Loader::new(source, &header);
        let own_head = loader.has("output.weight");
        loader.check_shapes(&config, own_head)?;
        memory::check(&config, own_head, options)?;
        let tokenizer = Arc::new(Tokenizer::from_header(&header)?);
        let template = header
            .string_or_none("tokenizer.chat_template")?
            .filter(|t| !t.is_empty());
        let template = template
            .map(|text| ChatTemplate::new(text, &header))
            .transpose()?;
        let pool = pool(options.threads)?;
        let table = [("token_embd.weight".to_owned(), config.vocabulary)];
        let embedding = loader.linear(config.width, &table)?;
        let table = [("output.weight".to_owned(), config.vocabulary)];
        let head = own_head
            .then(|| loader.linear(config.width, &table))
            .transpose()?;
        let layers = (0..config.layers).map(|i| loader.layer(&config, i));
        let layers = layers.collect::<Result<_>>()?;
        let norm = loader.vector("output_norm.weight", config.width)?;
        let context = options
            .context
            .map_or(config.context, |c| c.min(config.context));
        Ok(Self {
            rope: Rope::new(config.rope_layout(), config.rope_base, config.heads.width),
            context: context.max(1),
            tokenizer,
            template,
            embedding,
            head,
            layers,
            norm,
            level: Level::best(),
            pool,
            config,
        })
    }
}

/// The model's own threads. The number is always given: rayon would ask the environment for it.
fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = builder.thread_name(|i| format!("lm-{i}")).build();
    pool.map_err(|e| Error::Threads(e.to_string()))
}

/// A tensor that a model of some shape has: its name, rows, and columns (0 for a vector).
type Shape = (String, u64, u64);

/// Tensors by name.
struct Loader<'a> {
    source: &'a Source<'a>,
    tensors: HashMap<&'a str, &'a TensorInfo>,
}

impl<'a> Loader<'a> {
    fn new(source: &'a Source<'a>, header: &'a Header) -> Self {
        let tensors = header
            .tensors
            .iter()
            .map(|t| (t.name.as_str(), t))
            .collect();
        Self { source, tensors }
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Checks names and shapes of all tensors before any is read.
    fn check_shapes(&self, config: &Config, own_head: bool) -> Result<()> {
        let vocabulary = config.vocabulary as u64;
        let width = config.width as u64;
        let mut used = 0;
        let mut check = |(name, rows, columns): Shape| {
            used += 1;
            self.find(&name, rows, columns).map(|_| ())
        };
        check(("token_embd.weight".into(), vocabulary, width))?;
        check(("output_norm.weight".into(), width, 0))?;
        if own_head {
            check(("output.weight".into(), vocabulary, width))?;
        }
        for layer in 0..config.layers {
            layer_shapes(config, layer)
                .into_iter()
                .try_for_each(&mut check)?;
        }
        if used == self.tensors.len() {
            return Ok(());
        }
        let layers = (0..config.layers)
            .flat_map(|l| layer_shapes(config, l))
            .map(|s| s.0);
        let tables = ["token_embd.weight", "output_norm.weight", "output.weight"];
        let known: HashSet<String> = tables.map(String::from).into_iter().chain(layers).collect();
        let mut unknown: Vec<&&str> = self
            .tensors
            .keys()
            .filter(|n| !known.contains(**n))
            .collect();
        unknown.sort_unstable();
        Err(Error::Unsupported(format!(
            "tensor {:?}",
            unknown.first().map_or("", |n| n)
        )))
    }

    fn find(&self, name: &str, rows: u64, columns: u64) -> Result<&'a TensorInfo> {
        let missing = || Error::Malformed(format!("tensor {name:?} is missing"));
        let tensor = *self.tensors.get(name).ok_or_else(missing)?;
        let want: &[u64] = if columns == 0 {
            &[rows]
        } else {
            &[columns, rows]
        };
        if tensor.dimensions != want {
            let got = &tensor.dimensions;
            let text = format!("tensor {name:?} has sizes {got:?}, {want:?} are needed");
            return Err(Error::Malformed(text));
        }
        Ok(tensor)
    }

    /// The values of a tensor; infinite and NaN ones are refused.
    fn values(&self, name: &str, rows: usize, columns: usize) -> Result<Vec<f32>> {
        let tensor = self.find(name, rows as u64, columns as u64)?;
        let bytes = self.source.read(tensor.offset, tensor.length)?;
        let mut out = vec![0.0; rows * columns.max(1)];
        dequantize(tensor.kind, &bytes, &mut out)?;
        if out.iter().any(|v| !v.is_finite()) {
            return Err(Error::Malformed(format!(
                "tensor {name:?} has a value that is not finite"
            )));
        }
        Ok(out)
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        self.values(name, length, 0)
    }

    /// One layer of several tensors, their outputs one after the other.
    fn linear(&self, inputs: usize, parts: &[(String, usize)]) -> Result<Linear> {
        let mut linear = Linear::zeros(inputs, parts.iter().map(|p| p.1).sum());
        let mut first = 0;
        for (name, outputs) in parts {
            linear.set_rows(first, &self.values(name, *outputs, inputs)?);
            first += outputs;
        }
        Ok(linear)
    }

    fn layer(&self, config: &Config, layer: usize) -> Result<Layer> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let (query, qkv) = config.attention_widths();
        let kept = (qkv - query) / 2;
        let (width, feed) = (config.width, config.feed_width);
        let parts = [("attn_q", query), ("attn_k", kept), ("attn_v", kept)];
        let weights = parts.map(|(part, n)| (name(&format!("{part}.weight")), n));
        let mut qkv = self.linear(width, &weights)?;
        if config.family == Family::Qwen2 {
            let biases = parts.map(|(part, n)| self.vector(&name(&format!("{part}.bias")), n));
            let biases = biases.into_iter().collect::<Result<Vec<_>>>()?;
            qkv.set_bias(biases.concat());
        }
        let gate_up = [
            (name("ffn_gate.weight"), feed),
            (name("ffn_up.weight"), feed),
        ];
        Ok(Layer {
            attention_norm: self.vector(&name("attn_norm.weight"), width)?,
            qkv,
            output: self.linear(query, &[(name("attn_output.weight"), width)])?,
            feed_norm: self.vector(&name("ffn_norm.weight"), width)?,
            gate_up: self.linear(width, &gate_up)?,
            down: self.linear(feed, &[(name("ffn_down.weight"), width)])?,
        })
    }
}

/// Every tensor of a layer.
fn layer_shapes(config: &Config, layer: usize) -> Vec<Shape> {
    let (query, qkv) = config.attention_widths();
    let (query, kept) = (query as u64, (qkv - query) as u64 / 2);
    let (width, feed) = (config.width as u64, config.feed_width as u64);
    let mut parts = vec![
        ("attn_norm.weight", width, 0),
        ("attn_q.weight", query, width),
        ("attn_k.weight", kept, width),
        ("attn_v.weight", kept, width),
        ("attn_output.weight", width, query),
        ("ffn_norm.weight", width, 0),
        ("ffn_gate.weight", feed, width),
        ("ffn_up.weight", feed, width),
        ("ffn_down.weight", width, feed),
    ];
    if config.family == Family::Qwen2 {
        let biases = [
            ("attn_q.bias", query),
            ("attn_k.bias", kept),
            ("attn_v.bias", kept),
        ];
        parts.extend(biases.map(|(part, n)| (part, n, 0)));
    }
    let name = |part: &str| format!("blk.{layer}.{part}");
    parts
        .into_iter()
        .map(|(part, rows, columns)| (name(part), rows, columns))
        .collect()
}
