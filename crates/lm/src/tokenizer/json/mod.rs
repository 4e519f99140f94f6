//! A tokenizer's definition from `tokenizer.json` (the format of the `tokenizers` library) and
//! back. Byte-level BPE alone; pre-tokenizers are recognised by their contents, and whatever is not
//! known is refused by name. Trusts no id.

mod schema;
mod write;

use super::Tokenizer;
use super::definition::{Definition, TokenKind};
use super::split::Split;
use crate::json::{self, Unique, shortened};
use crate::{Error, Result};
use schema::{Added, File, Merge, Normalizer, Pattern, Place, PostProcessor, PreTokenizer};
use serde_json::json;

/// Most ids without a token: models pad their tables by some hundreds of rows.
const MOST_FILLERS: usize = 1 << 16;

/// What stands beside tokenizer.json: spellings of the tokens with a meaning.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub(crate) begin: Option<String>,
    pub(crate) end: Option<String>,
    pub(crate) padding: Option<String>,
    /// Whether a text begins with `begin`, where that is said.
    pub(crate) add_begin: Option<bool>,
    /// Ids that end an answer, beside `end`.
    pub(crate) ends: Vec<u32>,
}

impl Tokenizer {
    /// The tokenizer of a tokenizer.json alone, for a model with a table of `vocabulary` tokens.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names what is not known, [`Error::Malformed`] what contradicts
    /// itself.
    pub fn from_json(text: &[u8], vocabulary: usize) -> Result<Self> {
        Self::new(Definition::from_json(text, &Named::default(), vocabulary)?)
    }
}

impl Definition {
    /// Reads the text of a tokenizer.json, for a model with a table of `vocabulary` tokens.
    pub(crate) fn from_json(text: &[u8], named: &Named, vocabulary: usize) -> Result<Self> {
        let file: File = json::parse("tokenizer.json", text)?;
        let split = split(&file)?;
        let mut out = Self {
            split,
            tokens: Vec::new(),
            kinds: Vec::new(),
            merges: Vec::new(),
            begin: None,
            ends: Vec::new(),
            padding: None,
            add_begin: false,
        };
        let first = begin_of(file.post_processor.as_ref())?;
        let merges = file.model.merges.into_iter().map(|merge| match merge {
            Merge::Text(text) => text,
            Merge::Pair(left, right) => format!("{left} {right}"),
        });
        out.merges = merges.collect();
        out.place(file.model.vocab, file.added_tokens, vocabulary)?;
        out.name(named, first)?;
        Ok(out)
    }

    /// Puts every token at its id.
    fn place(&mut self, vocab: Unique<u32>, added: Vec<Added>, vocabulary: usize) -> Result<()> {
        let known = vocab.0.len() + added.len();
        if vocabulary > known.saturating_add(MOST_FILLERS) {
            return Err(Error::Malformed(format!(
                "tokenizer.json has {known} tokens, the model {vocabulary}"
            )));
        }
        let mut places: Vec<Option<(String, TokenKind)>> = vec![None; vocabulary];
        let beyond = |id| {
            Error::Malformed(format!(
                "tokenizer.json: token {id} is beyond the model's {vocabulary}"
            ))
        };
        for (token, id) in vocab.0 {
            let place = places.get_mut(id as usize).ok_or_else(|| beyond(id))?;
            if let Some((other, _)) = place.replace((token, TokenKind::Normal)) {
                return Err(Error::Malformed(format!(
                    "tokenizer.json: {other:?} and another token have id {id}"
                )));
            }
        }
        for token in added {
            let Added { id, content, .. } = token;
            if token.single_word || token.lstrip || token.rstrip {
                return Err(Error::Unsupported(format!(
                    "tokenizer.json: added token {content:?} takes spaces or words along"
                )));
            }
            let place = places.get_mut(id as usize).ok_or_else(|| beyond(id))?;
            if place.as_ref().is_some_and(|(text, _)| *text != content) {
                return Err(Error::Malformed(format!(
                    "tokenizer.json: {content:?} and another token have id {id}"
                )));
            }
            let kind = match token.special {
                true => TokenKind::Control,
                false => TokenKind::UserDefined,
            };
            *place = Some((content, kind));
        }
        let filled = places.into_iter().enumerate();
        let filled = filled
            .map(|(id, place)| place.unwrap_or_else(|| (Self::filler(id), TokenKind::Unused)));
        (self.tokens, self.kinds) = filled.unzip();
        Ok(())
    }

    /// Finds the ids of the tokens with a meaning.
    fn name(&mut self, named: &Named, first: Option<String>) -> Result<()> {
        let find = |spelling: &Option<String>| match spelling {
            None => Ok(None),
            Some(spelling) => match self.tokens.iter().position(|t| t == spelling) {
                // Ids fit: `Tokenizer::new` refuses more tokens than u32 counts.
                Some(id) => Ok(Some(id as u32)),
                None => Err(Error::Malformed(format!(
                    "tokenizer: {spelling:?} is no token"
                ))),
            },
        };
        let (begin, end, padding) = (
            find(&named.begin)?,
            find(&named.end)?,
            find(&named.padding)?,
        );
        let first = find(&first)?;
        let add_begin = first.is_some();
        if add_begin && begin.is_some() && first != begin {
            return Err(Error::Unsupported(
                "tokenizer.json: a text begins with another token than bos_token".into(),
            ));
        }
        if named.add_begin.is_some_and(|said| said != add_begin) {
            return Err(Error::Unsupported(
                "tokenizer: add_bos_token contradicts tokenizer.json's post_processor".into(),
            ));
        }
        (self.begin, self.padding, self.add_begin) = (begin.or(first), padding, add_begin);
        self.ends.extend(end);
        for &id in &named.ends {
            if id as usize >= self.tokens.len() {
                return Err(Error::Malformed(format!("end token {id} is no token")));
            }
            if !self.ends.contains(&id) {
                self.ends.push(id);
            }
        }
        Ok(())
    }
}

/// The parts of each pre-tokenizer that is known.
fn parts(split: Split) -> Vec<PreTokenizer> {
    let bytes = |use_regex| PreTokenizer::ByteLevel {
        add_prefix_space: false,
        trim_offsets: true,
        use_regex,
    };
    match (split, split.pattern()) {
        (_, Some(pattern)) => vec![
            PreTokenizer::Split {
                pattern: Pattern::Regex(pattern),
                behavior: "Isolated".into(),
                invert: false,
            },
            bytes(false),
        ],
        (Split::Smollm, None) => vec![
            PreTokenizer::Digits {
                individual_digits: true,
            },
            bytes(true),
        ],
        (_, None) => vec![bytes(true)],
    }
}

/// Which pre-tokenizer a file has, by its contents.
fn split(file: &File) -> Result<Split> {
    let unsupported = |text: &str| Err(Error::Unsupported(format!("tokenizer.json: {text}")));
    let mut found = Vec::new();
    flatten(file.pre_tokenizer.as_ref(), &mut found);
    // Offsets are not asked for: where they are trimmed does not matter.
    for part in &mut found {
        if let PreTokenizer::ByteLevel { trim_offsets, .. } = part {
            *trim_offsets = true;
        }
    }
    let split = Split::ALL.into_iter().find(|s| parts(*s) == found);
    let Some(split) = split else {
        let text = shortened(&json!(found).to_string());
        return unsupported(&format!("pre-tokenizer {text}"));
    };
    let name = split.name();
    if composes(file.normalizer.as_ref()) != split.composes() {
        return unsupported(&format!("normalizer with pre-tokenizer {name:?}"));
    }
    let model = &file.model;
    if model.ignore_merges != split.takes_whole_pieces() {
        return unsupported(&format!("ignore_merges with pre-tokenizer {name:?}"));
    }
    match model.r#type.as_deref() {
        Some("BPE") | None => {}
        Some(other) => return unsupported(&format!("model {other:?}")),
    }
    let affix = [&model.continuing_subword_prefix, &model.end_of_word_suffix];
    if affix.into_iter().flatten().any(|s| !s.is_empty()) {
        return unsupported("continuing_subword_prefix or end_of_word_suffix");
    }
    if model.dropout.is_some_and(|d| d != 0.0) || model.byte_fallback {
        return unsupported("dropout or byte_fallback");
    }
    if file.decoder.is_none() {
        return unsupported("no decoder");
    }
    Ok(split)
}

fn flatten(part: Option<&PreTokenizer>, out: &mut Vec<PreTokenizer>) {
    match part {
        None => {}
        Some(PreTokenizer::Sequence { pretokenizers }) => {
            pretokenizers.iter().for_each(|p| flatten(Some(p), out));
        }
        Some(other) => out.push(other.clone()),
    }
}

fn composes(normalizer: Option<&Normalizer>) -> bool {
    match normalizer {
        None => false,
        Some(Normalizer::Nfc) => true,
        Some(Normalizer::Sequence { normalizers }) => normalizers.iter().any(|n| composes(Some(n))),
    }
}

/// The token that a post-processor puts before a text.
fn begin_of(processor: Option<&PostProcessor>) -> Result<Option<String>> {
    match processor {
        None | Some(PostProcessor::ByteLevel { .. }) => Ok(None),
        Some(PostProcessor::TemplateProcessing { single, .. }) => match single.as_slice() {
            [Place::Sequence { id }] if id == "A" => Ok(None),
            [Place::SpecialToken { id: begin }, Place::Sequence { id }] if id == "A" => {
                Ok(Some(begin.clone()))
            }
            _ => Err(Error::Unsupported(
                "tokenizer.json: post_processor puts more than one token before a text".into(),
            )),
        },
        Some(PostProcessor::Sequence { processors }) => {
            let mut begin = None;
            for processor in processors {
                let next = begin_of(Some(processor))?;
                if begin.is_some() && next.is_some() {
                    return Err(Error::Unsupported(
                        "tokenizer.json: post_processor puts two tokens before a text".into(),
                    ));
                }
                begin = begin.or(next);
            }
            Ok(begin)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tiny_tokenizer;

    /// A definition of each pre-tokenizer, with and without a beginning, with a gap in its ids.
    fn definitions() -> impl Iterator<Item = Definition> {
        let all = Split::ALL.into_iter().flat_map(|s| [(s, false), (s, true)]);
        all.map(|(split, add_begin)| {
            let tiny = tiny_tokenizer(crate::Family::Llama);
            let mut out = tiny.definition().clone();
            (out.split, out.add_begin) = (split, add_begin);
            out.kinds[1] = TokenKind::UserDefined;
            out.kinds.extend([TokenKind::Unused, TokenKind::Normal]);
            let gap = Definition::filler(out.tokens.len());
            out.tokens.extend([gap, "Ġlast".to_owned()]);
            out.padding = Some(0);
            out
        })
    }

    fn named(of: &Definition) -> Named {
        let spelling = |id: Option<u32>| id.map(|id| of.spelling(Some(id)).to_owned());
        Named {
            begin: spelling(of.begin),
            end: spelling(of.ends.first().copied()),
            padding: spelling(of.padding),
            add_begin: Some(of.add_begin),
            ends: of.ends.clone(),
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for old in definitions() {
            let text = old.to_json().to_string();
            let new = Definition::from_json(text.as_bytes(), &named(&old), old.tokens.len());
            assert_eq!(new.unwrap(), old);
        }
    }

    #[test]
    fn a_table_of_another_size_is_padded_or_refused() {
        let old = definitions().next().unwrap();
        let text = old.to_json().to_string();
        let read = |n| Definition::from_json(text.as_bytes(), &named(&old), n);
        let count = old.tokens.len();
        let padded = read(count + 3).unwrap();
        assert_eq!(padded.tokens[count + 2], Definition::filler(count + 2));
        assert_eq!(padded.kinds[count + 2], TokenKind::Unused);
        let short = read(count - 1).unwrap_err().to_string();
        assert!(short.contains("beyond"), "{short}");
        let absurd = read(1 << 23).unwrap_err().to_string();
        assert!(absurd.contains("8388608"), "{absurd}");
    }

    #[test]
    fn key_that_is_there_twice_is_refused() {
        let old = definitions().next().unwrap();
        let text = old.to_json().to_string();
        let twice = text.replacen("\"vocab\":{", "\"vocab\":{\"a\":1,\"a\":2,", 1);
        let error = Definition::from_json(twice.as_bytes(), &named(&old), old.tokens.len());
        assert!(error.unwrap_err().to_string().contains("twice"));
    }
}
