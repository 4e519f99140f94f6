//! Operators: `create`, `set`, `revoke`. Who is new, or has lost the password, gets an invitation:
//! a secret that sets a password once, within a day.

use ::ledger::facts::{Directory, Thing};
use record::{Actor, Change, Invitation as Kept, KeySecret, Operator as Known, Role, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::house::House;
use crate::{find, shapes};

/// How long an invitation can be used.
const INVITED_US: u64 = 24 * 3_600_000_000;
/// What an invitation's secret begins with.
const PREFIX: &str = "iv-sh-";

/// An operator as they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Operator {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they can sign in.
    pub state: State,
    /// Until when their invitation can be used, where there is one.
    pub invited_until: Option<String>,
    /// Tokens that were not revoked.
    pub tokens: usize,
    /// When they were made.
    pub created: String,
    /// When they were revoked.
    pub revoked: Option<String>,
    /// The ledger's entry that changed them last.
    pub revision: u64,
}

/// Whether an operator can sign in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// They can.
    Active,
    /// They have set no password yet.
    Invited,
    /// They can't any more.
    Revoked,
}

impl State {
    pub(super) fn of(known: &Known) -> Self {
        match (&known.revoked, &known.password) {
            (Some(_), _) => Self::Revoked,
            (None, Some(_)) => Self::Active,
            (None, None) => Self::Invited,
        }
    }

    /// Its name, as inputs and outputs have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Invited => "invited",
            Self::Revoked => "revoked",
        }
    }
}

/// An operator, and the invitation where there is a new one: given once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invitation {
    /// The operator.
    pub operator: Operator,
    /// The secret that sets a password, once and within a day. It can't be shown again.
    pub invitation: Option<String>,
    /// The page where it does so; `None` where there is no new one, or the operator's port is off.
    pub link: Option<String>,
}

/// What `create` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Their name, to sign in with; it is never given to anybody else.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `set` takes: what is left out stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Their name or id.
    pub operator: String,
    /// Another role.
    #[serde(default)]
    pub role: Option<Role>,
    /// Sends a new invitation; their password is gone at once.
    #[serde(default)]
    pub invite: bool,
    /// Only if it is still at this revision; else it is changed as it is now.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// What `revoke` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Their name or id.
    pub operator: String,
    /// Only if it is still at this revision; else it is changed as it is now.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Why, for the ledger.
    #[serde(default)]
    pub why: String,
}

/// Makes an operator, who is invited to set a password.
///
/// # Errors
/// A name that is taken or can't be; the ledger's.
pub fn create(house: &House, by: &Actor, input: Create) -> Result<Invitation> {
    let (secret, invitation) = invitation(house);
    let new = Known {
        id: house.id(),
        name: input.name,
        role: input.role,
        password: None,
        invitation: Some(invitation),
        revoked: None,
    };
    house.change(by, &input.why, Change::OperatorCreated(new.clone()))?;
    Ok(invited(house, &new, Some(secret)))
}

/// Gives an operator another role or a new invitation.
///
/// # Errors
/// An operator who is not there or was revoked, the last admin, nothing to change;
/// [`Error::Stale`]; the ledger's.
pub fn set(house: &House, by: &Actor, input: Set) -> Result<Invitation> {
    let id = find::operator(&house.facts.directory(), &input.operator)?.id;
    if input.role.is_none() && !input.invite {
        let error = Error::invalid("operator", "there is nothing to change");
        return Err(error.with_hint("name another role, or send a new invitation"));
    }
    let made = input.invite.then(|| invitation(house));
    let seen = (Thing::Operator(id), input.revision);
    house.edit(by, &input.why, seen, |directory| {
        let known = find::operator(directory, &id.to_string())?;
        let (password, invitation) = match &made {
            Some((_, invitation)) => (None, Some(invitation.clone())),
            None => (known.password.clone(), known.invitation.clone()),
        };
        Ok(vec![Change::OperatorChanged {
            operator: id,
            role: input.role.unwrap_or(known.role),
            password,
            invitation,
        }])
    })?;
    let known = find::operator(&house.facts.directory(), &id.to_string())?;
    Ok(invited(house, &known, made.map(|(secret, _)| secret)))
}

/// Refuses an operator and all their tokens from now on.
///
/// # Errors
/// An operator who is not there or was revoked before, the last admin; [`Error::Stale`]; the
/// ledger's.
pub fn revoke(house: &House, by: &Actor, input: Revoke) -> Result<Operator> {
    let id = find::operator(&house.facts.directory(), &input.operator)?.id;
    let seen = (Thing::Operator(id), input.revision);
    let change = Change::OperatorRevoked { operator: id };
    house.edit(by, &input.why, seen, |_| Ok(vec![change.clone()]))?;
    let directory = house.facts.directory();
    let known = find::operator(&directory, &id.to_string())?;
    Ok(view(&directory, &known))
}

/// A new invitation: its secret, and what is kept of it.
fn invitation(house: &House) -> (KeySecret, Kept) {
    let secret = KeySecret::new(PREFIX, house.secret_bytes());
    let kept = Kept {
        hash: *blake3::hash(secret.reveal().as_bytes()).as_bytes(),
        expires: house.now().plus_micros(INVITED_US),
    };
    (secret, kept)
}

fn invited(house: &House, known: &Known, secret: Option<KeySecret>) -> Invitation {
    // Behind the `#`, which no browser sends and no log holds.
    let link = |secret: &KeySecret| {
        let url = house.operator_url.as_ref()?;
        Some(format!("{url}/invitation#{}", secret.reveal()))
    };
    Invitation {
        operator: view(&house.facts.directory(), known),
        link: secret.as_ref().and_then(link),
        invitation: secret.map(|secret| secret.reveal().to_owned()),
    }
}

pub(super) fn view(directory: &Directory, known: &Known) -> Operator {
    let tokens = directory.tokens_of(known.id);
    let open = known
        .invitation
        .as_ref()
        .filter(|_| known.revoked.is_none());
    Operator {
        id: known.id.to_string(),
        name: known.name.clone(),
        role: known.role,
        state: State::of(known),
        invited_until: open.map(|open| open.expires.rfc3339()),
        tokens: tokens.filter(|token| token.revoked.is_none()).count(),
        created: shapes::made(known.id).rfc3339(),
        revoked: known.revoked.map(Time::rfc3339),
        revision: directory.revision(&Thing::Operator(known.id)),
    }
}
