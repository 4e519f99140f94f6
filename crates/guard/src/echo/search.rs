//! The search for fingerprints of a request among those of answers: whose they are, and which count.

use smallvec::SmallVec;

use super::table::{COMMON, Numbers as _};
use super::{AccountNumber, Carried, Exchange, Memory, Origin};
use crate::digest::OF_REQUEST;

/// Fingerprints of one side of an exchange.
pub(super) type Few = SmallVec<[u64; OF_REQUEST]>;

/// One look through the fingerprints of a request.
pub(super) struct Search<'m> {
    pub(super) memory: &'m Memory,
    pub(super) exchange: &'m Exchange<'m>,
    pub(super) conversation: Option<u32>,
    /// Accounts and exchanges, one entry for each fingerprint.
    pub(super) own: SmallVec<[(u32, u64); 32]>,
    pub(super) others: SmallVec<[(u32, u64); 32]>,
    pub(super) hits: Few,
}

impl Search<'_> {
    pub(super) fn count(&mut self, prints: &[u64]) -> Carried {
        let mut carried = Carried {
            prints: prints.len() as u32,
            ..Carried::default()
        };
        let memory = self.memory;
        for print in prints {
            let mut others: SmallVec<[(u32, u64); 8]> = SmallVec::new();
            let mut own = None;
            let (mut common, mut inside) = (false, false);
            for slot in memory.prints.find(*print, memory.answers.oldest()) {
                let Some(answer) = memory.timely(slot, self.exchange.arrived) else {
                    continue;
                };
                common |= slot.hits == COMMON;
                inside |= self.conversation == Some(answer.conversation);
                let from = (answer.account, answer.exchange);
                if answer.account == self.exchange.account.0 {
                    own = Some(from);
                } else {
                    others.push(from);
                }
            }
            if common {
                carried.common += 1;
            } else if inside {
                // What the conversation itself says is no echo.
            } else if let Some(own) = own {
                carried.own += 1;
                self.own.push(own);
            } else if !others.is_empty() {
                carried.other += 1;
                self.others.extend(others);
                self.hits.push(*print);
            }
        }
        carried
    }
}

/// Origins of which entries are alike, the ones with the most fingerprints and then the newest first.
pub(super) fn grouped(
    from: &mut [(u32, u64)],
    alike: impl Fn(&(u32, u64), &(u32, u64)) -> bool,
) -> Vec<Origin> {
    from.sort_unstable();
    let groups = from.chunk_by(alike);
    let mut origins: Vec<Origin> = groups
        .filter_map(|group| {
            let (account, exchange) = *group.last()?;
            Some(Origin {
                prints: group.len() as u32,
                account: AccountNumber(account),
                exchange,
            })
        })
        .collect();
    origins.sort_unstable_by(|one, next| next.cmp(one));
    origins
}

/// Fingerprints that other parts of the exchange do not carry. Of these only the least are known: what
/// lies above them is taken for new only if nothing is known to be carried.
pub(super) fn fresh(prints: &[u64], carried: [&[u64]; 2]) -> Few {
    let has = |print: &u64| carried.iter().any(|part| part.binary_search(print).is_ok());
    let quotes = prints.iter().any(has);
    let unsure = |print: &u64| {
        let above = |part: &&[u64]| part.len() >= OF_REQUEST && part.last() < Some(print);
        carried.iter().any(above)
    };
    let new = prints
        .iter()
        .filter(|print| !(has(print) || quotes && unsure(print)));
    new.copied().collect()
}
