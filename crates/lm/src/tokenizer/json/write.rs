//! Writes a tokenizer.json that the `tokenizers` library loads. Reads nothing.

use super::parts;
use super::schema::PreTokenizer;
use crate::tokenizer::definition::{Definition, TokenKind};
use crate::tokenizer::split::Split;
use serde_json::{Value, json};

impl Definition {
    /// The contents of a tokenizer.json.
    pub(crate) fn to_json(&self) -> Value {
        let tokens = (0u32..).zip(self.tokens.iter().zip(&self.kinds));
        let is_filler = |id: u32, text: &str| *text == Self::filler(id as usize);
        let mut vocab = serde_json::Map::new();
        let mut added = Vec::new();
        for (id, (text, kind)) in tokens {
            if *kind == TokenKind::Unused && is_filler(id, text) {
                continue;
            }
            vocab.insert(text.clone(), json!(id));
            if matches!(kind, TokenKind::Control | TokenKind::UserDefined) {
                added.push(json!({
                    "id": id, "content": text, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": *kind == TokenKind::Control,
                }));
            }
        }
        let bytes = |use_regex| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": self.split.composes().then(|| json!({"type": "NFC"})),
            "pre_tokenizer": pre_tokenizer(self.split),
            "post_processor": self.post_processor().unwrap_or_else(|| bytes(true)),
            "decoder": bytes(true),
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null,
                "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
                "byte_fallback": false, "ignore_merges": self.split.takes_whole_pieces(),
                "vocab": vocab, "merges": self.merges,
            },
        })
    }

    /// The part that puts the beginning-of-sequence token first, where one is put.
    fn post_processor(&self) -> Option<Value> {
        let id = self.begin.filter(|_| self.add_begin)?;
        let text = self.spelling(Some(id));
        let begin = json!({"SpecialToken": {"id": text, "type_id": 0}});
        let sequence = |id, kind| json!({"Sequence": {"id": id, "type_id": kind}});
        Some(json!({
            "type": "TemplateProcessing",
            "single": [begin, sequence("A", 0)],
            "pair": [begin, sequence("A", 0), sequence("B", 1)],
            "special_tokens": {text: {"id": text, "ids": [id], "tokens": [text]}},
        }))
    }
}

fn pre_tokenizer(split: Split) -> Value {
    match <[PreTokenizer; 1]>::try_from(parts(split)) {
        Ok([one]) => json!(one),
        Err(pretokenizers) => json!(PreTokenizer::Sequence { pretokenizers }),
    }
}
