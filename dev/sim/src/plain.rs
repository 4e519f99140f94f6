//! A second generator, as unlike the first as one hand can make it: each account sends the records of
//! one family of the data folder as they stand, without templates, personas or feeding back of our
//! own. Harvesters' and graders' families are `distilling`, all others `honest`. Times, sources and
//! parameters are drawn alike for all, so that they tell nothing. What was fitted on one generator
//! and holds on the other has a better claim to hold elsewhere.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::Arc;

use crate::body::{Params, Said};
use crate::draw::Draw;
use crate::engine::{Counts, DAY};
use crate::error::SimError;
use crate::identity::{Identity, Wish, rfc3339};
use crate::out::{Exchange, ExchangeTruth, Sink, Truth};
use crate::scribe::Scribe;
use crate::talk::{Ask, Message};
use crate::texts::{Record, Texts};
use crate::workload::Class;

/// Families and whether they are distilling.
const FAMILIES: [(&str, bool); 23] = [
    ("apibench", true),
    ("bbh-cot-a", true),
    ("gpteacher-codegen", true),
    ("gpteacher-roleplay", true),
    ("meta-selfinstruct", true),
    ("reason-sky", true),
    ("judge-arena-bench", true),
    ("gsm8k-gpt3-answers", true),
    ("arena-hard-prompts", false),
    ("chitchat", false),
    ("dolly-subset", false),
    ("sgd-sessions-a", false),
    ("wikisql-questions", false),
    ("bfcl-a", false),
    ("evals-a", false),
    ("intent-banking77", false),
    ("intent-hwu64", false),
    ("sgd-extract-a", false),
    ("text2sql-advising", false),
    ("hh-harmless", false),
    ("bbh-tasks-a", false),
    ("gsm8k-train", false),
    ("mmlu", false),
];
/// Accounts of an honest family, and of a distilling one.
const ACCOUNTS: (u32, u32) = (60, 24);
const DAYS: f64 = 7.0;
/// 2026-03-02T00:00:00Z.
const START: i64 = 1_772_409_600_000;

/// How an account spaces its requests.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// Sittings with minutes between questions.
    Sittings,
    /// Runs of many requests, seconds apart.
    Runs(u32),
    /// Evenly over the time.
    Even,
}

struct Plain {
    identity: Identity,
    family: usize,
    mixed: bool,
    campaign: Option<Arc<str>>,
    draw: Draw,
    pace: Pace,
    left: u32,
    next: usize,
    /// The rest of a session: its record and the turn that comes.
    session: Option<(Arc<Record>, usize, bool)>,
    in_run: u32,
    gap: f64,
}

/// Runs the world. `scale` multiplies the accounts.
pub fn run(seed: u64, data: &Path, scale: f64, sink: &mut dyn Sink) -> Result<Counts, SimError> {
    let texts = FAMILIES
        .iter()
        .map(|(name, _)| Texts::family(data, name))
        .collect::<Result<Vec<_>, _>>()?;
    let answers: Vec<Arc<Record>> = Texts::family(data, "answers-arena-hard")?;
    let mut accounts = Vec::new();
    let mut due = BinaryHeap::new();
    let mut counts = Counts::default();
    for (family, (name, distilling)) in FAMILIES.iter().enumerate() {
        let many = if *distilling { ACCOUNTS.1 } else { ACCOUNTS.0 };
        for _ in 0..(f64::from(many) * scale).ceil() as u32 {
            let account = settle(
                seed,
                accounts.len() as u64,
                family,
                *distilling,
                texts[family].len(),
            );
            let truth = Truth {
                account: account.identity.row.id.clone(),
                label: if *distilling { "distilling" } else { "honest" },
                workload: name,
                campaign: account.campaign.clone(),
                level: None,
            };
            sink.account(&account.identity.row, &truth)?;
            counts.accounts += 1;
            let mut account = account;
            let first = START + (account.draw.unit() * 0.5 * DAYS * DAY) as i64;
            due.push(Reverse((first, accounts.len())));
            accounts.push(account);
        }
    }
    let scribe = Scribe::default();
    while let Some(Reverse((now, at))) = due.pop() {
        let account = &mut accounts[at];
        if account.left == 0 || now > START + (DAYS * DAY) as i64 || sink.is_full() {
            continue;
        }
        account.left -= 1;
        let ask = account.ask(&texts, &answers);
        let duration = ask.duration_ms(&mut account.draw);
        counts.exchanges += 1;
        counts.distilling += u64::from(ask.distilling);
        let when = (now, duration);
        account.write(when, &ask, &scribe, counts.exchanges, sink)?;
        let gap = account.gap();
        due.push(Reverse((now + duration + gap, at)));
    }
    counts.passed = 1.0;
    Ok(counts)
}

fn settle(seed: u64, number: u64, family: usize, distilling: bool, records: usize) -> Plain {
    let mut draw = Draw::named(seed, "plain", number);
    let class = *draw.pick(&[
        Class::Person,
        Class::Developer,
        Class::Agent,
        Class::Batch,
        Class::Product,
    ]);
    let identity = Identity::draw(&Wish {
        number,
        seed,
        class,
        shared: None,
        declares: None,
        start: START,
        created: None,
    });
    let left = draw.spread(150.0, 1.0, 12.0, 1_400.0) as u32;
    let pace = match draw.below(3) {
        0 => Pace::Sittings,
        1 => Pace::Runs(draw.between(10, 120) as u32),
        _ => Pace::Even,
    };
    let gap = match pace {
        Pace::Sittings => draw.spread(50_000.0, 0.6, 8_000.0, 400_000.0),
        Pace::Runs(_) => draw.spread(3_000.0, 0.9, 100.0, 40_000.0),
        Pace::Even => 0.5 * DAYS * DAY / f64::from(left),
    };
    let mixed = distilling && draw.chance(0.4);
    Plain {
        campaign: distilling.then(|| format!("plain-{number}").into()),
        next: draw.below(records),
        identity,
        family,
        mixed,
        draw,
        pace,
        left,
        session: None,
        in_run: 0,
        gap,
    }
}

impl Plain {
    fn ask(&mut self, texts: &[Vec<Arc<Record>>], answers: &[Arc<Record>]) -> Ask {
        let (record, turn, distilling) = match self.session.take() {
            Some(session) => session,
            None => {
                let honest = self.mixed && self.draw.chance(0.5);
                let family = match honest {
                    // Sessions and questions of people.
                    true => *self.draw.pick(&[8, 9, 11, 12]),
                    false => self.family,
                };
                let list = &texts[family];
                self.next += 1;
                let at = if honest {
                    self.draw.below(list.len())
                } else {
                    self.next % list.len()
                };
                (list[at].clone(), 0, !honest && FAMILIES[self.family].1)
            }
        };
        let mut messages: Vec<Message> = record
            .system
            .iter()
            .map(|text| Message::new("system", text.clone()))
            .collect();
        for (place, text) in record.turns[..=turn].iter().enumerate() {
            let role = if place % 2 == 0 { "user" } else { "assistant" };
            messages.push(Message::new(role, text.clone()));
        }
        let recorded = record.turns.get(turn + 1).or(record.answer.as_ref());
        let answer = match recorded {
            Some(answer) => answer.clone(),
            None => {
                let other = self.draw.pick(answers);
                other.answer.clone().unwrap_or_else(|| other.ask().clone())
            }
        };
        if turn + 2 < record.turns.len() {
            self.session = Some((record, turn + 2, distilling));
        }
        let mut ask = Ask::new(messages, answer);
        ask.distilling = distilling;
        ask
    }

    fn gap(&mut self) -> i64 {
        self.in_run += 1;
        let long = match self.pace {
            Pace::Sittings => self.in_run.is_multiple_of(9),
            Pace::Runs(most) => self.in_run >= most,
            Pace::Even => false,
        };
        if long {
            self.in_run = 0;
            return (self.draw.exponential() * 8.0 * 3_600_000.0) as i64;
        }
        (self.draw.exponential() * self.gap) as i64 + 20
    }

    fn write(
        &mut self,
        (now, duration_ms): (i64, i64),
        ask: &Ask,
        scribe: &Scribe,
        number: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), SimError> {
        let params = Params::draw(&self.identity.habits, ask, &mut self.draw);
        let (id, time) = (format!("x-{number:09}"), rfc3339(now));
        let model = self.identity.habits.model;
        let said = Said {
            id: &id,
            model,
            ms: now,
        };
        let response = Some(params.response(ask, said, scribe, &mut self.draw));
        let exchange = Exchange {
            id: &id,
            time: &time,
            duration_ms,
            account: &self.identity.row.id,
            source: self.identity.source(&mut self.draw),
            key: "k-1",
            seq: number,
            cut: false,
            endpoint: params.endpoint,
            model,
            request: params.request(ask, model, &[]),
            status: 200,
            response,
        };
        let campaign = self.campaign.clone().filter(|_| self.mixed);
        let truth = campaign.as_ref().map(|campaign| ExchangeTruth {
            id: &id,
            label: if ask.distilling {
                "distilling"
            } else {
                "honest"
            },
            campaign,
        });
        sink.exchange(&exchange, truth.as_ref())
    }
}
