//! Adds up what was used, by whatever rows stand for. Parts that lie side by side in the ledger's
//! sums are of one group most of the time, and come in runs that are in order; how many are held
//! at once is bounded.

use ::ledger::facts::Tally;
use record::Id;
use record::id::kind;

use crate::error::{Error, Result};

/// Account, model and day, as far as rows stand for them.
pub(super) type Group = (Option<Id<kind::Account>>, Option<String>, Option<u32>);

/// Groups on their way: parts of them, in runs.
pub(super) struct Groups {
    parts: Vec<(Group, Tally)>,
    most: usize,
    too_many: bool,
}

impl Groups {
    /// At most so many parts, about 150 bytes each, before those of one group are added up.
    pub(super) fn new(most: usize) -> Self {
        Self {
            parts: Vec::new(),
            most,
            too_many: false,
        }
    }

    pub(super) fn add(
        &mut self,
        account: Option<Id<kind::Account>>,
        model: Option<&str>,
        day: Option<u32>,
        tally: &Tally,
    ) {
        let is_full = self.parts.len() >= self.most;
        match self.parts.last_mut() {
            Some(((of, on, at), sums)) if (*of, on.as_deref(), *at) == (account, model, day) => {
                sums.add(tally);
            }
            _ if is_full => self.too_many = true,
            _ => {
                let group = (account, model.map(str::to_owned), day);
                self.parts.push((group, *tally));
            }
        }
    }

    /// Each group once, in order.
    pub(super) fn finish(mut self) -> Result<Vec<(Group, Tally)>> {
        if self.too_many {
            let message = format!("this is more than {} sums", self.most);
            let error = Error::invalid("by", message);
            let hint = "name an account or fewer days, or tell fewer things apart";
            return Err(error.with_hint(hint));
        }
        // A stable sort: of runs that are in order it takes one merge.
        self.parts.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.parts.dedup_by(|(next, more), (kept, sums)| {
            let is_same = next == kept;
            if is_same {
                sums.add(more);
            }
            is_same
        });
        Ok(self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(requests: u64) -> Tally {
        Tally {
            requests,
            ..Tally::default()
        }
    }

    fn account(number: u8) -> Option<Id<kind::Account>> {
        Some(Id::from_bytes([number; 16]))
    }

    #[test]
    fn runs_are_added_up_and_put_in_order() {
        let mut groups = Groups::new(4);
        for (number, requests) in [(1, 5), (1, 2), (3, 1), (1, 10), (2, 4), (2, 4)] {
            groups.add(account(number), Some("m"), None, &tally(requests));
        }
        let found = groups.finish().unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|(group, sums)| (group.0, sums.requests))
            .collect();
        assert_eq!(found, [(account(1), 17), (account(2), 8), (account(3), 1)]);
    }

    #[test]
    fn more_than_may_be_held_is_refused() {
        let mut groups = Groups::new(2);
        groups.add(account(1), None, None, &tally(1));
        groups.add(account(2), None, None, &tally(1));
        groups.add(account(2), None, None, &tally(1));
        groups.add(account(3), None, None, &tally(1));
        let Err(Error::Invalid { field, message, .. }) = groups.finish() else {
            panic!("it was not refused");
        };
        assert_eq!((field.as_str(), message.contains('2')), ("by", true));
    }
}
