//! Who works in the house, and what each may do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an operator may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything but text.
    Viewer,
    /// Reads, and changes organisations, accounts, keys, grants, models and upstreams.
    Operator,
    /// Reads, also the text of exchanges; every look is recorded.
    Reviewer,
    /// May do everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Reviewer, Self::Admin];

    /// Its name, as it is written in inputs and shown to people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Reviewer => "reviewer",
            Self::Admin => "admin",
        }
    }
}
