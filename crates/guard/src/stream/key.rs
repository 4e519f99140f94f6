//! The key of an exchange's stream: what it is known again by, the surest first. A conversation stays
//! in its stream; else a system text, tools, a schema or a template that comes again; else the kind
//! of request.

use super::count::Counts;
use crate::digest::{Api, Digest, FAMILIES, Family};
use crate::profile::mix;

/// A text that comes so often is a template.
const AGAIN: u32 = 3;
/// Bits of a key that tell its kind.
const KIND: u32 = 30;

/// How surely a key tells one kind of work from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Rough sizes and parameters.
    Plain,
    /// Families of phrases.
    Phrases,
    /// A template.
    Template,
    /// A system text, tools, a schema.
    Setting,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u32);

impl Key {
    fn new(kind: Kind, hash: u64) -> Self {
        Self((kind as u32) << KIND | (mix(hash) as u32 >> (32 - KIND)))
    }

    pub(super) fn kind(self) -> Kind {
        match self.0 >> KIND {
            0 => Kind::Plain,
            1 => Kind::Phrases,
            2 => Kind::Template,
            _ => Kind::Setting,
        }
    }

    /// The key of an exchange that begins something.
    pub(super) fn of(digest: &Digest, counts: &mut Counts) -> Self {
        let (template, asked) = (&digest.template, &digest.asked);
        let api = u64::from(digest.endpoint as u8) << 56;
        // Each is counted, so that it is known when it comes again.
        let mut again = |kind: u64, hash: u32| {
            let key = mix(kind << 32 | u64::from(hash));
            (hash != 0 && counts.add(key) >= AGAIN).then_some(key ^ api)
        };
        let settings = [
            again(1, template.system),
            again(2, asked.toolset),
            again(3, asked.schema),
        ];
        let templates = [again(4, template.heads[1]), again(5, template.tails[1])];
        if let Some(hash) = settings.into_iter().flatten().next() {
            return Self::new(Kind::Setting, hash);
        }
        if let Some(hash) = templates.into_iter().flatten().next() {
            return Self::new(Kind::Template, hash);
        }
        let phrases = phrases(digest);
        if phrases != 0 {
            return Self::new(Kind::Phrases, phrases ^ api);
        }
        Self::new(Kind::Plain, plain(digest) ^ api)
    }
}

/// The families of phrases that tell what is asked for; steps of thought are asked for by all.
fn phrases(digest: &Digest) -> u64 {
    let tells = |family: &&Family| **family != Family::Steps && digest.asking.of(**family) > 0;
    FAMILIES
        .iter()
        .filter(tells)
        .fold(0, |set, family| set | 1 << (*family as usize))
}

/// Sizes by powers of four, and what is asked for beside the text.
fn plain(digest: &Digest) -> u64 {
    let (sizes, asked) = (&digest.sizes, &digest.asked);
    let size = match digest.endpoint {
        Api::Embeddings => 0,
        _ => u64::from((sizes.ask | 1).ilog2() / 2),
    };
    let flags = [
        asked.logprobs.is_some(),
        asked.prompt_logprobs,
        asked.logit_bias > 0,
        asked.n > 1,
        asked.tools > 0,
        asked.prompts > 1,
        sizes.media > 0,
        sizes.past > 0,
    ];
    let flags = flags
        .iter()
        .fold(0, |all, flag| all << 1 | u64::from(*flag));
    size << 8 | flags
}
