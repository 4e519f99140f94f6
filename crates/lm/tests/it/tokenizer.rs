//! Token ids equal those of the reference tokenizers on lines in many scripts.

use crate::real_model::model;
use crate::reference::read;
use lm::gguf::{Header, Value};
use lm::testing::GgufWriter;
use lm::{Detokenizer, Specials, Tokenizer};
use serde::Deserialize;
use std::collections::BTreeMap;

type Lines = Vec<(String, Vec<u32>)>;

fn compare(tokenizer: &Tokenizer, lines: &Lines) {
    assert!(lines.len() >= 400);
    let wrong: Vec<_> = lines
        .iter()
        .map(|(text, ids)| (text, ids, tokenizer.encode(text, Specials::Text)))
        .filter(|(_, ids, got)| *ids != got)
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} lines: {:?}",
        wrong.len(),
        lines.len(),
        &wrong[..1]
    );
}

#[test]
fn smollm_equals_the_reference() {
    compare(model().tokenizer(), &read("smollm.json"));
}

#[derive(Deserialize)]
struct Qwen2 {
    tokens: Vec<String>,
    merges: Vec<String>,
    lines: Lines,
}

fn qwen2() -> (Tokenizer, Lines) {
    let Qwen2 {
        tokens,
        merges,
        lines,
    } = read("qwen2.json");
    let mut writer = GgufWriter::new();
    writer.set("tokenizer.ggml.model", Value::String("gpt2".into()));
    writer.set("tokenizer.ggml.pre", Value::String("qwen2".into()));
    writer.set(
        "tokenizer.ggml.token_type",
        Value::Integers(vec![1; tokens.len()]),
    );
    writer.set("tokenizer.ggml.tokens", Value::Strings(tokens));
    writer.set("tokenizer.ggml.merges", Value::Strings(merges));
    let bytes = writer.bytes();
    let header = Header::parse(&bytes, bytes.len() as u64).unwrap();
    (Tokenizer::from_header(&header).unwrap(), lines)
}

#[test]
fn qwen2_equals_the_reference() {
    let (tokenizer, lines) = qwen2();
    compare(&tokenizer, &lines);
}

#[derive(Deserialize)]
struct FamilyCase {
    tokenizer: serde_json::Value,
    hashes: Vec<String>,
}

/// FNV-1a of 64 bits over the ids as little-endian words.
fn hash(ids: &[u32]) -> String {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[test]
fn each_familys_tokenizer_json_equals_the_reference() {
    let families: BTreeMap<String, FamilyCase> = read("tokenizers.json");
    let lines: Lines = read("smollm.json");
    assert_eq!(families.len(), 4);
    for (family, case) in families {
        let vocabulary = case.tokenizer["model"]["vocab"].as_object().unwrap().len();
        let text = case.tokenizer.to_string();
        let tokenizer = Tokenizer::from_json(text.as_bytes(), vocabulary).unwrap();
        assert_eq!(case.hashes.len(), lines.len());
        for ((line, _), want) in lines.iter().zip(&case.hashes) {
            let ids = tokenizer.encode(line, Specials::Text);
            assert_eq!(hash(&ids), *want, "{family}: {line:?} {ids:?}");
        }
    }
}

#[test]
fn a_stream_of_tokens_gives_the_text_back() {
    let (tokenizer, lines) = qwen2();
    for (text, ids) in &lines {
        let mut stream = Detokenizer::new();
        let mut got: String = ids
            .iter()
            .map(|&t| stream.push(tokenizer.bytes(t)))
            .collect();
        got.push_str(&stream.finish());
        // The tokenizer composes first: compare what it was given.
        let again = tokenizer.encode(&got, Specials::Text);
        assert_eq!(&again, ids, "{text:?}");
        assert!(!got.contains('\u{fffd}'), "{text:?}");
    }
}

#[test]
fn a_hostile_piece_is_tokenised_in_time() {
    let (tokenizer, _) = qwen2();
    for text in [
        "a".repeat(1 << 20),
        " ".repeat(1 << 20),
        "\u{301}".repeat(1 << 19),
    ] {
        assert!(!tokenizer.encode(&text, Specials::Text).is_empty());
    }
}
