//! Settling a world: honest accounts group by group, campaigns account by account, and those that
//! come later in place of suspended ones. What they then do is the engine's.

use std::collections::VecDeque;

use crate::account::{self, Account, Work};
use crate::arrivals::Units;
use crate::campaign::{self, Campaign};
use crate::draw::Draw;
use crate::engine::{DAY, Due, Engine};
use crate::error::SimError;
use crate::honest::Honest;
use crate::identity::{Identity, Wish};
use crate::origin::Shared;
use crate::out::{Sink, Truth};
use crate::workload::{Beat, Content, WORKLOADS, Workload};

impl Engine<'_> {
    /// Draws the honest accounts, group by group.
    pub(crate) fn honest(&mut self, sink: &mut dyn Sink) -> Result<(), SimError> {
        for (name, count) in &self.world.honest {
            let Some(row) = WORKLOADS.iter().position(|row| row.name == name.as_str()) else {
                continue;
            };
            let workload = &WORKLOADS[row];
            self.honest_mix.push((row, f64::from(*count)));
            let mut left = *count;
            while left > 0 {
                let group = self.groups.len() as u64;
                let draw = &mut Draw::named(self.seed, "group", group);
                let members = (draw.between(workload.group.0, workload.group.1) as u32).min(left);
                left -= members;
                self.groups.push(VecDeque::new());
                let shared = (workload.group.1 > 1).then(|| shared_by(workload, group ^ self.seed));
                if let Some(office) = shared.as_ref().filter(|shared| shared.address) {
                    self.offices.push((row, office.clone()));
                }
                let window = self.window(workload.beat, draw);
                for _ in 0..members {
                    self.honest_account(workload, group, shared.as_ref(), window, sink)?;
                }
            }
        }
        Ok(())
    }

    /// When a group's accounts are active at all.
    fn window(&self, beat: Beat, draw: &mut Draw) -> (i64, i64) {
        let (start, end) = self.span;
        let release = self
            .world
            .releases
            .first()
            .map_or(0.0, |release| release.day * DAY) as i64;
        match beat {
            Beat::Release => (start + release, (start + release + 4 * DAY as i64).min(end)),
            Beat::Lesson => {
                let latest = (end - start - DAY as i64).max(0);
                let from = start + (draw.unit() * latest as f64) as i64;
                (from, (from + DAY as i64).min(end))
            }
            _ => self.span,
        }
    }

    fn honest_account(
        &mut self,
        workload: &'static Workload,
        group: u64,
        shared: Option<&Shared>,
        window: (i64, i64),
        sink: &mut dyn Sink,
    ) -> Result<(), SimError> {
        let number = self.accounts.len() as u32;
        let mut draw = Draw::named(self.seed, "account", u64::from(number));
        let identity = Identity::draw(&Wish {
            number: u64::from(number),
            seed: self.seed,
            class: workload.class,
            shared,
            declares: workload.declares,
            start: self.span.0,
            created: None,
        });
        let [low, median, high] = self.world.honest_exchanges.map(f64::from);
        let volume = draw
            .spread(median * workload.volume, 1.0, low, high)
            .round() as u32;
        let rhythm = account::rhythm(workload.beat, identity.east, &self.stock.traces, &mut draw);
        let units = (f64::from(volume) / account::guess(workload)).ceil() as u32;
        let units = Units::new(rhythm, window, units.max(1), 1.0);
        let author = match workload.group.1 {
            1 => u64::from(number) ^ self.seed,
            _ => group ^ self.seed,
        };
        let honest = Honest::new(
            workload.content,
            self.world.dialect,
            author,
            u64::from(number),
        );
        let mut account = Account::new(
            number,
            identity,
            draw,
            Work::Honest(Box::new(honest)),
            units,
            volume,
        );
        account.workload = Some(workload);
        account.adopts = adopts(false, &mut account.draw);
        account.pace = match workload.batch {
            0 => (30_000.0, 0),
            batch => (account.draw.spread(5_000.0, 0.8, 300.0, 60_000.0), batch),
        };
        account.group = (workload.group.1 > 1 && workload.group.1 < 10).then_some(group as usize);
        let truth = Truth {
            account: account.identity.row.id.clone(),
            label: if workload.content == Content::Sanctioned {
                "sanctioned"
            } else {
                "honest"
            },
            workload: workload.name,
            campaign: None,
            level: None,
        };
        self.admit(account, &truth, self.world.suspensions, sink)
    }

    pub(crate) fn distilling(&mut self, sink: &mut dyn Sink) -> Result<(), SimError> {
        let mut place = 0;
        for spec in &self.world.campaigns {
            for recipe in spec.recipes()? {
                for turn in 0..spec.count as usize {
                    let level = spec.levels[(turn + recipe as usize) % spec.levels.len()];
                    let mix =
                        spec.mix[(turn / spec.levels.len() + recipe as usize) % spec.mix.len()];
                    let number = campaign::number(self.seed, place);
                    place += 1;
                    self.campaigns.push(Campaign::new(
                        spec,
                        recipe,
                        (level, mix),
                        number,
                        self.span,
                        self.world.dialect,
                    ));
                    for _ in 0..spec.accounts {
                        self.member(self.campaigns.len() - 1, None, sink)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// An account of a campaign; `again` is the time and the work left where it replaces another.
    pub(crate) fn member(
        &mut self,
        at: usize,
        again: Option<(i64, u32)>,
        sink: &mut dyn Sink,
    ) -> Result<(), SimError> {
        let number = self.accounts.len() as u32;
        let mut draw = Draw::named(self.seed, "account", u64::from(number));
        let campaign = &self.campaigns[at];
        let disguise = Campaign::disguise(&self.honest_mix, &mut draw);
        // Half of the replacements are opened on the spot, half come from a stock of older ones.
        let fresh = again
            .filter(|_| campaign.level < 2 || draw.chance(0.5))
            .map(|(now, _)| now);
        // Schools and offices have distillers too, behind the same address as everybody there.
        let offices: Vec<&Shared> = self
            .offices
            .iter()
            .filter(|(row, _)| std::ptr::eq(&raw const WORKLOADS[*row], disguise))
            .map(|(_, office)| office)
            .collect();
        let office = (!offices.is_empty()).then(|| *draw.pick(&offices));
        let wish = Wish {
            number: u64::from(number),
            seed: self.seed,
            class: disguise.class,
            shared: office,
            declares: disguise.declares,
            start: self.span.0,
            created: fresh,
        };
        let identity = campaign.identity(&wish, disguise, &mut draw);
        let (from, volume) = match again {
            Some((now, left)) => (
                now + (draw.spread(12.0, 0.8, 1.0, 60.0) * 60_000.0) as i64,
                left,
            ),
            None => (campaign.span.0, campaign.volume(&mut draw)),
        };
        let pace = campaign.pace(disguise, &mut draw);
        let rhythm = campaign.rhythm(disguise, identity.east, &self.stock.traces, &mut draw);
        let count = volume.div_ceil(pace.1).max(1);
        let units = Units::new(rhythm, (from, self.span.1), count, campaign.ramp());
        let truth = campaign.truth(identity.row.id.clone());
        let hazard = campaign.spec.suspend_per_day;
        let pivots = campaign.spec.pivot;
        let hides = campaign.level >= 2;
        let mut account = Account::new(number, identity, draw, Work::Member(at), units, volume);
        account.pace = pace;
        account.adopts = adopts(pivots, &mut account.draw);
        if hides && disguise.beat == Beat::Release {
            // Who poses as a benchmarker asks for what has come out.
            account.adopts = (0, 1.0);
        }
        self.admit(account, &truth, hazard, sink)
    }

    /// Takes an account in and plans its first act, and its suspension where it has one.
    fn admit(
        &mut self,
        mut account: Account,
        truth: &Truth,
        hazard: f64,
        sink: &mut dyn Sink,
    ) -> Result<(), SimError> {
        let at = self.accounts.len();
        sink.account(&account.identity.row, truth)?;
        self.counts.accounts += 1;
        let first = account.units.next(&mut account.draw);
        if hazard > 0.0 {
            let from = first.unwrap_or(self.span.0);
            let when = from + (account.draw.exponential() / hazard * DAY) as i64;
            if when < self.span.1 {
                self.plan(when, Due::Suspend(at));
            }
        }
        if let Some(first) = first.filter(|_| account.left > 0) {
            self.plan(first, Due::Act(at));
        }
        self.accounts.push(account);
        Ok(())
    }
}

/// How long after a release an account goes over to the new model, and with which share of its
/// traffic. Honest accounts do so as well, at their own times; a campaign does within hours.
fn adopts(pivots: bool, draw: &mut Draw) -> (i64, f64) {
    let share = 0.3 + 0.7 * draw.unit();
    let days = match (draw.chance(0.6), pivots) {
        (true, true) => draw.unit() * 0.4,
        (true, false) => draw.exponential() * 0.6,
        (false, _) => 2.0 + draw.exponential() * 20.0,
    };
    ((days * DAY) as i64, share)
}

/// What the accounts of a workload's group share.
fn shared_by(workload: &Workload, number: u64) -> Shared {
    // Not every team pays with one card.
    let one_card = number % 5 < 2;
    let (organization, address, payment) = match workload.name {
        "team" => (true, false, one_card),
        "corporate-vpn" | "classroom" => (false, true, false),
        _ => (true, false, one_card),
    };
    Shared {
        number,
        organization,
        address,
        payment,
    }
}
