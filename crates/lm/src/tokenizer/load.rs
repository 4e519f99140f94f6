//! Builds the tokenizer from a GGUF header. Refuses by name what it does not know; trusts no id.

use super::bpe::Bpe;
use super::split::Split;
use super::{Tokenizer, bytes};
use crate::gguf::{Header, Value};
use crate::{Error, Result};
use regex::Regex;
use std::collections::HashMap;

/// Token types of `tokenizer.ggml.token_type`.
const NORMAL: i64 = 1;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const UNUSED: i64 = 5;

/// Spellings that end an answer in the model families we know, beside the file's own end token.
const END_SPELLINGS: [&str; 3] = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>"];

impl Tokenizer {
    /// The tokenizer of a file.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model or pre-tokenizer that is not known, [`Error::Malformed`]
    /// where tokens, types, merges and ids contradict each other.
    pub fn from_header(header: &Header) -> Result<Self> {
        let model = header.string("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(Error::Unsupported(format!("tokenizer {model:?}")));
        }
        let split = Split::named(header.string("tokenizer.ggml.pre")?)?;
        let tokens = header.strings("tokenizer.ggml.tokens")?;
        if tokens.is_empty() || u32::try_from(tokens.len()).is_err() {
            return Err(Error::Malformed(format!("{} tokens", tokens.len())));
        }
        let kinds = kinds(header, tokens.len())?;
        let ids = ids(tokens)?;
        let bpe = bpe(&ids, header.strings("tokenizer.ggml.merges")?)?;
        let mut out = Self {
            bpe,
            split,
            bytes: Vec::with_capacity(tokens.len()),
            specials: HashMap::new(),
            finder: None,
            controls: Vec::new(),
            ends: Vec::new(),
            begin: None,
        };
        for (id, (token, &kind)) in (0u32..).zip(tokens.iter().zip(&kinds)) {
            out.add(id, token, kind)?;
        }
        out.finder = finder(out.specials.keys())?;
        out.ends = ends(header, &out)?;
        if header
            .boolean("tokenizer.ggml.add_bos_token")?
            .unwrap_or(false)
        {
            out.begin = special_id(header, "tokenizer.ggml.bos_token_id", tokens.len())?;
        }
        Ok(out)
    }

    fn add(&mut self, id: u32, token: &str, kind: i64) -> Result<()> {
        match kind {
            NORMAL | UNUSED => {
                // A padding token's spelling may be outside the alphabet: then it is its own text.
                let bytes = bytes::decode(token).unwrap_or_else(|| token.as_bytes().into());
                self.bytes.push(bytes);
            }
            CONTROL | USER_DEFINED => {
                if token.is_empty() {
                    return Err(Error::Malformed(format!("special token {id} is empty")));
                }
                self.bytes.push(token.as_bytes().into());
                self.specials.insert(token.to_owned(), id);
                if kind == CONTROL {
                    self.controls.push(id);
                }
            }
            _ => return Err(Error::Unsupported(format!("type {kind} of token {id}"))),
        }
        Ok(())
    }
}

fn kinds(header: &Header, count: usize) -> Result<Vec<i64>> {
    match header.metadata.get("tokenizer.ggml.token_type") {
        Some(Value::Integers(kinds)) if kinds.len() == count => Ok(kinds.clone()),
        Some(_) => Err(Error::Malformed("token types do not fit the tokens".into())),
        None => Err(Error::Malformed(
            "key tokenizer.ggml.token_type is missing".into(),
        )),
    }
}

fn ids(tokens: &[String]) -> Result<HashMap<&str, u32>> {
    let mut ids = HashMap::with_capacity(tokens.len());
    for (id, token) in (0u32..).zip(tokens) {
        if let Some(first) = ids.insert(token.as_str(), id) {
            return Err(Error::Malformed(format!(
                "tokens {first} and {id} are equal"
            )));
        }
    }
    Ok(ids)
}

fn bpe(ids: &HashMap<&str, u32>, merges: &[String]) -> Result<Bpe> {
    let mut letters = [u32::MAX; 256];
    for (slot, c) in letters.iter_mut().zip(bytes::alphabet()) {
        if let Some(&id) = ids.get(c.encode_utf8(&mut [0; 4]) as &str) {
            *slot = id;
        }
    }
    let mut pairs = HashMap::with_capacity(merges.len());
    let mut joined = String::new();
    for (rank, merge) in (0u32..).zip(merges) {
        let bad = || Error::Malformed(format!("merge {rank} is not of two tokens to a third"));
        // Spellings hold no space: it is 'Ġ' in the alphabet.
        let (left, right) = merge.split_once(' ').ok_or_else(bad)?;
        joined.clear();
        joined.push_str(left);
        joined.push_str(right);
        let id = |s: &str| ids.get(s).copied().ok_or_else(bad);
        let pair = (id(left)?, id(right)?);
        pairs.entry(pair).or_insert((rank, id(&joined)?));
    }
    Ok(Bpe {
        bytes: letters,
        merges: pairs,
    })
}

/// Longest spelling first: an alternation takes the first that matches.
fn finder<'a>(spellings: impl Iterator<Item = &'a String>) -> Result<Option<Regex>> {
    let mut all: Vec<&String> = spellings.collect();
    if all.is_empty() {
        return Ok(None);
    }
    all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    let escaped: Vec<String> = all.iter().map(|s| regex::escape(s)).collect();
    Regex::new(&escaped.join("|"))
        .map(Some)
        .map_err(|_| Error::Unsupported("special tokens too many or too long".into()))
}

fn special_id(header: &Header, key: &str, count: usize) -> Result<Option<u32>> {
    match header.metadata.get(key) {
        None => Ok(None),
        Some(&Value::Unsigned(id)) if id < count as u64 => Ok(u32::try_from(id).ok()),
        Some(other) => Err(Error::Malformed(format!("{key} is {other:?}"))),
    }
}

fn ends(header: &Header, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
    let count = tokenizer.vocabulary();
    let mut ends = Vec::new();
    for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"] {
        ends.extend(special_id(header, key, count)?);
    }
    let known = END_SPELLINGS.iter().filter_map(|s| tokenizer.special(s));
    ends.extend(known.filter(|&id| tokenizer.is_control(id)));
    ends.sort_unstable();
    ends.dedup();
    Ok(ends)
}
