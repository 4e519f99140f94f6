//! What is known of an account beside its traffic, behind the same wall: choices as they are,
//! everything that names somebody as a keyed print.

use record::{PlanKind, Program, SeenAccount, Time};
use serde::{Deserialize, Serialize};

use super::key::{Keys, Purpose};

/// An account without names. Prints are 0 where nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// When it was opened.
    pub created: Option<Time>,
    /// What it pays for.
    pub plan: Option<PlanKind>,
    /// The programme of its sign-up.
    pub program: Option<Program>,
    /// What it says that it does.
    pub declared: Declared,
    /// Print of the verified organisation.
    pub organization: u64,
    /// Print of the e-mail address.
    pub email: u64,
    /// Print of the means of payment.
    pub payment: u64,
    /// Print of the phone number.
    pub phone: u64,
    /// Print of the declared country.
    pub country: u32,
}

/// What an account says that it does. A declaration changes whom it is compared with, never exempts;
/// only a grant that the operator gave does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declared {
    /// Nothing.
    #[default]
    Nothing,
    /// Evaluations and benchmarks.
    Evaluation,
    /// A class.
    Classroom,
    /// Others' requests.
    Aggregator,
    /// Distillation, with the operator's leave.
    Grant,
    /// Something else.
    Other,
}

impl About {
    pub(super) fn of(keys: &Keys, account: &SeenAccount<'_>) -> Self {
        let print = |kind: u64, text: &str| {
            if text.is_empty() {
                return 0;
            }
            let text = keys.bytes(Purpose::Origin, text.as_bytes());
            keys.words(Purpose::Origin, [kind, text]).max(1)
        };
        Self {
            created: account.created,
            plan: account.plan,
            program: account.program,
            declared: Declared::of(account.declared_use),
            organization: print(32, account.organization),
            email: print(33, account.email),
            payment: print(34, account.payment),
            phone: print(35, account.phone),
            country: print(36, account.country) as u32,
        }
    }
}

impl Declared {
    fn of(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "" => Self::Nothing,
            "evaluation" | "benchmark" | "testing" => Self::Evaluation,
            "classroom" | "education" | "teaching" => Self::Classroom,
            "aggregator" | "router" | "reseller" => Self::Aggregator,
            "distillation-grant" | "distillation_grant" => Self::Grant,
            _ => Self::Other,
        }
    }
}
