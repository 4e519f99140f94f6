//! Randomness for ids, drawn a kilobyte at a time: a call of the system for each would cost a
//! request more than everything else about its id. No secret is made of it.

use parking_lot::Mutex;

use crate::options::Random;

/// Bytes of an id that are random.
const EACH: usize = 10;
/// Bytes drawn at once.
const BLOCK: usize = 100 * EACH;

/// What was drawn and is not yet used.
#[derive(Debug)]
pub(crate) struct Draw {
    block: Mutex<Block>,
}

#[derive(Debug)]
struct Block {
    bytes: [u8; BLOCK],
    used: usize,
}

impl Default for Draw {
    fn default() -> Self {
        let block = Block {
            bytes: [0; BLOCK],
            used: BLOCK,
        };
        Self {
            block: Mutex::new(block),
        }
    }
}

impl Draw {
    /// The next bytes, none of which was handed out before.
    pub(crate) fn next(&self, random: &Random) -> [u8; EACH] {
        let mut block = self.block.lock();
        if block.used == BLOCK {
            random(&mut block.bytes);
            block.used = 0;
        }
        let mut next = [0; EACH];
        let start = block.used;
        block.used = start + EACH;
        next.copy_from_slice(&block.bytes[start..start + EACH]);
        next
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    #[test]
    fn each_byte_is_handed_out_once() {
        let calls = Arc::new(AtomicU8::new(0));
        let counted = Arc::clone(&calls);
        let random: Random = Arc::new(move |bytes: &mut [u8]| {
            let call = counted.fetch_add(1, Ordering::Relaxed);
            for (number, bytes) in (0..).zip(bytes.chunks_mut(EACH)) {
                bytes.fill(number);
                bytes[0] = call;
            }
        });
        let draw = Draw::default();
        for call in 0..2 {
            for number in 0..100 {
                let mut expected = [number; EACH];
                expected[0] = call;
                assert_eq!(draw.next(&random), expected);
            }
        }
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}
