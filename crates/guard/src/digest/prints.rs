//! Fingerprints by which a text is known again inside another one: winnowing (Schleimer, Wilkerson,
//! Aiken, SIGMOD 2003) over shingles of five words, of which the least are kept.
//!
//! Whatever two texts have in common of at least [`RUN`] words has a print that winnowing takes from
//! both. The bound then keeps the `k` least of each text: of a passage with `n` prints inside a
//! text with `m` of them, none is kept with probability about `(1 - n / m)^k`.

use super::key::{Keys, Purpose, SHINGLE};
use super::text::Word;

/// Shingles in a row of which at least one is taken.
const WINDOW: usize = 8;
/// A common passage of so many words always has a common print before the bound.
pub const RUN: usize = SHINGLE + WINDOW - 1;
/// Prints kept of an answer.
pub const OF_ANSWER: usize = 24;
/// Prints kept of a request.
pub const OF_REQUEST: usize = 32;
/// Bits of a print: of 16 million remembered ones and 32 asked for, one agrees by chance in 0.05% of
/// all requests.
const BITS: u32 = 40;

/// Prints of one side while pieces are read.
#[derive(Debug, Default)]
pub(super) struct Prints(Vec<u64>);

impl Prints {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds what winnowing takes of a piece's words.
    pub(super) fn read(&mut self, keys: &Keys, words: &[Word]) {
        let mut recent = [u64::MAX; WINDOW];
        let mut least = usize::MAX;
        for (place, shingle) in words.array_windows::<SHINGLE>().enumerate() {
            let hash = if is_plain(shingle) {
                keys.shingle(Purpose::Print, &shingle.map(|word| word.exact)) >> (64 - BITS)
            } else {
                u64::MAX
            };
            let slot = place % WINDOW;
            recent[slot] = hash;
            if place + 1 < WINDOW {
                continue;
            }
            // The rightmost of the least stays the choice until something less comes or it leaves.
            let leaves = least == slot || least == usize::MAX;
            let chosen = if leaves {
                (0..WINDOW)
                    .map(|back| (slot + WINDOW - back) % WINDOW)
                    .min_by_key(|at| recent[*at])
                    .unwrap_or(slot)
            } else if hash <= recent[least] {
                slot
            } else {
                continue;
            };
            least = chosen;
            if recent[chosen] != u64::MAX {
                self.0.push(recent[chosen]);
            }
        }
        // A piece shorter than a window is known by its least shingle.
        let shingles = (words.len() + 1).saturating_sub(SHINGLE);
        if (1..WINDOW).contains(&shingles)
            && let Some(hash) = recent.iter().min()
            && *hash != u64::MAX
        {
            self.0.push(*hash);
        }
    }

    /// The least prints, sorted.
    pub(super) fn end(&mut self, most: usize) -> Vec<u64> {
        self.0.sort_unstable();
        self.0.dedup();
        self.0.iter().copied().take(most).collect()
    }
}

/// Whether a shingle says something: rows of one repeated word are everybody's.
#[inline]
fn is_plain(shingle: &[Word; SHINGLE]) -> bool {
    let changes = shingle
        .array_windows::<2>()
        .filter(|[one, next]| one.exact != next.exact)
        .count();
    changes >= 3 && shingle[0].exact != shingle[2].exact
}

#[cfg(test)]
mod tests {
    use super::super::key::HashKey;
    use super::super::text::Text;
    use super::*;

    fn prints(text: &str, most: usize) -> Vec<u64> {
        let keys = Keys::new(&HashKey::new([1; 32]));
        let mut read = Text::default();
        read.read(&keys, text);
        let mut prints = Prints::default();
        prints.read(&keys, &read.words);
        prints.end(most)
    }

    fn common(a: &[u64], b: &[u64]) -> usize {
        a.iter().filter(|one| b.binary_search(one).is_ok()).count()
    }

    /// Words that are no text: each from its number.
    fn words(numbers: std::ops::Range<usize>) -> String {
        let words: Vec<String> = numbers
            .map(|number| format!("w{}x", number * 7919))
            .collect();
        words.join(" ")
    }

    #[test]
    fn every_run_is_found_before_the_bound() {
        for offset in 0..40 {
            let run = words(1000..1000 + RUN);
            let one = prints(
                &format!("{} {run} {}", words(0..offset), words(100..120)),
                1000,
            );
            let other = prints(
                &format!("{} {run} {}", words(2000..2050), words(3000..3033)),
                1000,
            );
            assert!(common(&one, &other) > 0, "{offset}");
        }
        assert_eq!(
            common(
                &prints(&words(0..400), 1000),
                &prints(&words(500..900), 1000)
            ),
            0
        );
    }

    /// The stated rate: of passages with `n` of `m` prints, `(1 - n / m)^k` are missed.
    #[test]
    fn the_bound_misses_as_often_as_stated() {
        let mut missed = 0;
        let trials = 400;
        for trial in 0..trials {
            let start = 100_000 + trial * 1000;
            let passage = words(start..start + 60);
            let request = format!("{passage} {}", words(start + 100..start + 640));
            let kept = prints(&passage, OF_ANSWER);
            missed += usize::from(common(&kept, &prints(&request, OF_REQUEST)) == 0);
        }
        // A tenth of the request: 0.9^32 = 3.4%, of 400 about 14 with a deviation of 4.
        assert!((1..=32).contains(&missed), "{missed}");
    }

    #[test]
    fn short_and_repeated_texts() {
        assert!(prints("one two three four", 24).is_empty());
        assert_eq!(prints("one two three four five", 24).len(), 1);
        assert!(prints(&"buffalo ".repeat(500), 24).is_empty());
        assert!(prints(&words(0..3000), 24).len() == 24);
    }
}
