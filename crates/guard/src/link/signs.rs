//! The signs of one operator, one by one: what each is read from and when it counts for nothing.

use record::Network;

use super::recent::{Handed, Refused};
use super::weigh::{self, Family};
use super::{Linked, Links};
use crate::digest::Digest;
use crate::profile::mix;

/// What was refused counts as asked elsewhere within this time.
const DISPLACED_US: u64 = 1_800_000_000;

/// A request of so few words may be anybody's.
const WORDS: u32 = 8;
/// Uses of one template within this time are together.
const TOGETHER_US: u64 = 300_000_000;

impl Links {
    /// C1.
    pub(super) fn hand_off(&mut self, linked: &Linked<'_>, hour: u32) {
        let Some(handed) = linked.found.handed else {
            return;
        };
        let decibans = weigh::hand_off(handed.bytes, handed.holders);
        if decibans == 0 {
            return;
        }
        let account = linked.account.0;
        let slot = self.handed.slot(handed.exchange);
        if slot.exchange != handed.exchange.wrapping_add(1) {
            *slot = Handed::new(handed.exchange.wrapping_add(1), handed.account.0);
        }
        if slot.by.contains(&account.wrapping_add(1)) {
            return;
        }
        let Some(free) = slot.by.iter_mut().find(|by| **by == 0) else {
            return;
        };
        *free = account.wrapping_add(1);
        let full = slot.by[slot.by.len() - 1] != 0;
        if !full {
            self.link(account, handed.account.0, Family::HandOff, decibans, hour);
            return;
        }
        // So many went on from the same answer: it was given to the public.
        let by = slot.by;
        for other in by {
            let pair = (other - 1, handed.account.0);
            if other - 1 != account {
                self.edges.take(pair, Family::HandOff, decibans);
            }
        }
    }

    /// C4.
    pub(super) fn reuse(&mut self, linked: &Linked<'_>, hour: u32) {
        for origin in &linked.found.others {
            let decibans = weigh::reuse(origin.prints, linked.found.accounts);
            self.link(
                linked.account.0,
                origin.account.0,
                Family::Reuse,
                decibans,
                hour,
            );
        }
    }

    /// C6, first half.
    pub(super) fn refuse(&mut self, linked: &Linked<'_>) {
        let key = asked(linked.digest);
        if key == 0 || !matches!(linked.digest.status, 401 | 403 | 429 | 503) {
            return;
        }
        let slot = self.refused.slot(key);
        *slot = Refused {
            key,
            account: linked.account.0,
            at: linked.arrived,
            to: 0,
        };
    }

    /// C6, second half.
    pub(super) fn displaced_to(&mut self, linked: &Linked<'_>, hour: u32) {
        let key = asked(linked.digest);
        if key == 0 {
            return;
        }
        let slot = self.refused.slot(key);
        let before = *slot;
        let account = linked.account.0;
        if before.key != key || linked.arrived.micros_since(before.at) > DISPLACED_US {
            return;
        }
        // The account that was refused tries again, or a third one asks: anybody's request.
        if before.account == account || before.to != 0 {
            *slot = Refused::default();
            if before.to != 0 {
                let pair = (before.account, before.to - 1);
                self.edges.take(pair, Family::Displaced, weigh::DISPLACED);
            }
            return;
        }
        slot.to = account.wrapping_add(1);
        self.link(
            account,
            before.account,
            Family::Displaced,
            weigh::DISPLACED,
            hour,
        );
    }

    /// C3 and C5.
    pub(super) fn template(&mut self, linked: &Linked<'_>, hour: u32) {
        let Linked {
            account, digest, ..
        } = *linked;
        let key = template(digest);
        if key == 0 {
            return;
        }
        let said = digest.ask.exact as u16 | 1;
        let before = self.things.note(key, account.0, said, hour);
        let known = &mut self.accounts[account.0 as usize];
        let small = (key as u32).max(1);
        // A question that came once is nobody's template.
        let first = !known.templates.contains(&small);
        if first && !before.public && (before.mine || before.accounts > 1) {
            known.templates.rotate_right(1);
            known.templates[0] = small;
        }
        if !before.public && before.mine && !first {
            for other in before.others.into_iter().flatten() {
                self.templates(account.0, other, small, before.accounts, hour);
            }
        }
        let moment = linked.arrived.micros() / TOGETHER_US;
        let now = mix(key ^ mix(moment));
        let together = self.things.look(now, account.0);
        if !together.mine && !before.public && before.accounts > 1 {
            for other in together.others.into_iter().flatten() {
                let decibans = weigh::synchrony(before.accounts);
                self.link(account.0, other, Family::Synchrony, decibans, hour);
            }
        }
        if before.accounts > 1 && !together.mine {
            self.things.note(now, account.0, 0, hour);
        }
    }

    /// C3 between two accounts that both used a template more than once.
    fn templates(&mut self, one: u32, other: u32, template: u32, accounts: u32, hour: u32) {
        let theirs = self.accounts.get(other as usize);
        if theirs.is_some_and(|known| known.templates.contains(&template)) {
            let decibans = weigh::template(accounts);
            let noted = mix(u64::from(template) << 32
                ^ mix(u64::from(one.min(other)) << 32 | u64::from(one.max(other))));
            // Once for each pair and template.
            if !self.things.note(noted, 0, 0, hour).mine {
                self.link(one, other, Family::Template, decibans, hour);
            }
        }
    }

    /// C7 by address.
    pub(super) fn source(&mut self, linked: &Linked<'_>, hour: u32) {
        let origin = &linked.digest.origin;
        let known = &mut self.accounts[linked.account.0 as usize];
        let shared = matches!(origin.network, Some(Network::Mobile | Network::Education));
        if origin.address == 0 || known.address == origin.address || shared {
            return;
        }
        known.address = origin.address;
        let key = mix(u64::from(origin.address) | 4 << 32);
        let before = self.things.note(key, linked.account.0, 0, hour);
        if before.mine {
            return;
        }
        for other in before.others.into_iter().flatten() {
            let decibans = weigh::address(before.accounts);
            self.link(linked.account.0, other, Family::Source, decibans, hour);
        }
    }
}

/// The template's key: system text and the first eight words; 0 where both are missing.
fn template(digest: &Digest) -> u64 {
    let template = &digest.template;
    let head = template.heads[1];
    if template.system == 0 && head == 0 {
        return 0;
    }
    mix(u64::from(template.system) << 32 | u64::from(head)).max(1)
}

/// The key of what is asked, word for word; 0 for what may be anybody's.
fn asked(digest: &Digest) -> u64 {
    match (digest.sizes.past, digest.ask.words) {
        (0, 0..WORDS) => 0,
        (0, _) => digest.ask.exact,
        _ => digest.chain.whole,
    }
}
