//! Puts exchanges in the order in which they are folded: by `seq` where it is given, else by their
//! end, then by line. Files come in order of arrival, or nearly: what waits is bounded, and what
//! comes later than that is folded when it comes, and counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use record::Time;

use super::read::Item;

/// So many wait, even where nothing earlier can come by the clocks of the lines: a file that is
/// not in order is put in order as far as this reaches.
const HELD: usize = 1 << 16;
/// No more wait than this, however long exchanges last.
const MOST: usize = 1 << 17;

/// What waits.
#[derive(Default)]
pub(super) struct Order {
    numbered: BinaryHeap<Reverse<Waiting<u64>>>,
    others: BinaryHeap<Reverse<Waiting<Time>>>,
    line: u64,
    last: (Option<u64>, Option<Time>),
    late: u64,
}

struct Waiting<K> {
    key: K,
    line: u64,
    item: Box<Item>,
}

impl<K: Ord> Ord for Waiting<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.key, self.line).cmp(&(&other.key, other.line))
    }
}
impl<K: Ord> PartialOrd for Waiting<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: Ord> PartialEq for Waiting<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl<K: Ord> Eq for Waiting<K> {}

impl Order {
    /// Takes in the next line's; gives out what may be folded now, in order.
    pub(super) fn push(&mut self, item: Item, mut out: impl FnMut(Item)) {
        let arrived = item.arrived;
        let (line, item) = (self.line, Box::new(item));
        self.line += 1;
        match item.seq {
            Some(key) => self.numbered.push(Reverse(Waiting { key, line, item })),
            None => {
                let key = item.ended;
                self.others.push(Reverse(Waiting { key, line, item }));
            }
        }
        while self.len() > HELD && (self.len() > MOST || self.next_end() <= Some(arrived)) {
            let Some(item) = self.pop() else { return };
            out(item);
        }
    }

    /// Gives out all that is left.
    pub(super) fn finish(&mut self, mut out: impl FnMut(Item)) {
        while let Some(item) = self.pop() {
            out(item);
        }
    }

    /// How many came so late that others, later in order, were folded before.
    pub(super) const fn late(&self) -> u64 {
        self.late
    }

    fn len(&self) -> usize {
        self.numbered.len() + self.others.len()
    }

    fn next_end(&self) -> Option<Time> {
        let numbered = self.numbered.peek().map(|next| next.0.item.ended);
        let other = self.others.peek().map(|next| next.0.key);
        [numbered, other].into_iter().flatten().min()
    }

    /// Those with numbers go by number; the others stand between them by their ends.
    fn pop(&mut self) -> Option<Item> {
        let numbered = self.numbered.peek().map(|next| next.0.item.ended);
        let other = self.others.peek().map(|next| next.0.key);
        let take_other = match (numbered, other) {
            (Some(numbered), Some(other)) => other <= numbered,
            (numbered, _) => numbered.is_none(),
        };
        if take_other {
            let Reverse(next) = self.others.pop()?;
            self.late += u64::from(self.last.1 > Some(next.key));
            self.last.1 = self.last.1.max(Some(next.key));
            Some(*next.item)
        } else {
            let Reverse(next) = self.numbered.pop()?;
            self.late += u64::from(self.last.0 > Some(next.key));
            self.last.0 = self.last.0.max(Some(next.key));
            Some(*next.item)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::What;
    use super::*;

    fn item(arrived: u64, ended: u64, seq: Option<u64>) -> Item {
        Item {
            line: 0,
            arrived: Time::from_micros(arrived),
            ended: Time::from_micros(ended),
            seq,
            what: What::Released { model: 0 },
        }
    }

    fn ordered(items: impl IntoIterator<Item = Item>) -> (Vec<(u64, Option<u64>)>, u64) {
        let (mut order, mut out) = (Order::default(), Vec::new());
        for one in items {
            order.push(one, |item| out.push((item.ended.micros(), item.seq)));
            assert!(order.len() <= MOST);
        }
        order.finish(|item| out.push((item.ended.micros(), item.seq)));
        (out, order.late())
    }

    #[test]
    fn the_order_is_by_number_then_by_end() {
        let items = [
            item(1, 9, None),
            item(2, 3, None),
            item(3, 8, Some(2)),
            item(4, 7, Some(1)),
            item(5, 5, None),
        ];
        let expected = vec![(3, None), (5, None), (7, Some(1)), (8, Some(2)), (9, None)];
        assert_eq!(ordered(items), (expected, 0));
    }

    #[test]
    fn a_small_file_may_lie_in_any_order() {
        let backwards = (0..HELD as u64).rev().map(|at| item(at, at + 5, None));
        let (out, late) = ordered(backwards);
        assert!(out.is_sorted());
        assert_eq!((out.len(), late), (HELD, 0));
    }

    #[test]
    fn long_exchanges_wait_within_bounds_and_clocks_may_jump() {
        let many = 3 * MOST as u64;
        let jumps = (0..many).map(|at| match at % 1000 {
            7 => item(at + 1_000_000_000, at + 1_000_000_000, None),
            8 => item(at / 2, at / 2, None),
            _ => item(at, at + 10, None),
        });
        let (out, late) = ordered(jumps);
        assert_eq!(out.len() as u64, many, "nothing is lost");
        assert!(late < many / 500, "{late}");
    }
}
