//! Those who run the house: operators with a role, and the tokens that their programs use.
//! Passwords and secrets are never here, only what they can be checked against.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Id, kind};
use crate::time::Time;

/// What an operator may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything but text, and who runs the house.
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

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A leave to set a password, once: the link that an operator is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// BLAKE3 of the link's secret.
    pub hash: [u8; 32],
    /// From when on it is refused.
    pub expires: Time,
}

/// A person who runs the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Their id.
    pub id: Id<kind::Operator>,
    /// The name that they sign in with and that the ledger knows them by; it is never given to
    /// anybody else.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The password's hash: argon2id, in the PHC string format; `None` until one is set.
    pub password: Option<String>,
    /// An invitation that was not used yet.
    pub invitation: Option<Invitation>,
    /// When they were revoked, if they were.
    pub revoked: Option<Time>,
}

impl Operator {
    /// The most letters of a name.
    pub const NAME_MAX: usize = 64;

    /// Whether an operator can have this name: letters and digits of ASCII, and `.`, `_`, `-`
    /// and `@` between them. So it can't be mistaken for another face's, such as `uid:1000`.
    pub fn is_name(name: &str) -> bool {
        let bytes = name.as_bytes();
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        bytes.len() <= Self::NAME_MAX
            && ends(bytes.first())
            && ends(bytes.last())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(byte))
    }
}

/// A credential of an operator's program. The secret itself is never kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id.
    pub id: Id<kind::Token>,
    /// Whose it is; it may do what they may do.
    pub operator: Id<kind::Operator>,
    /// What its owner calls it.
    pub name: String,
    /// The first letters of the secret, to recognise it by.
    pub prefix: String,
    /// BLAKE3 of the whole secret.
    pub hash: [u8; 32],
    /// From when on it is refused; `None`: never.
    pub expires: Option<Time>,
    /// When it was revoked, if it was.
    pub revoked: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_mistaken() {
        for name in ["alice", "a", "alice@example.com", "on-call_2", "A.B"] {
            assert!(Operator::is_name(name), "{name}");
        }
        let long = "a".repeat(65);
        for name in ["", "uid:1000", "a b", "-a", "a.", "é", "<b>", &long] {
            assert!(!Operator::is_name(name), "{name}");
        }
    }

    #[test]
    fn a_role_is_written_by_its_name() {
        for role in Role::ALL {
            let json = serde_json::to_string(&role).unwrap();
            assert_eq!(json, format!("\"{role}\""));
        }
    }
}
