//! A tokenizer's definition from GGUF metadata and back. Refuses by name what it does not know;
//! trusts no id.

use super::Tokenizer;
use super::definition::{Definition, TokenKind};
use super::split::Split;
use crate::gguf::{Header, Value};
use crate::{Error, Result};

/// Token types of `tokenizer.ggml.token_type`, as the format numbers them.
const KINDS: [(i64, TokenKind); 4] = [
    (1, TokenKind::Normal),
    (3, TokenKind::Control),
    (4, TokenKind::UserDefined),
    (5, TokenKind::Unused),
];

impl Tokenizer {
    /// The tokenizer of a GGUF file.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model or pre-tokenizer that is not known, [`Error::Malformed`]
    /// where tokens, types, merges and ids contradict each other.
    pub fn from_header(header: &Header) -> Result<Self> {
        Self::new(Definition::from_header(header)?)
    }
}

impl Definition {
    fn from_header(header: &Header) -> Result<Self> {
        let model = header.string("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(Error::Unsupported(format!("tokenizer {model:?}")));
        }
        let tokens = header.strings("tokenizer.ggml.tokens")?;
        let id = |key: &str| special_id(header, &format!("tokenizer.ggml.{key}"), tokens.len());
        let ends = [id("eos_token_id")?, id("eot_token_id")?];
        let add_begin = header.boolean("tokenizer.ggml.add_bos_token")?;
        Ok(Self {
            split: Split::named(header.string("tokenizer.ggml.pre")?)?,
            kinds: kinds(header, tokens.len())?,
            merges: header.strings("tokenizer.ggml.merges")?.to_vec(),
            begin: id("bos_token_id")?,
            ends: ends.into_iter().flatten().collect(),
            padding: id("padding_token_id")?,
            add_begin: add_begin.unwrap_or(false),
            tokens: tokens.to_vec(),
        })
    }

    /// The metadata of a GGUF file with this tokenizer.
    pub(crate) fn metadata(&self) -> Vec<(String, Value)> {
        let number = |kind: &TokenKind| {
            let found = KINDS.iter().find(|(_, k)| k == kind);
            found.map_or(1, |(number, _)| *number)
        };
        let kinds = self.kinds.iter().map(number).collect();
        let mut out = vec![
            ("model", Value::String("gpt2".into())),
            ("pre", Value::String(self.split.name().into())),
            ("tokens", Value::Strings(self.tokens.clone())),
            ("token_type", Value::Integers(kinds)),
            ("merges", Value::Strings(self.merges.clone())),
            ("add_bos_token", Value::Bool(self.add_begin)),
        ];
        let ids = [
            ("bos_token_id", self.begin),
            ("eos_token_id", self.ends.first().copied()),
            ("eot_token_id", self.ends.get(1).copied()),
            ("padding_token_id", self.padding),
        ];
        let there =
            |(key, id): (&'static str, Option<u32>)| Some((key, Value::Unsigned(id?.into())));
        out.extend(ids.into_iter().filter_map(there));
        let full = |(key, value)| (format!("tokenizer.ggml.{key}"), value);
        out.into_iter().map(full).collect()
    }
}

fn kinds(header: &Header, count: usize) -> Result<Vec<TokenKind>> {
    let kinds = match header.metadata.get("tokenizer.ggml.token_type") {
        Some(Value::Integers(kinds)) if kinds.len() == count => kinds,
        Some(_) => return Err(Error::Malformed("token types do not fit the tokens".into())),
        None => {
            let text = "key tokenizer.ggml.token_type is missing";
            return Err(Error::Malformed(text.into()));
        }
    };
    let kind = |(id, number): (usize, &i64)| {
        let found = KINDS.iter().find(|(n, _)| n == number);
        found
            .map(|(_, kind)| *kind)
            .ok_or_else(|| Error::Unsupported(format!("type {number} of token {id}")))
    };
    kinds.iter().enumerate().map(kind).collect()
}

fn special_id(header: &Header, key: &str, count: usize) -> Result<Option<u32>> {
    match header.metadata.get(key) {
        None => Ok(None),
        Some(&Value::Unsigned(id)) if id < count as u64 => Ok(u32::try_from(id).ok()),
        Some(other) => Err(Error::Malformed(format!("{key} is {other:?}"))),
    }
}
