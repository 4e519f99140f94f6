//! Which parts of an exchange's text are read: all of it up to 16 KiB, of more a fixed choice of
//! its beginning, its end and stripes between. Nobody draws lots, so that replays choose alike.

use std::ops::Range;

use record::{Part, Piece, Speaker};

/// Bytes of text that are read of one exchange.
pub const TEXT: usize = 16 * 1024;
/// Stripes between the head and the tail of what is too long.
const STRIPES: usize = 6;

/// What a piece is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Group {
    /// The last thing the user says.
    Ask,
    /// System texts.
    System,
    /// The conversation before, results of tools.
    Past,
    /// What is answered.
    Answer,
}

/// Bytes that each group may have when every group has more.
const SHARES: [usize; 4] = [6 * 1024, 2 * 1024, 3 * 1024, 5 * 1024];

/// Which message is the last of the user's; in a request without one, the last of all.
pub(super) fn ask(pieces: &[Piece<'_>]) -> u32 {
    let mine = pieces
        .iter()
        .rev()
        .find(|piece| piece.speaker == Speaker::User && piece.part == Part::Text);
    mine.or(pieces.last()).map_or(0, |piece| piece.turn)
}

/// The group of a request's piece.
pub(super) fn group(piece: &Piece<'_>, ask: u32) -> Group {
    match piece.speaker {
        Speaker::System => Group::System,
        Speaker::User | Speaker::Other if piece.turn == ask => Group::Ask,
        _ => Group::Past,
    }
}

/// How many bytes of each group are read, given how many there are: its share, and in the order of
/// the groups what the others leave.
pub(super) fn budgets(sizes: [usize; 4]) -> [usize; 4] {
    let mut budgets = [0; 4];
    for (budget, (size, share)) in budgets.iter_mut().zip(sizes.into_iter().zip(SHARES)) {
        *budget = size.min(share);
    }
    let mut left = TEXT - budgets.iter().sum::<usize>();
    for (budget, size) in budgets.iter_mut().zip(sizes) {
        let more = left.min(size - *budget);
        *budget += more;
        left -= more;
    }
    budgets
}

/// The ranges that are read of a text of `size` bytes with this budget, in order.
pub(super) fn ranges(size: usize, budget: usize) -> impl Iterator<Item = Range<usize>> {
    let fits = size <= budget;
    let end = budget / 4;
    let stripe = (budget - 2 * end) / STRIPES;
    let (first, between) = (end, size.saturating_sub(2 * end));
    let count = if fits { 1 } else { STRIPES + 2 };
    (0..count).map(move |place| match place {
        0 if fits => 0..size,
        0 => 0..end,
        _ if place == STRIPES + 1 => size - end..size,
        _ => {
            // Stripes lie evenly: the middle of each stands at (place - 1/2) / STRIPES.
            let middle = first + between * (2 * place - 1) / (2 * STRIPES);
            let start = middle - stripe / 2;
            start..start + stripe
        }
    })
}

/// The part of a text in a range of bytes, without letters that the range cuts.
pub(super) fn slice(text: &str, range: Range<usize>) -> &str {
    let end = text.floor_char_boundary(range.end);
    let start = text.ceil_char_boundary(range.start).min(end);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_read_whole() {
        for sizes in [
            [0, 0, 0, 0],
            [TEXT, 0, 0, 0],
            [100, 9_000, 0, 7_000],
            [0, 0, 0, TEXT],
        ] {
            assert_eq!(budgets(sizes), sizes);
            for size in sizes {
                let read: Vec<_> = ranges(size, size).collect();
                assert_eq!(read.len(), 1);
                assert_eq!(read[0], 0..size);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_to_the_budget() {
        assert_eq!(budgets([1 << 20; 4]), SHARES);
        assert_eq!(budgets([0, 0, 0, 1 << 30]), [0, 0, 0, TEXT]);
        assert_eq!(budgets([1 << 20, 10, 0, 20]).iter().sum::<usize>(), TEXT);
        for (size, budget) in [
            (6_145, 6_144),
            (100_000, 6_144),
            (1 << 20, 2_048),
            (9, 8),
            (5, 0),
        ] {
            let read: Vec<_> = ranges(size, budget).collect();
            let total: usize = read.iter().map(ExactSizeIterator::len).sum();
            assert!(total <= budget && total + 16 > budget.min(size), "{read:?}");
            assert!(
                read.windows(2).all(|pair| pair[0].end <= pair[1].start),
                "{read:?}"
            );
            assert!(read.last().unwrap().end == size);
        }
    }

    #[test]
    fn letters_are_not_cut() {
        assert_eq!(slice("äöü", 1..5), "ö");
        assert_eq!(slice("ä", 1..1), "");
        assert_eq!(slice("abc", 2..9), "c");
    }
}
