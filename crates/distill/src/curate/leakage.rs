//! What of a row is known from the hold-out: long runs of words, likeness, and texts that are
//! wrapped or split over rows.

use super::settings::Leakage;
use super::text::runs;
use std::collections::HashMap;

/// Words of the short runs.
const SHORT: usize = 5;
/// Fewest short runs of a row that may count as a piece of a hold-out text.
const PIECE: usize = 4;

/// The hold-out's runs of words. Memory and time grow with the hold-out's words only.
pub(super) struct HoldOut {
    how: Leakage,
    /// The texts' names, and how many short runs each has that count.
    texts: Vec<(String, usize)>,
    /// Texts by the hash of their whole, of each long run, and of each short run.
    whole: HashMap<u64, u32>,
    long: HashMap<u64, Vec<u32>>,
    short: HashMap<u64, Vec<u32>>,
    /// Runs that more texts have than this are the task's own wording.
    most: usize,
}

impl HoldOut {
    pub(super) fn new(how: Leakage) -> Self {
        Self {
            how,
            texts: Vec::new(),
            whole: HashMap::new(),
            long: HashMap::new(),
            short: HashMap::new(),
            most: 0,
        }
    }

    /// Takes in the words of a text, under a name.
    pub(super) fn add(&mut self, name: String, words: &[u64]) {
        let number = self.texts.len() as u32;
        let whole = runs(words, words.len());
        self.whole
            .extend(whole.into_iter().map(|run| (run, number)));
        for (size, index) in [(self.how.words, &mut self.long), (SHORT, &mut self.short)] {
            for run in runs(words, size)
                .into_iter()
                .filter(|_| words.len() >= size)
            {
                index.entry(run).or_default().push(number);
            }
        }
        self.texts.push((name, 0));
    }

    /// To be called once, when all texts are in: forgets the task's own wording.
    pub(super) fn close(&mut self) {
        self.most = ((self.texts.len() as f64 * self.how.wording) as usize).max(2);
        for index in [&mut self.long, &mut self.short] {
            index.retain(|_, texts| texts.len() <= self.most);
        }
        for text in self.short.values().flatten() {
            self.texts[*text as usize].1 += 1;
        }
    }

    /// The hold-out text that the row's words are from, by its place.
    pub(super) fn find(&self, words: &[u64]) -> Option<u32> {
        if self.texts.is_empty() || words.is_empty() {
            return None;
        }
        let whole = runs(words, words.len());
        if let Some(text) = whole.first().and_then(|run| self.whole.get(run)) {
            return Some(*text);
        }
        if words.len() >= self.how.words {
            let long = runs(words, self.how.words);
            let known = long.iter().filter_map(|run| self.long.get(run));
            // The smallest, so that it does not depend on the order of hashes.
            if let Some(text) = known.flatten().min() {
                return Some(*text);
            }
        }
        if words.len() < SHORT {
            return None;
        }
        let short = runs(words, SHORT);
        let mut common: HashMap<u32, usize> = HashMap::new();
        for text in short.iter().filter_map(|run| self.short.get(run)).flatten() {
            *common.entry(*text).or_default() += 1;
        }
        let likely = common.into_iter().filter(|(text, common)| {
            let (theirs, ours) = (self.texts[*text as usize].1, short.len());
            let (common, how) = (*common as f64, &self.how);
            let likeness = common / ((theirs + ours) as f64 - common);
            likeness >= how.likeness
                || common >= how.contained * theirs as f64
                || (ours >= PIECE && common >= how.contained * ours as f64)
        });
        likely.map(|(text, _)| text).min()
    }

    pub(super) fn name(&self, text: u32) -> &str {
        &self.texts[text as usize].0
    }
}
