//! Which exchanges and refusals are wanted.

use ::ledger::facts::Directory;
use record::id::kind as named;
use record::{Id, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::row::{Kind, Seen};
use crate::error::Result;
use crate::find;
use crate::house::House;

/// Statuses of the same first digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Class {
    /// It was done.
    #[serde(rename = "2xx")]
    Done,
    /// The client's fault.
    #[serde(rename = "4xx")]
    Client,
    /// The server's or the upstream's fault.
    #[serde(rename = "5xx")]
    Server,
}

/// What is wanted, as a caller writes it; what is left out leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct What {
    /// Only those of this account: its id, or its name where that is unique.
    pub account: Option<String>,
    /// Only those of this organisation: its id, or its name where that is unique.
    pub organization: Option<String>,
    /// Only those that asked for this model.
    pub model: Option<String>,
    /// Only those that were let through, or only those that were not.
    pub kind: Option<Kind>,
    /// Only those whose status is of this class.
    pub status: Option<Class>,
    /// Only refusals for this reason.
    pub reason: Option<Reason>,
}

/// What is wanted, checked.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    account: Option<Id<named::Account>>,
    organization: Option<Id<named::Organization>>,
    model: Option<String>,
    kind: Option<Kind>,
    status: Option<Class>,
    reason: Option<Reason>,
}

impl Filter {
    /// Checks what is wanted.
    ///
    /// # Errors
    /// An account or an organisation that is not there.
    pub fn new(house: &House, what: What) -> Result<Self> {
        let directory = house.facts.directory();
        let account = what.account.as_deref();
        let account = account.map(|text| find::account(&directory, text));
        let of = what.organization.as_deref();
        let of = of.map(|text| find::organization(&directory, text));
        Ok(Self {
            account: account.transpose()?.map(|account| account.id),
            organization: of.transpose()?.map(|of| of.id),
            model: what.model,
            kind: what.kind,
            status: what.status,
            reason: what.reason,
        })
    }

    /// Whether it is wanted.
    pub(super) fn passes(&self, seen: &Seen, directory: &Directory) -> bool {
        let organization = || {
            let account = seen.account().and_then(|id| directory.account(id));
            account.map(|account| account.organization)
        };
        let (kind, reason) = match seen {
            Seen::Exchange(_) => (Kind::Exchange, None),
            Seen::Refusal(refusal) => (Kind::Refusal, Some(refusal.reason)),
        };
        let class = match seen.status() {
            ..400 => Class::Done,
            400..500 => Class::Client,
            _ => Class::Server,
        };
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.status.is_none_or(|wanted| wanted == class)
            && self
                .model
                .as_ref()
                .is_none_or(|model| model == seen.model())
            && self.reason.is_none_or(|wanted| reason == Some(wanted))
            && (self.account.is_none() || self.account == seen.account())
            && (self.organization.is_none() || self.organization == organization())
    }
}
