//! How often a thing came, in fixed space: a count-min sketch (Cormode, Muthukrishnan, 2005) that is
//! halved now and then, so that what does not come again is forgotten.

use crate::profile::mix;

const ROWS: usize = 2;
const PLACES: usize = 1 << 18;
/// So many additions halve all counts.
const FADES: u32 = 1 << 21;

/// The counts.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    rows: Vec<[u8; ROWS]>,
    added: u32,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            rows: vec![[0; ROWS]; PLACES],
            added: 0,
        }
    }
}

impl Counts {
    /// Counts a thing once more; gives about how often it came.
    pub(super) fn add(&mut self, key: u64) -> u32 {
        self.added += 1;
        if self.added == FADES {
            self.added = 0;
            for count in self.rows.iter_mut().flatten() {
                *count /= 2;
            }
        }
        let mut least = u8::MAX;
        for row in 0..ROWS {
            let place = mix(key ^ row as u64) as usize & (PLACES - 1);
            let count = &mut self.rows[place][row];
            *count = count.saturating_add(1);
            least = least.min(*count);
        }
        u32::from(least)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.rows)
    }
}
