//! Who there is: organisations of a few accounts, each account with a key, some with a grant,
//! some with a spend limit. Made from a number alone.

use ledger::facts::{Facts, Tally};
use record::id::kind;
use record::{
    Account, AccountState, Amount, Budget, BudgetOwner, Change, Grant, GrantBudget, GrantTerms, Id,
    Key, Limits, Money, Organization, Slice, SpendLimit, SpendPeriod, Tier, Time,
};

use crate::draw::{self, id, of, pick};

/// Everybody.
pub(crate) struct People {
    /// How many accounts.
    pub(crate) accounts: u64,
    /// When they came.
    pub(crate) start_us: u64,
}

/// A spend limit and what is gone of it.
pub(crate) struct Settled {
    /// The limit.
    pub(crate) change: Change,
    /// What was drawn.
    pub(crate) slice: Slice,
}

/// Accounts of one organisation.
const TEAM: u64 = 4;
const FIRST: [&str; 24] = [
    "Northwind",
    "Halcyon",
    "Meridian",
    "Copperfield",
    "Larkspur",
    "Juniper",
    "Tidewater",
    "Ostrava",
    "Brightwell",
    "Kestrel",
    "Fenwick",
    "Aurora",
    "Saltmarsh",
    "Pemberton",
    "Calder",
    "Willow",
    "Quayside",
    "Redwood",
    "Sable",
    "Thornbury",
    "Umber",
    "Verdant",
    "Wexford",
    "Zephyr",
];
const LAST: [&str; 12] = [
    "Labs",
    "Health",
    "Analytics",
    "Robotics",
    "Legal",
    "Bank",
    "Logistics",
    "Media",
    "Energy",
    "Games",
    "Research",
    "Insurance",
];
const TEAMS: [&str; 12] = [
    "support-bot",
    "search",
    "summaries",
    "code-review",
    "evaluation",
    "batch-labels",
    "chat-web",
    "chat-mobile",
    "extraction",
    "translation",
    "research",
    "internal-tools",
];

impl People {
    fn organization(&self, number: u64) -> Id<kind::Organization> {
        id(self.start_us, number)
    }

    /// The account of this number; they came one after the other.
    pub(crate) fn account(&self, number: u64) -> Id<kind::Account> {
        id(self.start_us + number * 1000, number)
    }

    /// The key of the account of this number.
    pub(crate) fn key(&self, number: u64) -> Id<kind::Key> {
        id(self.start_us, number)
    }

    /// Whether the account has a grant.
    pub(crate) fn has_grant(&self, number: u64) -> bool {
        number.is_multiple_of(997) || (self.accounts < 1000 && number % 9 == 4)
    }

    /// Its grant.
    pub(crate) fn grant(&self, number: u64) -> Id<kind::Grant> {
        id(self.start_us, number)
    }

    /// Whether the account has a spend limit of its own.
    pub(crate) fn has_budget(&self, number: u64) -> bool {
        number.is_multiple_of(20) || (self.accounts < 1000 && number % 3 != 1)
    }

    /// The entries that make everybody.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        (0..self.accounts).flat_map(|number| {
            let team = number / TEAM;
            let new = number.is_multiple_of(TEAM).then(|| {
                Change::OrganizationCreated(Organization {
                    id: self.organization(team),
                    name: team_name(team),
                })
            });
            let grant = self.has_grant(number).then(|| self.granted(number));
            new.into_iter()
                .chain([self.opened(number), self.keyed(number)])
                .chain(grant)
        })
    }

    fn opened(&self, number: u64) -> Change {
        let drawn = of(number, 1);
        Change::AccountCreated(Account {
            id: self.account(number),
            organization: self.organization(number / TEAM),
            name: match self.accounts < 1000 {
                true => pick(number * 5 + number / TEAM, &TEAMS).to_owned(),
                false => format!("{}-{number}", pick(drawn, &TEAMS)),
            },
            plan: pick(drawn >> 20, &["default", "team", "team", "scale"]).to_owned(),
            state: match drawn % 53 {
                0 => AccountState::Closed,
                _ => AccountState::Active,
            },
            limits: Limits {
                requests_per_minute: drawn.is_multiple_of(11).then_some(1200),
                ..Limits::default()
            },
            spend: None,
        })
    }

    fn keyed(&self, number: u64) -> Change {
        let hash = *blake3::hash(&number.to_le_bytes()).as_bytes();
        Change::KeyCreated(Key {
            id: self.key(number),
            account: self.account(number),
            name: pick(of(number, 2), &["production", "laptop", "ci", "staging"]).to_owned(),
            prefix: format!("sk-sh-{}", &hex::encode(hash)[..6]),
            hash,
            expires: None,
            spend: None,
            revoked: None,
        })
    }

    fn granted(&self, number: u64) -> Change {
        let hash = *blake3::hash(&(number | 1 << 63).to_le_bytes()).as_bytes();
        Change::GrantIssued(Grant {
            id: self.grant(number),
            account: self.account(number),
            terms: GrantTerms {
                teachers: vec!["llama-3.3-70b".to_owned()],
                purpose: "a small extraction model for invoices".to_owned(),
                tier: pick(of(number, 3), &[&Tier::Topk, &Tier::Score, &Tier::Judge]).to_owned(),
                budget: GrantBudget::new(Some(Money::from_nanos(500_000_000_000)), None)
                    .expect("it has a bound"),
                limits: Limits::default(),
                expires: Time::from_micros(self.start_us + 90 * 86_400_000_000),
            },
            prefix: format!("gt-sh-{}", &hex::encode(hash)[..6]),
            hash,
            revoked: None,
        })
    }

    /// What the account has spent in the month of `now`, as the sums say.
    pub(crate) fn spent(&self, facts: &Facts, number: u64, now: u64) -> ledger::Result<Amount> {
        let now = Time::from_micros(now);
        let (from, until) = (now.month_start_day(), now.day() + 1);
        let rows = facts.costs_between(&[self.account(number)], from, until)?;
        let mut sum = Tally::default();
        rows.iter().for_each(|row| sum.add(&row.tally));
        Ok(Amount {
            money: Money::from_nanos(sum.nanos),
            tokens: sum.input + sum.output,
        })
    }

    /// A limit that is as far away from what is spent as the account's number says.
    pub(crate) fn budget(&self, number: u64, spent: Amount, now: u64) -> Option<Settled> {
        if spent.money == Money::ZERO {
            return None;
        }
        let used = 0.12 + 0.87 * draw::share(of(number, 4));
        let dollars = spent.money.nanos() as f64 / used / 1e9;
        // Limits are round numbers, as people choose them, and never below what is gone.
        let step = 10f64.powf(dollars.log10().floor()) / 2.0;
        let nanos = ((dollars / step).ceil() * step * 1e9) as u64;
        let now = Time::from_micros(now);
        let owner = BudgetOwner::Account(self.account(number));
        Some(Settled {
            change: Change::AccountLimits {
                account: self.account(number),
                limits: Limits::default(),
                spend: Some(SpendLimit {
                    amount: Money::from_nanos(nanos.max(1_000_000)),
                    period: SpendPeriod::Month,
                }),
            },
            slice: Slice {
                id: id(now.micros(), number),
                budget: Budget {
                    owner,
                    start_day: now.month_start_day(),
                },
                reserved: spent,
            },
        })
    }
}

fn team_name(team: u64) -> String {
    let (first, last) = (FIRST.len() as u64, LAST.len() as u64);
    let name = format!(
        "{} {}",
        pick(team, &FIRST),
        pick(team * 7 + team / first, &LAST)
    );
    match team / (first * last) {
        0 => name,
        round => format!("{name} {}", round + 1),
    }
}
