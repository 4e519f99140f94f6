//! The shape of a tokenizer.json, as far as it is known: serde refuses other fields and variants by
//! name. Types only.

use crate::json::Unique;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "version")]
    pub(super) _version: Option<Value>,
    // The caller's affair: what is cut off, and filled up to which length.
    #[serde(rename = "truncation")]
    pub(super) _truncation: Option<Value>,
    #[serde(rename = "padding")]
    pub(super) _padding: Option<Value>,
    #[serde(default)]
    pub(super) added_tokens: Vec<Added>,
    pub(super) normalizer: Option<Normalizer>,
    pub(super) pre_tokenizer: Option<PreTokenizer>,
    pub(super) post_processor: Option<PostProcessor>,
    pub(super) decoder: Option<Decoder>,
    pub(super) model: Model,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Added {
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    #[serde(default, rename = "normalized")]
    pub(super) _normalized: bool,
    #[serde(default)]
    pub(super) special: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Normalizer {
    #[serde(rename = "NFC")]
    Nfc,
    Sequence {
        normalizers: Vec<Normalizer>,
    },
}

#[derive(Deserialize, Serialize, PartialEq, Clone)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum PreTokenizer {
    ByteLevel {
        add_prefix_space: bool,
        #[serde(default = "yes")]
        trim_offsets: bool,
        #[serde(default = "yes")]
        use_regex: bool,
    },
    Digits {
        individual_digits: bool,
    },
    Split {
        pattern: Pattern,
        behavior: String,
        invert: bool,
    },
    Sequence {
        pretokenizers: Vec<PreTokenizer>,
    },
}

#[derive(Deserialize, Serialize, PartialEq, Clone)]
pub(super) enum Pattern {
    Regex(String),
    String(String),
}

#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
#[expect(dead_code, reason = "the fields are named so that others are refused")]
pub(super) enum Decoder {
    ByteLevel {
        add_prefix_space: Option<bool>,
        trim_offsets: Option<bool>,
        use_regex: Option<bool>,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
#[expect(dead_code, reason = "the fields are named so that others are refused")]
pub(super) enum PostProcessor {
    ByteLevel {
        add_prefix_space: Option<bool>,
        trim_offsets: Option<bool>,
        use_regex: Option<bool>,
    },
    TemplateProcessing {
        single: Vec<Place>,
        pair: Value,
        special_tokens: Value,
    },
    Sequence {
        processors: Vec<PostProcessor>,
    },
}

#[derive(Deserialize)]
pub(super) enum Place {
    SpecialToken { id: String },
    Sequence { id: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    pub(super) r#type: Option<String>,
    pub(super) dropout: Option<f64>,
    // Never used: every byte of a byte-level model has a token, or is dropped.
    #[serde(rename = "unk_token")]
    pub(super) _unk_token: Option<String>,
    pub(super) continuing_subword_prefix: Option<String>,
    pub(super) end_of_word_suffix: Option<String>,
    #[serde(default, rename = "fuse_unk")]
    pub(super) _fuse_unk: bool,
    #[serde(default)]
    pub(super) byte_fallback: bool,
    #[serde(default)]
    pub(super) ignore_merges: bool,
    pub(super) vocab: Unique<u32>,
    pub(super) merges: Vec<Merge>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Merge {
    Text(String),
    Pair(String, String),
}

fn yes() -> bool {
    true
}
