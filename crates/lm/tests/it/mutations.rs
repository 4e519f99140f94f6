//! Every parser of model files against mutated bytes: an error or a value that keeps its promises,
//! never a panic, never memory out of proportion. Parsers alone, so that a hundred million cases
//! take minutes; whole models are loaded from mutated files in `hostile`.

use crate::allocation::peak;
use crate::hostile::{Random, mutate};
use crate::reference::cases;
use lm::files::safetensors_header;
use lm::gguf::{GgufWriter, Header, TensorType, Value};
use lm::testing::{tiny_gguf, tiny_tokenizer, tiny_weights};
use lm::{Adapter, Config, Family, LowRank, Model, Options, Specials, Tensor, Tokenizer};
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// The length that a mutated file is said to have, in bytes.
const LENGTH: u64 = 4096;
/// Most that an input of some hundred bytes may make a parser hold.
const MOST_MEMORY: usize = 256 << 10;

/// A parser with something to mutate. It tells whether the input was taken.
struct Target {
    name: &'static str,
    input: Vec<u8>,
    parse: fn(&[u8]) -> bool,
    /// Cases in `make test` and in `make soak`.
    cases: [u64; 2],
}

fn targets() -> [Target; 5] {
    let target = |name, input, parse, cases| Target {
        name,
        input,
        parse,
        cases,
    };
    [
        target("gguf", small_gguf(), gguf, [4000, 40_000_000]),
        target(
            "safetensors",
            small_safetensors(),
            safetensors,
            [4000, 35_000_000],
        ),
        target(
            "config.json",
            CONFIG.into(),
            |b| Config::from_json(b).is_ok(),
            [2000, 15_000_000],
        ),
        target(
            "adapter_config.json",
            ADAPTER.into(),
            |b| Adapter::from_json(b).is_ok(),
            [1000, 5_000_000],
        ),
        target(
            "tokenizer.json",
            small_tokenizer(),
            tokenizer,
            [1000, 5_000_000],
        ),
    ]
}

const CONFIG: &str = r#"{"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","hidden_act":"silu","hidden_size":64,"intermediate_size":96,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"vocab_size":279,"max_position_embeddings":512,"rms_norm_eps":1e-05,"rope_parameters":{"rope_theta":1e6,"rope_type":"default"},"tie_word_embeddings":false,"use_sliding_window":false,"eos_token_id":[2,0],"layer_types":["full_attention"]}"#;

const ADAPTER: &str = r#"{"peft_type":"LORA","r":8,"lora_alpha":16,"lora_dropout":0.05,"bias":"none","target_modules":["q_proj"],"use_dora":false,"rank_pattern":{},"init_lora_weights":true,"modules_to_save":null}"#;

fn small_gguf() -> Vec<u8> {
    let mut writer = GgufWriter::new();
    let text = |s: &str| Value::String(s.to_owned());
    writer.set("general.architecture", text("llama"));
    writer.set("llama.block_count", Value::Unsigned(1));
    writer.set("llama.rope.freq_base", Value::Float(1e4));
    writer.set("t", Value::Strings(vec!["a".into(), "bc".into()]));
    writer.set("i", Value::Integers(vec![1, -3]));
    writer.set("f", Value::Floats(vec![0.5]));
    writer.set("b", Value::Bools(vec![true, false]));
    writer.tensor("m", &[32, 2], TensorType::Q8_0, vec![0; 68]);
    writer.tensor("v", &[4], TensorType::F32, vec![0; 16]);
    writer.bytes()
}

fn gguf(bytes: &[u8]) -> bool {
    let Ok(header) = Header::parse(bytes, LENGTH) else {
        return false;
    };
    for t in &header.tensors {
        assert!(t.offset + t.length <= LENGTH && t.elements() > 0, "{t:?}");
    }
    // Mostly refused, by name: this is only to see that it does not panic.
    let _ = Config::from_header(&header);
    let _ = Tokenizer::from_header(&header);
    true
}

fn small_safetensors() -> Vec<u8> {
    let header = json!({
        "__metadata__": {"format": "pt"},
        "a.weight": {"dtype": "F32", "shape": [4, 8], "data_offsets": [0, 128]},
        "b.weight": {"dtype": "BF16", "shape": [3], "data_offsets": [128, 134]},
        "c": {"dtype": "F16", "shape": [], "data_offsets": [134, 136]},
    })
    .to_string();
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend([0; 136]);
    out
}

fn safetensors(bytes: &[u8]) -> bool {
    let length = bytes.len() as u64;
    let Ok(header) = safetensors_header(bytes, length) else {
        return false;
    };
    let mut total = 0;
    for t in header.values() {
        let elements: usize = t.shape.iter().product();
        assert_eq!(elements * t.kind.block_bytes(), t.length as usize);
        assert!(t.offset + t.length <= length, "{t:?}");
        total += t.length;
    }
    assert!(total <= length);
    // The format's own library is no stricter.
    ::safetensors::SafeTensors::deserialize(bytes).unwrap();
    true
}

fn small_tokenizer() -> Vec<u8> {
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [{"id": 5, "content": "<|im_end|>", "special": true}],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
        "post_processor": {"type": "TemplateProcessing", "pair": [], "special_tokens": {},
            "single": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A"}}]},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġab": 4},
            "merges": ["a b", ["Ġ", "ab"]]},
    })
    .to_string()
    .into_bytes()
}

const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

fn tokenizer(bytes: &[u8]) -> bool {
    let Ok(tokenizer) = Tokenizer::from_json(bytes, 7) else {
        return false;
    };
    for specials in [Specials::Text, Specials::Parse] {
        let ids = tokenizer.encode("ab ab<|im_end|>c", specials);
        tokenizer.check(&ids).unwrap();
        let _ = tokenizer.decode(&ids);
    }
    true
}

/// A changed sign of JSON more often than a changed byte: most of those end in the first error.
fn mutate_json(bytes: &mut [u8], random: &mut Random) {
    const SIGNS: &[u8] = br#"{}[]",:0919-.eE tfn\"#;
    for _ in 0..=random.next(3) {
        let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count().max(1);
        let nth = random.next(digits);
        let digit = (0..bytes.len())
            .filter(|&i| bytes[i].is_ascii_digit())
            .nth(nth);
        match (random.next(3), digit) {
            (0, Some(at)) => bytes[at] = b'0' + random.next(10) as u8,
            _ => {
                let at = random.next(bytes.len());
                bytes[at] = SIGNS[random.next(SIGNS.len())];
            }
        }
    }
}

/// Runs cases `first`, `first + step`, ... of a target.
fn run(target: &Target, count: u64, [first, step]: [u64; 2], taken: &AtomicU64) {
    let mut buffer = Vec::new();
    for case in (first..count).step_by(step as usize) {
        let mut random = Random(case);
        buffer.clear();
        buffer.extend_from_slice(&target.input);
        match random.next(2) {
            0 if target.name != "gguf" => mutate_json(&mut buffer, &mut random),
            _ => mutate(&mut buffer, &mut random, usize::MAX),
        }
        let parse = AssertUnwindSafe(|| (target.parse)(&buffer));
        let (result, bytes) = peak(|| catch_unwind(parse));
        match result {
            Ok(was_taken) => drop(taken.fetch_add(u64::from(was_taken), Ordering::Relaxed)),
            Err(_) => panic!("{} case {case} panicked", target.name),
        }
        assert!(
            bytes < MOST_MEMORY,
            "{} case {case} took {bytes} bytes",
            target.name
        );
    }
}

#[test]
fn mutated_bytes_never_make_a_parser_panic() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    for target in &targets() {
        assert!((target.parse)(&target.input), "{} as it is", target.name);
        let count = cases(target.cases[0], target.cases[1]);
        let taken = &AtomicU64::new(0);
        std::thread::scope(|scope| {
            for first in 0..threads {
                scope.spawn(move || run(target, count, [first, threads], taken));
            }
        });
        let taken = taken.load(Ordering::Relaxed);
        assert!(
            0 < taken && taken < count,
            "{}: {taken} of {count}",
            target.name
        );
    }
}

/// The files of a tiny model's folder and of an adapter over it.
fn folders(root: &std::path::Path) {
    let weights = tiny_weights(Family::Llama, 1);
    let tokenizer = tiny_tokenizer(Family::Llama);
    weights
        .write_safetensors(&root.join("model"), &tokenizer, None)
        .unwrap();
    let mut adapter = Adapter::new(2, 4.0, 0.0).unwrap();
    let (a, b) = (vec![0.1; 2 * 64], vec![0.1; 2 * 64]);
    let part = LowRank {
        a: Tensor::new(vec![2, 64], a).unwrap(),
        b: Tensor::new(vec![64, 2], b).unwrap(),
    };
    adapter
        .insert(weights.config(), "blk.0.attn_q.weight", part)
        .unwrap();
    adapter
        .write(&root.join("adapter"), weights.config(), "tiny")
        .unwrap();
}

#[test]
fn mutated_folders_are_loaded_or_refused() {
    let root = tempfile::tempdir().unwrap();
    folders(root.path());
    let model = root.path().join("model");
    let adapter = root.path().join("adapter");
    let options = Options {
        threads: 1,
        memory: Some(16 << 20),
        context: Some(64),
        weights: lm::HeldWeights::Both,
    };
    let config = tiny_weights(Family::Llama, 1).config().clone();
    let files = [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
    ];
    let files = files.map(|f| model.join(f)).into_iter();
    let files =
        files.chain(["adapter_config.json", "adapter_model.safetensors"].map(|f| adapter.join(f)));
    let originals: Vec<_> = files.map(|f| (std::fs::read(&f).unwrap(), f)).collect();
    let mut loaded = 0;
    let count = cases(300, 20_000);
    for case in 0..count {
        let mut random = Random(case);
        let (original, path) = &originals[random.next(originals.len())];
        let mut bytes = original.clone();
        mutate(&mut bytes, &mut random, 4000);
        std::fs::write(path, &bytes).unwrap();
        let load = AssertUnwindSafe(|| match path.starts_with(&adapter) {
            true => Adapter::load(&adapter, &config).is_ok(),
            false => Model::load(&model, &options).is_ok(),
        });
        let (result, memory) = peak(|| catch_unwind(load));
        assert!(result.is_ok(), "case {case} of {} panicked", path.display());
        assert!(memory < 8 << 20, "case {case} took {memory} bytes");
        loaded += u64::from(result.unwrap());
        std::fs::write(path, original).unwrap();
    }
    assert!(0 < loaded && loaded < count, "{loaded} of {count}");
}

#[test]
fn the_same_model_in_either_format_takes_as_little() {
    // What a load holds beside the weights: one tensor in f32, one in the file's own form.
    let bytes = tiny_gguf(Family::Llama, 1);
    let weights = tiny_weights(Family::Llama, 1);
    let root = tempfile::tempdir().unwrap();
    folders(root.path());
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    let (_, folder) = peak(|| drop(Model::load(&root.path().join("model"), &options).unwrap()));
    let (_, file) = peak(|| drop(Model::from_bytes(&bytes, &options).unwrap()));
    let all = 4 * weights.parameters();
    for held in [folder, file] {
        assert!(
            (all..2 * all).contains(&held),
            "{held} bytes for weights of {all}"
        );
    }
}
