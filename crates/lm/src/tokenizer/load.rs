//! Builds a tokenizer of its definition, wherever that was read. Spellings, merges and ids are
//! checked against each other here, once.

use super::bpe::Bpe;
use super::definition::{Definition, TokenKind};
use super::{Tokenizer, bytes};
use crate::{Error, Result};
use regex::Regex;
use std::collections::HashMap;

/// Spellings that end an answer in the model families we know, beside the file's own end token.
const END_SPELLINGS: [&str; 3] = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>"];

impl Tokenizer {
    /// The tokenizer of a definition.
    pub(crate) fn new(definition: Definition) -> Result<Self> {
        let tokens = &definition.tokens;
        if tokens.is_empty() || u32::try_from(tokens.len()).is_err() {
            return Err(Error::Malformed(format!("{} tokens", tokens.len())));
        }
        let ids = ids(tokens)?;
        let bpe = bpe(&definition, &ids)?;
        let mut out = Self {
            bpe,
            bytes: Vec::with_capacity(tokens.len()),
            specials: HashMap::new(),
            finder: None,
            controls: Vec::new(),
            ends: Vec::new(),
            definition,
        };
        out.add_all()?;
        out.finder = finder(out.specials.keys())?;
        out.ends = out.ends();
        Ok(out)
    }

    fn add_all(&mut self) -> Result<()> {
        let kinds = self.definition.kinds.iter();
        for (id, (token, kind)) in (0u32..).zip(self.definition.tokens.iter().zip(kinds)) {
            if matches!(kind, TokenKind::Normal | TokenKind::Unused) {
                // A padding token's spelling may be outside the alphabet: then it is its own text.
                let bytes = bytes::decode(token).unwrap_or_else(|| token.as_bytes().into());
                self.bytes.push(bytes);
                continue;
            }
            if token.is_empty() {
                return Err(Error::Malformed(format!("special token {id} is empty")));
            }
            self.bytes.push(token.as_bytes().into());
            self.specials.insert(token.clone(), id);
            if *kind == TokenKind::Control {
                self.controls.push(id);
            }
        }
        Ok(())
    }

    fn ends(&self) -> Vec<u32> {
        let mut ends = self.definition.ends.clone();
        let known = END_SPELLINGS.iter().filter_map(|s| self.special(s));
        ends.extend(known.filter(|&id| self.is_control(id)));
        ends.sort_unstable();
        ends.dedup();
        ends
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

fn bpe(definition: &Definition, ids: &HashMap<&str, u32>) -> Result<Bpe> {
    let mut letters = [u32::MAX; 256];
    for (slot, c) in letters.iter_mut().zip(bytes::alphabet()) {
        if let Some(&id) = ids.get(c.encode_utf8(&mut [0; 4]) as &str) {
            *slot = id;
        }
    }
    let mut pairs = HashMap::with_capacity(definition.merges.len());
    let mut joined = String::new();
    for (rank, merge) in (0u32..).zip(&definition.merges) {
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
    let whole = definition.split.takes_whole_pieces();
    Ok(Bpe {
        bytes: letters,
        merges: pairs,
        whole: whole.then(|| whole_pieces(definition)),
    })
}

/// Every text token by its bytes.
fn whole_pieces(definition: &Definition) -> HashMap<Box<[u8]>, u32> {
    let tokens = (0u32..).zip(definition.tokens.iter().zip(&definition.kinds));
    let normal = tokens.filter(|(_, (_, kind))| **kind == TokenKind::Normal);
    normal
        .filter_map(|(id, (token, _))| Some((bytes::decode(token)?, id)))
        .collect()
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
