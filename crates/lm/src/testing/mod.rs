//! For tests, here and in other rooms: tiny random models that load and run in milliseconds, made
//! from a seed. Their answers are noise; everything else is as with a real file.

pub use crate::gguf::GgufWriter;

use crate::gguf::{TensorType, Value};
use crate::sample::random::uniform;
use crate::{Family, Model, ModelFiles, Options, Result, Tokenizer, Weights};
use std::sync::Arc;

/// Context of a tiny model, in tokens.
pub const CONTEXT: usize = 512;

const WIDTH: u64 = 64;
const KEPT: u64 = 32;
const FEED: u64 = 96;
const LAYERS: u64 = 2;

/// A ChatML template with a check of roles, as real files have.
const TEMPLATE: &str = "{% for message in messages %}\
{% if message.role not in ['system', 'user', 'assistant', 'tool'] %}\
{{ raise_exception('unknown role ' + message.role) }}{% endif %}\
{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}\
{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Control tokens, ids 0, 1 and 2; the first and the last end an answer.
pub const SPECIALS: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// Merges, in order; each makes a token.
const MERGES: [&str; 20] = [
    "Ġ t", "h e", "Ġt he", "i n", "e r", "a n", "o n", "r e", "e d", "Ġ a", "Ġa n", "Ġan d",
    "in g", "Ġ s", "o r", "l l", "Ã ¤", "o u", "Ġ w", "ou r",
];

/// A GGUF file of two layers, some 280 tokens and several quantisations.
#[must_use]
pub fn tiny_gguf(family: Family, seed: u64) -> Vec<u8> {
    tiny_gguf_merging(family, seed, MERGES.len())
}

/// The same with the first `merges` of the merges alone: another vocabulary.
#[must_use]
pub fn tiny_gguf_merging(family: Family, seed: u64, merges: usize) -> Vec<u8> {
    let merges = &MERGES[..merges.min(MERGES.len())];
    let mut writer = GgufWriter::new();
    metadata(&mut writer, family, merges);
    let vocabulary = tokens(merges).len() as u64;
    let mut random = Random { seed, counter: 0 };
    random.matrix(
        &mut writer,
        "token_embd.weight",
        TensorType::Q8_0,
        [WIDTH, vocabulary],
    );
    random.vector(&mut writer, "output_norm.weight", WIDTH, 1.0);
    if family == Family::Qwen2 {
        random.matrix(
            &mut writer,
            "output.weight",
            TensorType::F16,
            [WIDTH, vocabulary],
        );
    }
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}");
        random.vector(&mut writer, &name("attn_norm.weight"), WIDTH, 1.0);
        random.vector(&mut writer, &name("ffn_norm.weight"), WIDTH, 1.0);
        for (part, kind, shape) in [
            ("attn_q", TensorType::F16, [WIDTH, WIDTH]),
            ("attn_k", TensorType::F32, [WIDTH, KEPT]),
            ("attn_v", TensorType::Q5_0, [WIDTH, KEPT]),
            ("attn_output", TensorType::Q8_0, [WIDTH, WIDTH]),
            ("ffn_gate", TensorType::BF16, [WIDTH, FEED]),
            ("ffn_up", TensorType::Q4_0, [WIDTH, FEED]),
            ("ffn_down", TensorType::Q4_1, [FEED, WIDTH]),
        ] {
            random.matrix(&mut writer, &name(&format!("{part}.weight")), kind, shape);
        }
        if family == Family::Qwen2 {
            random.vector(&mut writer, &name("attn_q.bias"), WIDTH, 0.0);
            random.vector(&mut writer, &name("attn_k.bias"), KEPT, 0.0);
            random.vector(&mut writer, &name("attn_v.bias"), KEPT, 0.0);
        }
    }
    writer.bytes()
}

/// A loaded tiny model with one thread.
///
/// # Errors
/// None that a test could cause; they are those of [`Model::from_bytes`].
pub fn tiny_model(family: Family, seed: u64) -> Result<Model> {
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    Model::from_bytes(&tiny_gguf(family, seed), &options)
}

/// The weights of [`tiny_gguf`].
#[must_use]
pub fn tiny_weights(family: Family, seed: u64) -> Weights {
    let weights = Weights::from_bytes(&tiny_gguf(family, seed), Some(u64::MAX));
    weights.expect("the file was made just now")
}

/// The tokenizer of [`tiny_gguf`].
#[must_use]
pub fn tiny_tokenizer(family: Family) -> Arc<Tokenizer> {
    let bytes = tiny_gguf(family, 0);
    let files = ModelFiles::from_bytes(&bytes).expect("the file was made just now");
    Arc::clone(files.tokenizer())
}

/// The tiny vocabulary: specials, one token a byte, one a merge.
fn tokens(merges: &[&str]) -> Vec<String> {
    let bytes = crate::tokenizer::alphabet();
    let merged = merges.iter().map(|m| m.replace(' ', ""));
    let specials = SPECIALS.iter().map(|s| (*s).to_owned());
    specials
        .chain(bytes.iter().map(char::to_string))
        .chain(merged)
        .collect()
}

fn metadata(writer: &mut GgufWriter, family: Family, merges: &[&str]) {
    let (name, pre) = match family {
        Family::Llama => ("llama", "smollm"),
        Family::Qwen2 => ("qwen2", "qwen2"),
    };
    let text = |s: &str| Value::String(s.to_owned());
    writer.set("general.architecture", text(name));
    writer.set("general.name", text("tiny"));
    for (key, n) in [
        ("block_count", LAYERS),
        ("context_length", CONTEXT as u64),
        ("embedding_length", WIDTH),
        ("feed_forward_length", FEED),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 2),
    ] {
        writer.set(&format!("{name}.{key}"), Value::Unsigned(n));
    }
    writer.set(
        &format!("{name}.attention.layer_norm_rms_epsilon"),
        Value::Float(1e-5),
    );
    let all = tokens(merges);
    let kinds = (0..all.len())
        .map(|id| if id < SPECIALS.len() { 3 } else { 1 })
        .collect();
    writer.set("tokenizer.ggml.model", text("gpt2"));
    writer.set("tokenizer.ggml.pre", text(pre));
    writer.set("tokenizer.ggml.tokens", Value::Strings(all));
    writer.set("tokenizer.ggml.token_type", Value::Integers(kinds));
    let merges = merges.iter().map(|m| (*m).to_owned()).collect();
    writer.set("tokenizer.ggml.merges", Value::Strings(merges));
    writer.set("tokenizer.ggml.bos_token_id", Value::Unsigned(1));
    writer.set("tokenizer.ggml.eos_token_id", Value::Unsigned(2));
    writer.set("tokenizer.chat_template", text(TEMPLATE));
}

/// Numbers by counter.
struct Random {
    seed: u64,
    counter: u64,
}

impl Random {
    /// Uniform in `[-1, 1)`.
    fn next(&mut self) -> f32 {
        self.counter += 1;
        (uniform(self.seed, self.counter) * 2.0 - 1.0) as f32
    }

    fn byte(&mut self) -> u8 {
        (self.next() * 128.0).floor() as i8 as u8
    }

    fn vector(&mut self, writer: &mut GgufWriter, name: &str, length: u64, center: f32) {
        let one = |_| (center + 0.1 * self.next()).to_le_bytes();
        let bytes = (0..length).flat_map(one).collect();
        writer.tensor(name, &[length], TensorType::F32, bytes);
    }

    /// Values of about ±0.25, whatever the type.
    fn matrix(&mut self, writer: &mut GgufWriter, name: &str, kind: TensorType, shape: [u64; 2]) {
        let blocks = shape[0] * shape[1] / kind.block_elements() as u64;
        let mut bytes = Vec::new();
        for _ in 0..blocks {
            self.block(kind, &mut bytes);
        }
        writer.tensor(name, &shape, kind, bytes);
    }

    fn block(&mut self, kind: TensorType, out: &mut Vec<u8>) {
        let half = |v: f32| half::f16::from_f32(v).to_le_bytes();
        let start = out.len();
        match kind {
            TensorType::F32 => return out.extend((0.25 * self.next()).to_le_bytes()),
            TensorType::F16 => return out.extend(half(0.25 * self.next())),
            TensorType::BF16 => {
                return out.extend(half::bf16::from_f32(0.25 * self.next()).to_le_bytes());
            }
            TensorType::Q8_0 => out.extend(half(0.002)),
            TensorType::Q4_1 | TensorType::Q5_1 => {
                out.extend(half(0.03));
                out.extend(half(-0.24));
            }
            _ => out.extend(half(0.02)),
        }
        while out.len() < start + kind.block_bytes() {
            let byte = self.byte();
            out.push(byte);
        }
    }
}
