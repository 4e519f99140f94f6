//! Hostile files: mutated, cut and contradictory ones give an error or a model, never a panic, a
//! hang, or memory out of proportion.

use crate::allocation::peak;
use crate::reference::cases;
use lm::gguf::{Header, Value};
use lm::testing::{GgufWriter, tiny_gguf};
use lm::{Chat, Error, Family, Limits, Model, Options, Sampling, Specials};
use std::ops::ControlFlow;

/// Most that a file of some 100 kB may make the loading thread hold at any time.
const MOST_MEMORY: usize = 4 << 20;

/// A small generator, so that a failing case can be named by its number.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

pub(crate) fn mutate(bytes: &mut Vec<u8>, random: &mut Random, header: usize) {
    for _ in 0..=random.next(4) {
        // Mostly the header: the weights are only numbers.
        let end = if random.next(8) == 0 {
            bytes.len()
        } else {
            header.min(bytes.len())
        };
        if end == 0 {
            return;
        }
        let at = random.next(end);
        match random.next(6) {
            0 => bytes[at] ^= 1 << random.next(8),
            1 => bytes[at] = random.next(256) as u8,
            2 => bytes[at] = 0xff,
            3 => bytes.truncate(at),
            4 => drop(bytes.remove(at)),
            _ => {
                // A number of the file becomes another: huge, small, or near a bound.
                let n = [u64::MAX, 1 << 63, 1 << 32, 0, 1, 2, 255][random.next(7)].to_le_bytes();
                let width = [4, 8][random.next(2)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&n[..width]);
            }
        }
    }
}

#[test]
fn mutated_files_never_panic() {
    let originals = [tiny_gguf(Family::Llama, 1), tiny_gguf(Family::Qwen2, 2)];
    let options = Options {
        threads: 1,
        memory: Some(16 << 20),
        context: Some(64),
        weights: lm::HeldWeights::Both,
    };
    let (mut loaded, mut refused) = (0, 0);
    for case in 0..cases(2_000, 1_000_000) {
        let mut random = Random(case);
        let mut bytes = originals[case as usize % 2].clone();
        mutate(&mut bytes, &mut random, 12_000);
        let (result, bytes) =
            peak(|| Model::from_bytes(&bytes, &options).map(|model| use_a_little(&model)));
        match result {
            Ok(()) => loaded += 1,
            Err(Error::Threads(e)) => panic!("case {case}: {e}"),
            Err(_) => refused += 1,
        }
        assert!(bytes < MOST_MEMORY, "case {case} took {bytes} bytes");
    }
    assert!(
        loaded > 0 && refused > 0,
        "{loaded} loaded, {refused} refused"
    );
}

fn use_a_little(model: &Model) {
    let mut tokens = model
        .tokenizer()
        .encode("the thing <|im_end|> ä", Specials::Parse);
    tokens.push(0);
    let limits = Limits {
        max_tokens: 2,
        ..Limits::default()
    };
    let _ = model.generate(&tokens, Sampling::default(), limits, &mut |_| {
        ControlFlow::Continue(())
    });
    let messages = serde_json::json!([{"role": "user", "content": "x"}]);
    if let Ok(chat) = Chat::new(&messages) {
        let _ = model.encode_chat(&chat);
    }
}

#[test]
fn every_cut_is_refused() {
    let bytes = tiny_gguf(Family::Llama, 1);
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        let error = Model::from_bytes(&bytes[..length], &options).unwrap_err();
        assert!(
            matches!(error, Error::Truncated { .. }),
            "{length}: {error}"
        );
    }
}

/// The message for a file that `change` made wrong.
fn refusal(change: impl Fn(&mut GgufWriter)) -> String {
    let mut writer = GgufWriter::from_gguf(&tiny_gguf(Family::Llama, 1)).unwrap();
    change(&mut writer);
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    Model::from_bytes(&writer.bytes(), &options)
        .unwrap_err()
        .to_string()
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let text = |s: &str| Value::String(s.to_owned());
    let set = |key: &'static str, value: Value| {
        refusal(move |w: &mut GgufWriter| w.set(key, value.clone()))
    };
    assert_eq!(
        set("general.architecture", text("mamba")),
        "model file is not supported: architecture \"mamba\""
    );
    assert_eq!(
        set("tokenizer.ggml.pre", text("deepseek-llm")),
        "model file is not supported: pre-tokenizer \"deepseek-llm\""
    );
    assert_eq!(
        set("tokenizer.ggml.model", text("llama")),
        "model file is not supported: tokenizer \"llama\""
    );
    assert_eq!(
        set("llama.expert_count", Value::Unsigned(8)),
        "model file is not supported: key llama.expert_count"
    );
    assert_eq!(
        set("llama.rope.scaling.type", text("yarn")),
        "model file is not supported: rope scaling \"yarn\""
    );
    let extra = refusal(|w| {
        w.tensor(
            "rope_freqs.weight",
            &[8],
            lm::gguf::TensorType::F32,
            vec![0; 32],
        )
    });
    assert_eq!(
        extra,
        "model file is not supported: tensor \"rope_freqs.weight\""
    );
    assert!(set("tokenizer.chat_template", text("{% if %}")).contains("chat template"));
}

#[test]
fn contradictions_are_refused() {
    let set = |key: &'static str, value: Value| {
        refusal(move |w: &mut GgufWriter| w.set(key, value.clone()))
    };
    assert!(set("llama.attention.head_count", Value::Unsigned(0)).contains("head_count"));
    assert!(set("llama.attention.head_count", Value::Unsigned(3)).contains("heads"));
    assert!(set("llama.attention.head_count_kv", Value::Unsigned(3)).contains("heads"));
    assert!(set("llama.block_count", Value::Unsigned(3)).contains("blk.2.attn_norm.weight"));
    assert!(set("llama.block_count", Value::Unsigned(1 << 40)).contains("block_count"));
    assert!(set("llama.feed_forward_length", Value::Unsigned(64)).contains("ffn_gate"));
    assert!(set("llama.embedding_length", Value::Bool(true)).contains("wrong type"));
    assert!(set("tokenizer.ggml.eos_token_id", Value::Unsigned(1 << 40)).contains("eos_token_id"));
    assert!(set("tokenizer.ggml.merges", Value::Strings(vec!["a".into()])).contains("merge 0"));
    assert!(set("general.alignment", Value::Unsigned(24)).contains("alignment"));
    let nan = refusal(|w| {
        w.replace_tensor("output_norm.weight", f32::NAN.to_le_bytes().repeat(64));
    });
    assert!(
        nan.contains("output_norm.weight") && nan.contains("finite"),
        "{nan}"
    );
}

#[test]
fn a_huge_claim_in_a_small_file_allocates_nothing() {
    for claim in [u64::MAX, 1 << 60, 1_000_000] {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(claim.to_le_bytes().repeat(2));
        bytes.extend([0; 64]);
        assert!(Header::parse(&bytes, bytes.len() as u64).is_err());
    }
    let wrong = Header::parse(b"GGUF\0\0\0\x03", 8).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "model file is not supported: big-endian GGUF"
    );
}

#[test]
fn too_little_memory_is_foreseen() {
    let options = Options {
        memory: Some(100_000),
        ..Options::default()
    };
    let error = Model::from_bytes(&tiny_gguf(Family::Llama, 1), &options).unwrap_err();
    let Error::Memory {
        need,
        available: 100_000,
    } = error
    else {
        panic!("{error}");
    };
    // 2 layers of (64*128 + 64*64 + 3*64*96 and two norms), the table of 279 tokens and a norm,
    // four bytes each.
    assert_eq!(
        need,
        4 * (2 * (64 * 128 + 64 * 64 + 3 * 64 * 96 + 128) + 279 * 64 + 64)
    );
}

#[test]
fn a_file_is_read_like_its_bytes() {
    let bytes = tiny_gguf(Family::Llama, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, &bytes).unwrap();
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    let from_file = Model::load(&path, &options).unwrap();
    let from_bytes = Model::from_bytes(&bytes, &options).unwrap();
    let tokens = [7, 8, 9];
    assert_eq!(
        from_file.score(&tokens, 2).unwrap(),
        from_bytes.score(&tokens, 2).unwrap()
    );
    let missing = Model::load(&folder.path().join("no"), &options).unwrap_err();
    assert!(matches!(missing, Error::File { .. }));
}
