//! How an exchange stands to those before it: its [`WAYS`](crate::profile::WAYS), worked out in the
//! order of folding and then only counted. Nothing is decided here.

use crate::commons::Shared;
use crate::digest::{Digest, Family, MinHash};
use crate::echo::{Found, LEAST};
use crate::profile::Ways;

use super::Folded;

/// Questions of an account that the next ones are compared with.
const LAST: usize = 4;
/// Fingerprints that are much of an answer.
const MUCH: u32 = 6;
/// Likeness, in 255ths, from which a question is nearly the same, and half the same.
const NEARLY: u8 = 204;
const HALF: u8 = 77;

/// What is remembered of an account's last exchanges, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Last {
    asks: [MinHash<16>; LAST],
    next: u8,
    ended_us: u64,
}

/// How others stand to an exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct Others {
    pub(super) ask: Shared,
    pub(super) template: Shared,
}

impl Last {
    /// The ways of an exchange, which is then the last one.
    pub(super) fn ways(&mut self, folded: &Folded<'_>, found: &Found, others: Others) -> Ways {
        let digest = folded.digest;
        let (sizes, asked) = (&digest.sizes, &digest.asked);
        let history = sizes.answers > 0;
        let alike = self.asks.iter().map(|ask| ask.likeness(&digest.ask.pairs));
        let alike = alike.max().unwrap_or(0);
        let new = !others.ask.itself && others.ask.others == 0 && alike < NEARLY;
        let alone = !history && new;
        let grades = grades(digest);
        let prints = |side: Option<&crate::echo::Origin>| side.map_or(0, |side| side.prints);
        let (own, other) = (prints(found.own.as_ref()), prints(found.others.first()));
        let echo = own >= LEAST || other >= LEAST;
        let several = asked.logprobs.is_some() || asked.n > 1;
        let ways = [
            found.goes_on,
            history && !found.goes_on && found.handed.is_none(),
            !history,
            others.ask.others > 0,
            others.template.others >= 3,
            others.ask.itself,
            !others.ask.itself && alike >= NEARLY,
            (HALF..NEARLY).contains(&alike),
            alone && sizes.answer >= 1024,
            alone && sizes.answer < 100,
            sizes.answer > sizes.ask.saturating_mul(4) && sizes.answer >= 400,
            found.past.own >= LEAST,
            found.ask.common >= LEAST,
            own >= MUCH,
            other >= MUCH,
            found.accounts >= 2 && other >= LEAST,
            grades && !echo,
            grades && echo,
            several && new,
        ];
        let ways = ways.into_iter().enumerate();
        let ways = ways.fold(Ways::default(), |all, (place, is)| all.with(place, is));
        self.after(folded, ways)
    }

    fn after(&mut self, folded: &Folded<'_>, ways: Ways) -> Ways {
        let gap = folded.arrived.micros().checked_sub(self.ended_us);
        let first = self.ended_us == 0;
        self.asks[usize::from(self.next) % LAST] = folded.digest.ask.pairs;
        self.next = (self.next + 1) % LAST as u8;
        self.ended_us = self.ended_us.max(folded.ended.micros());
        let place = match gap {
            _ if first => return ways,
            None => 19,
            Some(0..2_000_000) => 20,
            Some(2_000_000..20_000_000) => 21,
            Some(20_000_000..300_000_000) => 22,
            Some(_) => 23,
        };
        ways.with(place, true)
    }
}

/// Whether a request speaks as graders do.
fn grades(digest: &Digest) -> bool {
    let of = |family| digest.asking.of(family) > 0;
    let judged = of(Family::Score) || of(Family::Rubric) || of(Family::Pairwise);
    judged && (of(Family::Candidates) || of(Family::Critique))
}
