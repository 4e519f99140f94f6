//! What the window test sees of an exchange: a few numbers of its digest, and how they are binned.
//! Nothing is compared here.

use record::Form;

use crate::digest::{DIMENSIONS, Digest, FAMILIES_COUNT, MinHash, Position};

/// Sizes that are looked at.
pub(super) const SIZES: usize = 6;
/// Choices of the request that are looked at.
pub(super) const SHAPES: usize = 14;
/// Everything that is binned: sizes, choices, phrases.
pub(super) const FIELDS: usize = SIZES + SHAPES + FAMILIES_COUNT;
/// Bins of each.
pub(super) const BINS: usize = 64;
/// Marks by which a template is known again.
pub(super) const FRAMES: usize = 8;

/// An exchange as the test sees it, about 400 bytes.
#[derive(Debug, Clone)]
pub struct Mark {
    pub(super) pairs: MinHash<16>,
    pub(super) shingles: MinHash<32>,
    pub(super) position: Position,
    /// The position's length, at least 1.
    pub(super) length: f32,
    pub(super) fields: [u8; FIELDS],
    pub(super) frames: [u32; FRAMES],
}

impl Mark {
    /// The mark of an exchange.
    pub fn new(digest: &Digest) -> Self {
        let template = &digest.template;
        let [head, more, most] = template.heads;
        let [tail, longer] = template.tails;
        let squares = digest.ask.position.coordinates().iter();
        let squares: i32 = squares.map(|one| i32::from(*one).pow(2)).sum();
        Self {
            pairs: digest.ask.pairs,
            shingles: template.shingles,
            position: digest.ask.position,
            length: (squares as f32).sqrt().max(1.0),
            fields: fields(digest),
            frames: [
                head,
                more,
                most,
                tail,
                longer,
                template.system,
                digest.asked.toolset,
                digest.asked.schema,
            ],
        }
    }

    /// The cosine of the angle between two positions, 0 where one is nowhere.
    pub(super) fn cosine(&self, other: &Self) -> f32 {
        let (mine, theirs) = (self.position.coordinates(), other.position.coordinates());
        let mut dot = 0;
        for place in 0..DIMENSIONS {
            dot += i32::from(mine[place]) * i32::from(theirs[place]);
        }
        dot as f32 / (self.length * other.length)
    }
}

/// Four bins for each doubling.
fn fine(size: u32) -> u8 {
    let wide = u64::from(size) + 1;
    let whole = wide.ilog2();
    // The two bits below the highest one.
    let rest = (wide << 2 >> whole) & 3;
    (4 * u64::from(whole) + rest).min(BINS as u64 - 1) as u8
}

/// A bin for each doubling.
fn coarse(size: u32) -> u8 {
    (32 - size.leading_zeros()) as u8
}

fn fields(digest: &Digest) -> [u8; FIELDS] {
    let (asked, sizes) = (&digest.asked, &digest.sizes);
    let words = digest.ask.words;
    let mut fields = [0; FIELDS];
    let binned = [
        fine(sizes.ask),
        fine(sizes.system.saturating_add(sizes.past)),
        fine(sizes.answer),
        // Bytes a word, in quarters: prose, code, lists.
        (4 * sizes.ask.min(1 << 20))
            .checked_div(words)
            .unwrap_or(0)
            .min(63) as u8,
        sizes.messages.min(15) as u8,
        coarse(digest.ask.words),
        digest.endpoint as u8,
        asked.n.min(8) as u8,
        asked.max_tokens.map_or(0, |most| 1 + coarse(most)),
        asked.temperature.map_or(0, |t| 1 + (t / 10).min(30) as u8),
        asked.top_p.map_or(0, |p| 1 + (p / 100).min(10) as u8),
        asked.logprobs.map_or(0, |most| 1 + most.min(20)),
        u8::from(asked.prompt_logprobs) + 2 * u8::from(asked.logit_bias > 0),
        u8::from(asked.seed) + 2 * u8::from(asked.stop),
        u8::from(asked.stream) + 2 * u8::from(asked.reasoning),
        match asked.form {
            Form::Text => 0,
            Form::Json => 1,
            Form::Schema => 2,
        },
        asked.tools.min(15) as u8,
        coarse(asked.prompts),
        sizes.media.min(7) as u8 + 8 * u8::from(sizes.ids > 0),
        sizes.results.min(15) as u8,
    ];
    fields[..SIZES + SHAPES].copy_from_slice(&binned);
    for (family, count) in digest.asking.present() {
        fields[SIZES + SHAPES + family as usize] = count.min(3);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_go_up_with_sizes_and_stay_in_range() {
        let sizes = [0, 1, 2, 3, 5, 30, 100, 101, 4000, 1 << 20, u32::MAX];
        let bins = sizes.map(fine);
        assert!(bins.is_sorted() && bins[10] < 64, "{bins:?}");
        assert!(fine(100) < fine(130) && fine(100) == fine(101));
        assert!(coarse(0) == 0 && coarse(u32::MAX) == 32);
    }
}
