//! Byte-pair merges over one piece of text. Merging uses a heap, so that a hostile piece of a
//! million letters costs n log n; it never looks at more than one piece.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// No neighbour, or a symbol that was merged away.
const NONE: u32 = u32::MAX;

/// Vocabulary ids and merges.
#[derive(Debug)]
pub(super) struct Bpe {
    /// The token of each byte; [`NONE`] where the vocabulary lacks it.
    pub(super) bytes: [u32; 256],
    /// A pair of tokens to the merge's rank (lower first) and the merged token.
    pub(super) merges: HashMap<(u32, u32), (u32, u32)>,
    /// Text tokens by their bytes, where a piece that is one is taken without merges.
    pub(super) whole: Option<HashMap<Box<[u8]>, u32>>,
}

#[derive(Clone, Copy)]
struct Symbol {
    token: u32,
    previous: u32,
    next: u32,
}

impl Bpe {
    /// Appends the tokens of a piece. Bytes without a token (control characters that the model
    /// never saw) are dropped, as the reference does.
    pub(super) fn encode(&self, piece: &str, out: &mut Vec<u32>) {
        let whole = self.whole.as_ref();
        if let Some(&token) = whole.and_then(|whole| whole.get(piece.as_bytes())) {
            return out.push(token);
        }
        let tokens = piece
            .bytes()
            .map(|b| self.bytes[usize::from(b)])
            .filter(|&t| t != NONE);
        let mut symbols: Vec<Symbol> = tokens
            .enumerate()
            .map(|(i, token)| {
                // Texts are shorter than 4 GiB: positions fit u32.
                let i = i as u32;
                Symbol {
                    token,
                    previous: i.wrapping_sub(1),
                    next: i + 1,
                }
            })
            .collect();
        if let Some(last) = symbols.last_mut() {
            last.next = NONE;
        }
        let mut heap = BinaryHeap::new();
        for left in 0..symbols.len() as u32 {
            self.offer(&symbols, left, &mut heap);
        }
        while let Some(Reverse((rank, left, merged))) = heap.pop() {
            self.merge(&mut symbols, (rank, left, merged), &mut heap);
        }
        out.extend(symbols.iter().map(|s| s.token).filter(|&t| t != NONE));
    }

    /// Puts the merge of `left` with its right neighbour on the heap, where there is one.
    fn offer(&self, symbols: &[Symbol], left: u32, heap: &mut Heap) {
        if let Some((rank, merged)) = self.pair(symbols, left) {
            heap.push(Reverse((rank, left, merged)));
        }
    }

    fn pair(&self, symbols: &[Symbol], left: u32) -> Option<(u32, u32)> {
        let a = symbols.get(left as usize)?;
        let b = symbols.get(a.next as usize)?;
        self.merges.get(&(a.token, b.token)).copied()
    }

    fn merge(&self, symbols: &mut [Symbol], entry: (u32, u32, u32), heap: &mut Heap) {
        let (rank, left, merged) = entry;
        // An entry may be stale: its symbols have since merged with others.
        if self.pair(symbols, left) != Some((rank, merged)) {
            return;
        }
        let right = symbols[left as usize].next;
        let after = symbols[right as usize].next;
        symbols[right as usize].token = NONE;
        symbols[left as usize].token = merged;
        symbols[left as usize].next = after;
        if let Some(s) = symbols.get_mut(after as usize) {
            s.previous = left;
        }
        self.offer(symbols, left, heap);
        self.offer(symbols, symbols[left as usize].previous, heap);
    }
}

/// Candidates by rank, then from the left: (rank, left symbol, merged token).
type Heap = BinaryHeap<Reverse<(u32, u32, u32)>>;
