//! Pre-tokenizers: how a text is cut into pieces before merges. Patterns are those of the models'
//! public tokenizer definitions; their look-ahead `\s+(?!\S)` is done by hand after the match, so
//! that the automaton stays linear in the text, whatever it holds.

use crate::{Error, Result};
use regex::Regex;
use std::sync::LazyLock;

/// What every pattern ends with, as published.
const LOOK_AHEAD: &str = r"|\s+(?!\S)|\s+";
/// GPT-2's pattern, without its look-ahead.
const GPT2_TEXT: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+";
/// Qwen2's pattern: digits one by one.
const QWEN2_TEXT: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
);
/// Llama 3's pattern: digits by up to three.
const LLAMA3_TEXT: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
);

static GPT2: LazyLock<Regex> = LazyLock::new(|| compile(GPT2_TEXT));
static QWEN2: LazyLock<Regex> = LazyLock::new(|| compile(QWEN2_TEXT));
static LLAMA3: LazyLock<Regex> = LazyLock::new(|| compile(LLAMA3_TEXT));

fn compile(pattern: &str) -> Regex {
    Regex::new(&format!(r"{pattern}|\s+"))
        .expect("the pattern is a constant that the tests compile")
}

/// A pre-tokenizer that is known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    /// GPT-2's pattern alone.
    Gpt2,
    /// SmolLM: each digit alone, then GPT-2's pattern.
    Smollm,
    /// Qwen2, with Unicode's composition (NFC) before it.
    Qwen2,
    /// Llama 3: a piece that is a token is taken without merges.
    Llama3,
}

impl Split {
    /// Every pre-tokenizer.
    pub(crate) const ALL: [Self; 4] = [Self::Gpt2, Self::Smollm, Self::Qwen2, Self::Llama3];

    /// The pre-tokenizer of `tokenizer.ggml.pre`.
    pub(super) fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|split| split.name() == name);
        found.ok_or_else(|| Error::Unsupported(format!("pre-tokenizer {name:?}")))
    }

    /// Its name in `tokenizer.ggml.pre`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt-2",
            Self::Smollm => "smollm",
            Self::Qwen2 => "qwen2",
            Self::Llama3 => "llama-bpe",
        }
    }

    /// The pattern as published, where tokenizer.json spells it out.
    pub(super) fn pattern(self) -> Option<String> {
        match self {
            Self::Gpt2 | Self::Smollm => None,
            Self::Qwen2 => Some([QWEN2_TEXT, LOOK_AHEAD].concat()),
            Self::Llama3 => Some([LLAMA3_TEXT, LOOK_AHEAD].concat()),
        }
    }

    /// Whether texts are composed (NFC) first.
    pub(crate) fn composes(self) -> bool {
        self == Self::Qwen2
    }

    /// Whether a piece that is a token becomes that token without merges.
    pub(crate) fn takes_whole_pieces(self) -> bool {
        self == Self::Llama3
    }

    /// Calls `each` with every piece, in order; together they are the text.
    pub(super) fn pieces(self, text: &str, mut each: impl FnMut(&str)) {
        match self {
            Self::Gpt2 => cut(&GPT2, false, text, &mut each),
            Self::Qwen2 => cut(&QWEN2, true, text, &mut each),
            Self::Llama3 => cut(&LLAMA3, true, text, &mut each),
            Self::Smollm => {
                let mut start = 0;
                for (at, c) in text.char_indices().filter(|(_, c)| c.is_numeric()) {
                    cut(&GPT2, false, &text[start..at], &mut each);
                    start = at + c.len_utf8();
                    each(&text[at..start]);
                }
                cut(&GPT2, false, &text[start..], &mut each);
            }
        }
    }
}

/// Cuts by a pattern that matches somewhere in every non-empty text and ends with `|\s+`. With
/// `lines`, a branch `\s*[\r\n]+` comes before that, which needs no look-ahead.
fn cut(pattern: &Regex, lines: bool, text: &str, each: &mut impl FnMut(&str)) {
    let mut at = 0;
    while at < text.len() {
        let found = pattern.find_at(text, at);
        let (start, mut end) = found.map_or((at, text.len()), |m| (m.start(), m.end()));
        debug_assert_eq!(start, at, "the pattern covers every character");
        // `\s+(?!\S)`: a run of white space before a word leaves its last character to the word.
        let run = &text[start..end];
        let ends_line = lines && run.ends_with(['\r', '\n']);
        if end < text.len() && !ends_line && run.chars().all(char::is_whitespace) {
            let last = run.chars().next_back().map_or(0, char::len_utf8);
            if run.len() > last {
                end -= last;
            }
        }
        each(&text[start..end]);
        at = end;
    }
}
