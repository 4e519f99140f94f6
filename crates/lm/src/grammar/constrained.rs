//! Grammars for one tokenizer, and one answer's place in its grammar.

use crate::{Error, Result, Tokenizer};
use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Most bytes of a schema.
const LONGEST_SCHEMA: usize = 256 << 10;
/// Most bytes of a reason that goes back to the client.
const LONGEST_REASON: usize = 400;

/// Makes grammars for one tokenizer. It reads the whole vocabulary; share it.
pub struct Grammars {
    factory: ParserFactory,
}

/// The form of an answer that has not begun; a copy for each answer.
pub struct Grammar {
    matcher: Matcher,
}

impl Grammars {
    /// Reads the vocabulary.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the tokenizer has no token that ends an answer.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self> {
        let all = 0..tokenizer.vocabulary() as u32;
        let ends: Vec<u32> = all.clone().filter(|&id| tokenizer.is_end(id)).collect();
        let Some(&end) = ends.first() else {
            let why = "answers of a given form: the tokenizer has no end token";
            return Err(Error::Unsupported(why.into()));
        };
        let words: Vec<Vec<u8>> = all.map(|id| word(tokenizer, id)).collect();
        guarded(|| {
            let info = TokRxInfo::new(words.len() as u32, end);
            let trie = TokTrie::from(&info, &words).with_eos_tokens(&ends);
            let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
            let mut factory = ParserFactory::new_simple(&env).map_err(|e| e.to_string())?;
            factory.quiet();
            *factory.limits_mut() = ParserLimits {
                verbose_errors: false,
                ..ParserLimits::default()
            };
            Ok(Self { factory })
        })
        .map_err(|why| Error::Unsupported(format!("answers of a given form: {why}")))
    }

    /// JSON that is valid under a JSON schema (text), with its properties in the schema's order.
    ///
    /// # Errors
    /// [`Error::Invalid`] says what of the schema is malformed, contradictory, too large, or not
    /// known: no keyword is passed over in silence.
    pub fn json_schema(&self, schema: &str) -> Result<Grammar> {
        let invalid = |why: String| Error::Invalid(format!("schema: {why}"));
        if schema.len() > LONGEST_SCHEMA {
            return Err(invalid(format!("longer than {LONGEST_SCHEMA} bytes")));
        }
        let schema: Value = serde_json::from_str(schema).map_err(|e| invalid(e.to_string()))?;
        let mut schema = match schema {
            Value::Object(fields) => fields,
            Value::Bool(true) => serde_json::Map::new(),
            _ => return Err(invalid("not an object".into())),
        };
        // The library's own options; a client's are not for it to set.
        let options = json!({
            "whitespace_flexible": false,
            "item_separator": ", ",
            "key_separator": ": ",
        });
        schema.insert("x-guidance".into(), options);
        let grammar = TopLevelGrammar::from_json_schema(schema.into());
        guarded(|| {
            let parser = self.factory.create_parser(grammar);
            let mut matcher = Matcher::new(Ok(parser.map_err(|e| e.to_string())?));
            match matcher.get_error() {
                Some(why) => Err(why),
                // A form that allows nothing is told now, not at the first token.
                None => match matcher.compute_mask_or_eos() {
                    Ok(mask) if mask.is_zero() => Err("nothing is valid under it".into()),
                    Ok(_) => Ok(Grammar { matcher }),
                    Err(why) => Err(why.to_string()),
                },
            }
        })
        .map_err(invalid)
    }

    /// Any JSON object.
    ///
    /// # Errors
    /// As [`Self::json_schema`].
    pub fn json_object(&self) -> Result<Grammar> {
        self.json_schema(r#"{"type":"object"}"#)
    }
}

impl Grammar {
    /// Sets the logits of tokens that can not come next to minus infinity. Where the answer is
    /// complete only the end is left.
    pub(crate) fn mask(&mut self, logits: &mut [f32]) -> Result<()> {
        let mask = self.matcher.compute_mask_or_eos().map_err(broken)?;
        if mask.is_zero() {
            return Err(broken("no token can come next"));
        }
        let allowed = mask.as_slice();
        for (logits, id) in logits.chunks_mut(32).zip(0..) {
            let word: u32 = allowed.get(id).copied().unwrap_or(0);
            for (bit, logit) in logits.iter_mut().enumerate() {
                if (word >> bit) & 1 == 0 {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        Ok(())
    }

    /// Takes the token that was chosen.
    pub(crate) fn push(&mut self, token: u32) -> Result<()> {
        if self.matcher.is_stopped() && !self.matcher.is_error() {
            return Ok(());
        }
        self.matcher.consume_token(token).map_err(broken)
    }
}

impl Clone for Grammar {
    /// With caches of its own, so that answers do not wait for each other.
    fn clone(&self) -> Self {
        Self {
            matcher: self.matcher.deep_clone(),
        }
    }
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammar").finish_non_exhaustive()
    }
}

/// A token's bytes as the library wants them: control tokens are marked and are no text.
fn word(tokenizer: &Tokenizer, id: u32) -> Vec<u8> {
    const MARK: u8 = TokTrie::SPECIAL_TOKEN_MARKER;
    let bytes = tokenizer.bytes(id);
    if tokenizer.is_control(id) || tokenizer.is_end(id) {
        return [&[MARK], bytes].concat();
    }
    // Text that begins with the mark is no UTF-8 and can not come in JSON.
    if bytes.first() == Some(&MARK) {
        return Vec::new();
    }
    bytes.to_vec()
}

/// Runs the library; a panic inside is a reason like any other.
fn guarded<T>(
    work: impl FnOnce() -> std::result::Result<T, String>,
) -> std::result::Result<T, String> {
    let done = catch_unwind(AssertUnwindSafe(work));
    let mut result = done.unwrap_or_else(|_| Err("the grammar library failed on it".into()));
    if let Err(why) = &mut result {
        // One line, and not a copy of the schema.
        let end = why.find('\n').unwrap_or(why.len()).min(LONGEST_REASON);
        why.truncate(why.floor_char_boundary(end));
    }
    result
}

fn broken(why: impl fmt::Display) -> Error {
    let why = why.to_string();
    let line = why.lines().next().unwrap_or_default().to_owned();
    Error::Grammar(line)
}
