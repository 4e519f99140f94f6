//! Which of the guard's sources a log has: what was never there can't have been looked at, and a
//! report says so.

use guard::digest::{About, Digest};
use serde::{Deserialize, Serialize};

/// A source: its name in `summary.json`, what it is, and what is not seen without it.
pub struct Source {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// What is not seen without it.
    pub without: &'static str,
    /// Whether it is known of accounts, and not of exchanges.
    pub of_accounts: bool,
}

const fn of_exchanges(name: &'static str, what: &'static str, without: &'static str) -> Source {
    Source {
        name,
        what,
        without,
        of_accounts: false,
    }
}

const fn of_accounts(name: &'static str, what: &'static str, without: &'static str) -> Source {
    Source {
        name,
        what,
        without,
        of_accounts: true,
    }
}

/// Every source, in the order of [`Sources::seen`].
pub const SOURCES: [Source; 14] = [
    of_exchanges(
        "requests",
        "what was asked",
        "templates, coverage of topics, grading and conversations: most of what the guard judges by",
    ),
    of_exchanges(
        "answers",
        "what was answered",
        "answers that come back in later requests (echoes)",
    ),
    of_exchanges("tokens", "token counts", "how much output an account draws"),
    of_exchanges(
        "durations",
        "how long answers took",
        "pace: whether requests wait for answers",
    ),
    of_exchanges(
        "addresses",
        "client addresses",
        "accounts that share addresses",
    ),
    of_exchanges(
        "networks",
        "the kind of network (hosting, home, …)",
        "rented servers told from homes and offices",
    ),
    of_exchanges(
        "user_agents",
        "client programs",
        "accounts that share a client",
    ),
    of_exchanges(
        "header_orders",
        "order of header names",
        "clients that only pretend to be others",
    ),
    of_exchanges(
        "ja4",
        "TLS client prints",
        "the same client behind many addresses",
    ),
    of_exchanges(
        "languages",
        "accepted languages",
        "one small sign of a shared origin",
    ),
    of_accounts(
        "created",
        "when accounts were opened",
        "accounts that were opened together",
    ),
    of_accounts(
        "plans",
        "what accounts pay for",
        "what is usual for the same plan",
    ),
    of_accounts(
        "organizations",
        "verified organisations",
        "accounts that may share everything, because one customer owns them",
    ),
    of_accounts(
        "sign_up",
        "hashes of e-mail, payment or phone",
        "accounts that one person opened",
    ),
];

/// How many have each source, by [`SOURCES`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Exchanges, or accounts, that have it.
    pub seen: [u64; SOURCES.len()],
}

impl Sources {
    pub(super) fn exchange(&mut self, digest: &Digest) {
        let (sizes, origin) = (&digest.sizes, &digest.origin);
        let asked = [sizes.ask, sizes.system, sizes.past, sizes.ids, sizes.media];
        let has = [
            asked.iter().any(|size| *size > 0),
            sizes.answer > 0 || sizes.calls > 0,
            digest.usage.is_some(),
            digest.duration_ms > 0,
            origin.address != 0,
            origin.network.is_some() || origin.asn.is_some(),
            origin.agent != 0,
            origin.headers != 0,
            origin.tls != 0,
            origin.language != 0,
        ];
        for (count, has) in self.seen.iter_mut().zip(has) {
            *count += u64::from(has);
        }
    }

    pub(super) fn account(&mut self, about: &About) {
        let has = [
            about.created.is_some(),
            about.plan.is_some(),
            about.organization != 0,
            about.email | about.payment | about.phone != 0,
        ];
        let first = SOURCES.len() - has.len();
        for (count, has) in self.seen[first..].iter_mut().zip(has) {
            *count += u64::from(has);
        }
    }
}
