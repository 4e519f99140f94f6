//! A campaign at work: its queue, its accounts' habits of hiding, its customers where it is a
//! router. What its accounts do one by one stands in `account`.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::arrivals::{self, Rhythm, Traces};
use crate::draw::{Draw, hash};
use crate::honest::tenant;
use crate::identity::{Identity, Wish};
use crate::origin::{Client, Shared};
use crate::out::Truth;
use crate::pool::Pool;
use crate::recipe::Recipe;
use crate::talk::{Ask, Hand, Stock, Thread};
use crate::voice::{Freedom, Voice};
use crate::workload::{Class, WORKLOADS, Workload};
use crate::world::CampaignSpec;

/// Names of the attacker levels.
pub(crate) const LEVELS: [&str; 6] = ["L0", "L1", "L2", "L3", "L4", "L5"];
/// Requests that wait for another account of the pool, at most.
const WAITING: usize = 512;

/// A campaign.
#[derive(Debug)]
pub(crate) struct Campaign {
    /// Its name in the truth.
    pub name: Arc<str>,
    /// Its recipe.
    pub recipe: Recipe,
    /// 0 to 5.
    pub level: u8,
    /// Honest share asked for.
    pub mix: f64,
    /// When it works.
    pub span: (i64, i64),
    /// What was asked for.
    pub spec: CampaignSpec,
    pool: Pool,
    number: u64,
    clients: Vec<Arc<Client>>,
    open: VecDeque<Thread>,
    retry: VecDeque<Ask>,
    sent: (u64, u64),
}

impl Campaign {
    /// A campaign that starts somewhere in the first fifth of the world.
    pub(crate) fn new(
        spec: &CampaignSpec,
        recipe: Recipe,
        (level, mix): (u8, f64),
        number: u64,
        world: (i64, i64),
        dialect: u8,
    ) -> Self {
        let draw = &mut Draw::named(number, "campaign", 1);
        let from = world.0 + ((world.1 - world.0) as f64 * 0.2 * draw.unit()) as i64;
        let span = (from, world.1);
        let voice = Voice {
            dialect,
            author: number,
            freedom: Freedom::Fixed,
        };
        let clients = (0..12)
            .map(|_| Arc::new(Client::draw(draw.chance(0.5), "en-US,en;q=0.9", draw)))
            .collect();
        Self {
            name: format!("c-{number:016x}").into(),
            recipe,
            level,
            mix,
            span,
            spec: spec.clone(),
            pool: Pool::new(recipe, level, voice, span),
            number,
            clients,
            open: VecDeque::new(),
            retry: VecDeque::new(),
            sent: (0, 0),
        }
    }

    /// Whether it resells: many accounts, other people's requests among its own.
    pub(crate) fn is_router(&self) -> bool {
        self.mix > 0.0 && self.spec.accounts > 1
    }

    /// The truth about one of its accounts.
    pub(crate) fn truth(&self, account: Arc<str>) -> Truth {
        Truth {
            account,
            label: if self.is_router() {
                "router"
            } else {
                "distilling"
            },
            workload: self.recipe.name(),
            campaign: Some(self.name.clone()),
            level: LEVELS.get(usize::from(self.level)).copied(),
        }
    }

    /// One of its accounts. From L2 up it looks like an honest workload of this world.
    pub(crate) fn identity(
        &self,
        wish: &Wish<'_>,
        disguise: &Workload,
        draw: &mut Draw,
    ) -> Identity {
        if self.level >= 2 {
            return Identity::draw(&Wish {
                class: disguise.class,
                declares: disguise.declares,
                ..*wish
            });
        }
        let shared = Shared {
            number: self.number,
            organization: false,
            address: false,
            payment: false,
        };
        let wish = Wish {
            class: Class::Batch,
            shared: Some(&shared),
            ..*wish
        };
        let mut identity = Identity::draw(&wish);
        // Crude pools are opened together, some days before the work starts.
        let created = wish
            .created
            .unwrap_or(self.span.0 - (draw.unit() * 4.0 * 86_400_000.0) as i64);
        identity.make_crude(self.number, self.level, created);
        identity
    }

    /// When its accounts are active: crude ones round the clock, careful ones as the workload that
    /// they hide behind.
    pub(crate) fn rhythm(
        &self,
        disguise: &Workload,
        east: i32,
        traces: &Traces,
        draw: &mut Draw,
    ) -> Rhythm {
        match self.level {
            0..=2 => arrivals::flat(),
            _ => crate::account::rhythm(disguise.beat, east, traces, draw),
        }
    }

    /// How work grows: below 1 is a warm-up.
    pub(crate) fn ramp(&self) -> f64 {
        if self.level >= 3 { 0.65 } else { 1.0 }
    }

    /// From L2 on these are those of honest programs and persons, so that gaps tell nothing.
    pub(crate) fn pace(&self, disguise: &Workload, draw: &mut Draw) -> (f64, u32) {
        match (self.level, disguise.batch) {
            (0 | 1, _) => (6_000.0, draw.between(16, 40) as u32),
            (_, 0) => (
                draw.spread(40_000.0, 0.9, 3_000.0, 600_000.0),
                draw.between(3, 12) as u32,
            ),
            (_, batch) => (draw.spread(5_000.0, 0.8, 300.0, 60_000.0), batch),
        }
    }

    /// The next request for an account: one that another account could not place, a conversation
    /// that hops, a customer's, or the recipe's.
    pub(crate) fn next(&mut self, account: u32, hand: &mut Hand<'_>) -> Ask {
        if let Some(ask) = self.retry.pop_front() {
            return ask;
        }
        if self
            .open
            .front()
            .is_some_and(|thread| thread.ready <= hand.now)
            && let Some(thread) = self.open.pop_front()
        {
            return crate::threads::go_on(thread, self.pool.voice(), hand);
        }
        if self.mix > 0.0 {
            let so_far = match self.sent {
                (_, 0) => self.mix,
                (honest, all) => honest as f64 / all as f64,
            };
            // Steered, so that long conversations do not change the share asked for.
            if hand.draw.chance(self.mix + 6.0 * (self.mix - so_far)) {
                let clients =
                    (!self.spec.strip && self.level < 2).then_some(self.clients.as_slice());
                let tenants = if self.is_router() {
                    u64::from(self.spec.accounts) * 3
                } else {
                    3
                };
                return tenant(hand.stock.dialect, tenants, self.number ^ 7, clients, hand);
            }
        }
        self.pool.next(account, hand)
    }

    /// The next request of a conversation that stayed with its account.
    pub(crate) fn go_on(&self, thread: Thread, hand: &mut Hand<'_>) -> Ask {
        crate::threads::go_on(thread, self.pool.voice(), hand)
    }

    /// A request was turned away (429, 403): another account takes it.
    pub(crate) fn rotate(&mut self, ask: Ask) {
        if self.retry.len() < WAITING {
            self.retry.push_back(ask);
        }
    }

    /// An answer arrived. Gives the conversation back where it stays with the account.
    pub(crate) fn got(
        &mut self,
        ask: &Ask,
        account: u32,
        ready: i64,
        draw: &mut Draw,
    ) -> Option<Thread> {
        self.sent.0 += u64::from(!ask.distilling);
        self.sent.1 += 1;
        self.pool.got(ask, account, ready);
        let thread = ask.follow(ready)?;
        if self.spec.accounts > 1 && draw.chance(self.spec.hop) {
            if self.open.len() < 64 + 2 * self.spec.accounts as usize {
                self.open.push_back(thread);
            }
            return None;
        }
        Some(thread)
    }

    /// An honest workload of this world to hide behind, as likely as the world has it.
    pub(crate) fn disguise(honest: &[(usize, f64)], draw: &mut Draw) -> &'static Workload {
        let at = draw.weighted(honest.iter().map(|(_, weight)| *weight));
        &WORKLOADS[honest.get(at).map_or(0, |(row, _)| *row)]
    }

    /// How many exchanges one of its accounts is to have.
    pub(crate) fn volume(&self, draw: &mut Draw) -> u32 {
        let days = (self.span.1 - self.span.0) as f64 / 86_400_000.0;
        let [low, median, high] = match (&self.spec.exchanges, &self.spec.per_day) {
            (Some(three), _) => three.map(f64::from),
            (None, Some(three)) => three.map(|rate| rate * days),
            (None, None) => [1.0; 3],
        };
        draw.spread(median, 0.9, low.max(1.0), high.max(1.0))
            .round() as u32
    }
}

/// Numbers campaigns apart.
pub(crate) fn number(seed: u64, place: u64) -> u64 {
    hash(&[b"campaign", &seed.to_le_bytes(), &place.to_le_bytes()])
}

/// A hand for an account.
pub(crate) fn hand<'a>(now: i64, draw: &'a mut Draw, stock: &'a Stock) -> Hand<'a> {
    Hand { now, draw, stock }
}
