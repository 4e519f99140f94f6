//! Prompts that were read and are kept for others that begin as they do: a system prompt, a
//! conversation that goes on. A match is of the tokens themselves, on the same path, and within one
//! account alone: the time of an answer tells nobody what others have asked. What is kept holds
//! the caches' own blocks; it counts within the scheduler's memory and is the first to go.

use std::collections::VecDeque;

use lm::{Cache, Path};
use record::{Id, id::kind};

use crate::job::Prompt;
use crate::sequence::Fork;

/// Prompts that are kept at most.
const MOST: usize = 64;
/// Tokens below which sharing is not worth it: a block of the cache.
const LEAST: usize = 64;

/// What is kept, the longest unused first.
#[derive(Default)]
pub(crate) struct Prefixes {
    kept: VecDeque<Kept>,
}

struct Kept {
    account: Id<kind::Account>,
    tokens: Vec<u32>,
    cache: Cache,
}

impl Kept {
    /// Tokens that it has in common with others of an account and a path.
    fn common(&self, account: Id<kind::Account>, path: Path, tokens: &[u32]) -> usize {
        if self.account != account || self.cache.path() != path {
            return 0;
        }
        let pairs = self.tokens.iter().zip(tokens);
        pairs.take_while(|(a, b)| a == b).count()
    }
}

impl Prefixes {
    /// A cache of the longest known beginning of a prompt. At least its last token is left to be
    /// read, and all of it where each of its tokens is to be scored.
    pub(crate) fn find(&mut self, prompt: &Prompt) -> Option<Cache> {
        let account = prompt.account?;
        let (_, tokens) = prompt.tokens.split_last()?;
        if prompt.score.is_some() {
            return None;
        }
        let kept = self.kept.iter().enumerate();
        let lengths = kept.map(|(at, kept)| (kept.common(account, prompt.path, tokens), at));
        let (length, at) = lengths.max().filter(|&(length, _)| length >= LEAST)?;
        let found = self.kept.remove(at)?;
        let mut cache = found.cache.clone();
        cache.truncate(length);
        self.kept.push_back(found);
        Some(cache)
    }

    /// Keeps a prompt that was read, in the place of those that it begins with.
    pub(crate) fn keep(&mut self, fork: &Fork) {
        let (Some(account), Some(cache)) = (fork.account, fork.cache()) else {
            return;
        };
        let tokens = &fork.tokens;
        if tokens.len() < LEAST {
            return;
        }
        let common = |kept: &Kept| kept.common(account, cache.path(), tokens);
        self.kept.retain(|kept| common(kept) < kept.tokens.len());
        if self.kept.len() >= MOST {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept {
            account,
            tokens: tokens.clone(),
            cache: cache.clone(),
        });
    }

    /// Drops what was unused longest; false where nothing is kept.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        self.kept.pop_front().is_some()
    }

    /// The caches that are kept.
    pub(crate) fn caches(&self) -> impl Iterator<Item = &Cache> {
        self.kept.iter().map(|kept| &kept.cache)
    }
}
