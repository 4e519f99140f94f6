//! What is compared of a text: its words, and hashes of runs of them.

use crate::random::mix;
use unicode_normalization::UnicodeNormalization as _;

/// One spelling of what reads alike: compatibility forms, lower case, one space between words.
pub(super) fn folded(text: &str) -> String {
    // Compatibility forms of some signs begin with a space: white space is looked at last.
    let letters = text.nfkc().flat_map(char::to_lowercase);
    let plain: String = letters
        .map(|c| if c == '\u{2019}' { '\'' } else { c })
        .collect();
    let mut out = String::with_capacity(plain.len());
    for word in plain.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// A hash of each word of a folded text, without the punctuation around it. Signs that stand alone
/// or within are kept: `2 + 2` is not `2 - 2`.
pub(super) fn words(folded: &str) -> Vec<u64> {
    const AROUND: [char; 17] = [
        '.', ',', ';', ':', '!', '?', '"', '\'', '(', ')', '[', ']', '{', '}', '\u{201C}',
        '\u{201D}', '\u{2026}',
    ];
    let words = folded.split(' ').map(|word| word.trim_matches(AROUND));
    words.filter(|w| !w.is_empty()).map(text_hash).collect()
}

/// A hash of a text: FNV-1a, mixed. Speed matters here, and nobody gains by a collision.
pub(super) fn text_hash(text: &str) -> u64 {
    let fold = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3);
    mix(text.bytes().fold(0xCBF2_9CE4_8422_2325, fold))
}

/// Hashes of the runs of `size` words, sorted, each once. A shorter text is one run of all its
/// words; an empty one has none.
pub(super) fn runs(words: &[u64], size: usize) -> Vec<u64> {
    if words.is_empty() {
        return Vec::new();
    }
    let size = size.clamp(1, words.len());
    let hash = |run: &[u64]| {
        run.iter()
            .fold(size as u64, |h, word| mix(h.rotate_left(5) ^ word))
    };
    let mut out: Vec<u64> = words.windows(size).map(hash).collect();
    out.sort_unstable();
    out.dedup();
    out
}
