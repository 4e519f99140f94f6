//! Echo: what we answered is remembered for a while, as fingerprints with the account that they went
//! to, so that a request that carries them is seen: a pipeline that feeds answers back, a grader of
//! harvested answers, a conversation that goes on under another account.
//!
//! The memory has a fixed size and forgets by age, in the order of the ledger; nothing is drawn by
//! chance, so the same exchanges in the same order give the same bytes, live and replayed. It does
//! no IO, reads no clock and holds no text. `docs/decisions/0012-guard-echo.md` says what it misses.

mod answers;
mod code;
mod found;
mod search;
mod table;

use record::Time;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use self::answers::{Answer, Answers, NOBODY};
pub use self::code::EchoError;
pub use self::found::{Carried, Found, HANDED, Handed, LEAST, NAMED, Origin};
use self::search::{Few, Search, fresh, grouped};
use self::table::{COMMON, Numbers as _, Slot, Table};
use crate::digest::{Chain, Digest, OF_ANSWER};
use crate::profile::mix;

/// The number of an account: whoever folds the ledger gives one to each, and never the same to two.
/// The greatest number is nobody's, and nothing is remembered of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountNumber(pub u32);

/// How much is remembered, and for how long. Numbers of places are rounded up to powers of two and
/// kept between 2^11 (2^4 for answers) and 2^27 (2^24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Microseconds for which an answer is remembered.
    pub horizon_us: u64,
    /// Answers that are remembered, 32 bytes each and 16 for their conversation.
    pub answers: u32,
    /// Places for fingerprints, 8 bytes each.
    pub places: u32,
    /// Fingerprints of one answer, 1 to [`OF_ANSWER`].
    pub prints: u8,
    /// Accounts, 1 to 6, that a text may go to before it is everybody's.
    pub rare: u8,
}

impl Default for Options {
    /// A week, or the last half million answers, in 88 MiB.
    fn default() -> Self {
        Self {
            horizon_us: 7 * 24 * 3_600_000_000,
            answers: 1 << 19,
            places: 1 << 23,
            prints: 12,
            rare: 4,
        }
    }
}

impl Options {
    /// Bytes that a memory of these options holds, from the start and for ever.
    pub fn bytes(&self) -> usize {
        Answers::bytes_of(self.answers)
            + Table::bytes_of(self.places)
            + Table::bytes_of(self.conversations())
    }

    fn conversations(&self) -> u32 {
        self.answers.saturating_mul(2)
    }
}

/// One exchange, as the ledger has it.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'d> {
    /// A number of its own.
    pub number: u64,
    /// Whose it is.
    pub account: AccountNumber,
    /// When it arrived.
    pub arrived: Time,
    /// What is seen of it.
    pub digest: &'d Digest,
}

/// What is remembered, and what had to go before its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Answers.
    pub answers: usize,
    /// Fingerprints, marks of everybody's text among them.
    pub prints: usize,
    /// Fingerprints and prefixes that full buckets gave up, since the memory was made.
    pub displaced: u64,
}

/// The memory of answers.
#[derive(Debug, Clone)]
pub struct Memory {
    options: Options,
    answers: Answers,
    prints: Table,
    prefixes: Table,
    displaced: u64,
}

/// How a request stands to what is remembered.
struct Looked {
    found: Found,
    /// Fingerprints that only others got.
    hits: Few,
    /// The conversation that it goes on with.
    conversation: Option<u32>,
}

impl Memory {
    /// A memory of nothing.
    pub fn new(options: Options) -> Self {
        Self {
            answers: Answers::new(options.answers),
            prints: Table::new(options.places),
            prefixes: Table::new(options.conversations()),
            displaced: 0,
            options,
        }
    }

    /// Its options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Bytes that it holds: always [`Options::bytes`].
    pub fn bytes(&self) -> usize {
        self.answers.bytes() + self.prints.bytes() + self.prefixes.bytes()
    }

    /// Counts what is remembered; it looks at every place.
    pub fn held(&self) -> Held {
        Held {
            answers: self
                .answers
                .iter()
                .filter(|one| one.account != NOBODY)
                .count(),
            prints: self.prints.all(self.answers.oldest()).len(),
            displaced: self.displaced,
        }
    }

    /// Whether anything of an account is remembered; it looks at every answer.
    pub fn knows(&self, account: AccountNumber) -> bool {
        self.answers
            .iter()
            .any(|one| one.account == account.0 && one.account != NOBODY)
    }

    /// What an exchange carries of earlier answers. It changes nothing.
    pub fn look(&self, exchange: &Exchange<'_>) -> Found {
        self.looked(exchange).found
    }

    /// What an exchange carries of earlier answers, then remembers its own. To be called once for
    /// each exchange, in the order of the ledger.
    pub fn observe(&mut self, exchange: &Exchange<'_>) -> Found {
        self.answers
            .expire(exchange.arrived, self.options.horizon_us);
        let looked = self.looked(exchange);
        for print in &looked.hits {
            self.prints.hit(*print, self.answers.oldest());
        }
        self.remember(exchange, looked.conversation);
        looked.found
    }

    /// Forgets all that is remembered of an account. Marks of everybody's text name nobody: they stay
    /// but where this account's answer is the last that had the text.
    pub fn erase(&mut self, account: AccountNumber) {
        self.answers.erase(account.0);
        let (answers, oldest) = (&self.answers, self.answers.oldest());
        let keep = |number| number >= oldest && answers.account(number) != NOBODY;
        self.prints.retain(keep);
        self.prefixes.retain(keep);
    }

    fn remember(&mut self, exchange: &Exchange<'_>, conversation: Option<u32>) {
        let digest = exchange.digest;
        let after = digest.chain.after;
        let mut prints = fresh(
            &digest.answer_prints,
            [&digest.ask_prints, &digest.past_prints],
        );
        prints.truncate(usize::from(self.options.prints).clamp(1, OF_ANSWER));
        let nothing = prints.is_empty() && after == 0;
        if nothing || digest.status >= 300 || exchange.account.0 == NOBODY {
            return;
        }
        let before = self.answers.oldest();
        if let Some(less) = self.answers.lower() {
            self.prints.renumber(before, less);
            self.prefixes.renumber(before, less);
        }
        let number = self.answers.push(Answer {
            account: exchange.account.0,
            conversation: conversation.unwrap_or_else(|| mix(after ^ mix(exchange.number)) as u32),
            exchange: exchange.number,
            arrived: exchange.arrived,
            after,
        });
        let rare = self.options.rare.clamp(1, 6);
        for print in prints {
            let displaced = self.prints.put(print, number, rare, &self.answers);
            self.displaced += u64::from(displaced);
        }
        if after != 0 {
            let displaced = self
                .prefixes
                .put(prefix(after), number, rare, &self.answers);
            self.displaced += u64::from(displaced);
        }
    }

    fn looked(&self, exchange: &Exchange<'_>) -> Looked {
        let digest = exchange.digest;
        let mut found = Found::default();
        let thread = self.thread(exchange);
        if let Some((last, holders)) = thread
            && last.account != exchange.account.0
        {
            found.handed = Some(Handed {
                account: AccountNumber(last.account),
                exchange: last.exchange,
                holders,
                after_us: exchange.arrived.micros_since(last.arrived),
                bytes: digest.sizes.past,
            });
        }
        found.goes_on = thread.is_some() && found.handed.is_none();
        let conversation = thread.map(|(last, _)| last.conversation);
        let mut search = Search {
            memory: self,
            exchange,
            conversation,
            own: SmallVec::new(),
            others: SmallVec::new(),
            hits: Few::new(),
        };
        found.past = search.count(&digest.past_prints);
        // In the past it can't be told from a conversation of its own.
        search.own.clear();
        found.ask = search.count(&fresh(&digest.ask_prints, [&digest.past_prints, &[]]));
        found.own = grouped(&mut search.own, |one, next| one.1 == next.1)
            .into_iter()
            .next();
        let others = grouped(&mut search.others, |one, next| one.0 == next.0);
        found.accounts = others.len() as u32;
        found.others = others.into_iter().take(NAMED).collect();
        Looked {
            found,
            hits: search.hits,
            conversation,
        }
    }

    /// The answer that the exchange's conversation goes on from, and how many accounts had the
    /// conversation up to there: the account's own if it had it, else the newest.
    fn thread(&self, exchange: &Exchange<'_>) -> Option<(&Answer, u32)> {
        let Chain {
            before, earlier, ..
        } = exchange.digest.chain;
        for hash in [before, earlier] {
            if hash == 0 {
                continue;
            }
            let mut newest: Option<(bool, u32)> = None;
            let mut holders = 0;
            for slot in self.prefixes.find(prefix(hash), self.answers.oldest()) {
                if slot.hits == COMMON {
                    return None;
                }
                let Some(answer) = self.timely(slot, exchange.arrived) else {
                    continue;
                };
                if answer.after == hash {
                    holders += 1;
                    let mine = answer.account == exchange.account.0;
                    newest = newest.max(Some((mine, slot.answer)));
                }
            }
            if let Some((_, number)) = newest {
                return Some((self.answers.get(number), holders));
            }
        }
        None
    }

    /// The answer of a slot, if its time is not over.
    fn timely(&self, slot: Slot, now: Time) -> Option<&Answer> {
        let answer = self.answers.get(slot.answer);
        (now.micros_since(answer.arrived) <= self.options.horizon_us).then_some(answer)
    }
}

/// The key of a prefix: as many bits as a table's keys have.
fn prefix(hash: u64) -> u64 {
    hash >> 24
}

#[cfg(test)]
mod tests;
