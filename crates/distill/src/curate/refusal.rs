//! Answers that decline or speak of being a model: what a student must not learn by accident.

use regex::{Regex, RegexBuilder};

/// How far into an answer is looked, in bytes: later on the words are mostly quoted.
const LOOKED_AT: usize = 300;

/// What declining and speaking of oneself as a model look like; `'` also stands for the typographic
/// one. Narrow on purpose: "I'm unable to attend" is a letter, and coffee is taken "as an aid".
const KNOWN: &str = r"sorry,? (?:but )?i (?:can't|cannot|can not|am unable|am not able|won't)|i (?:can't|cannot|can not|won't) (?:assist|help|provide|fulfil|fulfill|comply|discuss|generate|create content)|i(?:'m| am) (?:unable|not able) to (?:assist|help|provide|fulfil|fulfill|comply|access|browse)|as an? (?:ai|artificial intelligence|(?:large )?language model)|i (?:don't|do not) have (?:access to real-time|personal (?:opinions|feelings|beliefs))";

/// The phrases, ready.
pub(super) fn phrases(more: &[String]) -> Result<Regex, regex::Error> {
    let more = more.iter().map(|phrase| phrase.trim());
    let more = more.filter(|phrase| !phrase.is_empty()).map(regex::escape);
    let all: Vec<String> = std::iter::once(KNOWN.to_owned()).chain(more).collect();
    let all = all.join("|").replace('\'', "['\u{2019}]");
    RegexBuilder::new(&format!(r"\b(?:{all})(?:\W|$)"))
        .case_insensitive(true)
        .build()
}

/// Whether one of the phrases is near the answer's beginning.
pub(super) fn declines(phrases: &Regex, answer: &str) -> bool {
    phrases.is_match(&answer[..answer.floor_char_boundary(LOOKED_AT)])
}
