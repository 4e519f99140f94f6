//! Pre-tokenizers: how a text is cut into pieces before merges. Patterns are those of the models'
//! public tokenizer definitions; their look-ahead `\s+(?!\S)` is done by hand after the match, so
//! that the automaton stays linear in the text, whatever it holds.

use crate::{Error, Result};
use regex::Regex;
use std::sync::LazyLock;

/// GPT-2's pattern without its look-ahead.
static GPT2: LazyLock<Regex> =
    LazyLock::new(|| compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"));

/// Qwen2's pattern without its look-ahead.
static QWEN2: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
    ))
});

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

/// A pre-tokenizer that is known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    /// SmolLM: each digit alone, then GPT-2's pattern.
    Smollm,
    /// Qwen2.
    Qwen2,
}

impl Split {
    /// The pre-tokenizer of `tokenizer.ggml.pre`.
    pub(super) fn named(name: &str) -> Result<Self> {
        match name {
            "smollm" => Ok(Self::Smollm),
            "qwen2" => Ok(Self::Qwen2),
            _ => Err(Error::Unsupported(format!("pre-tokenizer {name:?}"))),
        }
    }

    /// Calls `each` with every piece, in order; together they are the text.
    pub(super) fn pieces(self, text: &str, mut each: impl FnMut(&str)) {
        match self {
            Self::Qwen2 => cut(&QWEN2, text, &mut each),
            Self::Smollm => {
                let mut start = 0;
                for (at, c) in text.char_indices().filter(|(_, c)| c.is_numeric()) {
                    cut(&GPT2, &text[start..at], &mut each);
                    start = at + c.len_utf8();
                    each(&text[at..start]);
                }
                cut(&GPT2, &text[start..], &mut each);
            }
        }
    }
}

/// Cuts by a pattern that matches somewhere in every non-empty text and ends with `|\s+`.
fn cut(pattern: &Regex, text: &str, each: &mut impl FnMut(&str)) {
    let mut at = 0;
    while at < text.len() {
        let found = pattern.find_at(text, at);
        let (start, mut end) = found.map_or((at, text.len()), |m| (m.start(), m.end()));
        debug_assert_eq!(start, at, "the pattern covers every character");
        // `\s+(?!\S)`: a run of white space before a word leaves its last character to the word.
        // Runs with a line break were taken by an earlier branch where the pattern has one.
        let run = &text[start..end];
        if end < text.len() && run.chars().all(char::is_whitespace) && !ends_line(pattern, run) {
            let last = run.chars().next_back().map_or(0, char::len_utf8);
            if run.len() > last {
                end -= last;
            }
        }
        each(&text[start..end]);
        at = end;
    }
}

/// True where Qwen2's branch `\s*[\r\n]+` made the match: it needs no look-ahead.
fn ends_line(pattern: &Regex, run: &str) -> bool {
    std::ptr::eq(pattern, &*QWEN2) && run.ends_with(['\r', '\n'])
}
