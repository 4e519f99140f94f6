//! Answers that decline or speak of being a model: what a student must not learn by accident.

use regex::{Regex, RegexBuilder};

/// How far into an answer is looked, in bytes: later on the words are mostly quoted.
const LOOKED_AT: usize = 300;

/// Phrases in lower case.
const KNOWN: [&str; 20] = [
    "i'm sorry, but i can",
    "i am sorry, but i can",
    "i'm sorry, i can",
    "sorry, but i can",
    "i cannot assist with",
    "i can't assist with",
    "i cannot help with",
    "i can't help with",
    "i'm unable to",
    "i am unable to",
    "i'm not able to help",
    "i won't be able to",
    "i cannot provide",
    "i can't provide",
    "i cannot fulfill",
    "i can't fulfill",
    "as an ai",
    "as a language model",
    "as a large language model",
    "i don't have access to real-time",
];

/// The phrases, ready. Typographic apostrophes count as plain ones.
pub(super) fn phrases(more: &[String]) -> Result<Regex, regex::Error> {
    let all = KNOWN.into_iter().chain(more.iter().map(String::as_str));
    let escaped: Vec<String> = all
        .filter(|phrase| !phrase.trim().is_empty())
        .map(|phrase| regex::escape(phrase).replace('\'', "['\u{2019}]"))
        .collect();
    RegexBuilder::new(&format!(r"\b(?:{})", escaped.join("|")))
        .case_insensitive(true)
        .build()
}

/// Whether one of the phrases is near the answer's beginning.
pub(super) fn declines(phrases: &Regex, answer: &str) -> bool {
    let mut end = LOOKED_AT.min(answer.len());
    while !answer.is_char_boundary(end) {
        end -= 1;
    }
    phrases.is_match(&answer[..end])
}
