//! Which server is asked: the one with the fewest requests under way among the healthy ones.
//! Nothing here judges health or sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::server::{Server, Turn};

/// The servers of an upstream.
pub(crate) struct Servers {
    all: Vec<Arc<Server>>,
    /// Where the next look begins, so that ties rotate.
    next: AtomicUsize,
}

/// The servers that an ask has already been at, one bit each (so at most 64).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tried(u64);

impl Tried {
    /// Allows all servers again.
    pub(crate) fn forget(&mut self) {
        self.0 = 0;
    }

    fn has(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }
}

impl Servers {
    pub(crate) fn new(all: Vec<Arc<Server>>) -> Self {
        Self {
            all,
            next: AtomicUsize::new(0),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.all.iter()
    }

    /// Whether the operator has switched all of them off.
    pub(crate) fn are_off(&self) -> bool {
        self.all.iter().all(|server| !server.is_on())
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether a healthy server is left that has not been tried.
    pub(crate) fn has_spare(&self, tried: Tried) -> bool {
        let mut all = self.all.iter().enumerate();
        all.any(|(index, server)| !tried.has(index) && server.is_open())
    }

    /// Takes a turn at the best untried server; where all of these are ejected, at the one that
    /// is due back first, rather than failing without a try.
    pub(crate) fn choose(&self, tried: &mut Tried) -> Option<Turn> {
        let index = self.best(*tried).or_else(|| self.least_bad(*tried))?;
        tried.0 |= 1 << index;
        self.all.get(index).map(Turn::begin)
    }

    fn untried(&self, tried: Tried) -> impl Iterator<Item = (usize, &Arc<Server>)> {
        let count = self.all.len();
        let start = if count > 1 {
            self.next.fetch_add(1, Relaxed)
        } else {
            0
        };
        (0..count)
            .map(move |offset| start.wrapping_add(offset) % count)
            .filter(move |index| !tried.has(*index))
            .filter_map(|index| self.all.get(index).map(|server| (index, server)))
            .filter(|(_, server)| server.is_on())
    }

    fn best(&self, tried: Tried) -> Option<usize> {
        self.untried(tried)
            .filter(|(_, server)| server.is_open())
            .min_by_key(|(_, server)| server.outstanding())
            .map(|(index, _)| index)
    }

    fn least_bad(&self, tried: Tried) -> Option<usize> {
        self.untried(tried)
            .min_by_key(|(_, server)| server.health.until_ms())
            .map(|(index, _)| index)
    }
}
