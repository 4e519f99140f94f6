//! How an operator comes in: by a password, by a token, by an invitation, or as the first of all.
//!
//! What takes a password takes some 20 MiB and tens of milliseconds, as is meant: call it on a
//! thread that may block, and few at a time.

use std::sync::Arc;

use ::ledger::facts::{ChangeError, Expected, Impossible, Thing};
use record::{Actor, Change, Operator, Role, Token};

use super::password;
use crate::error::{Error, Result};
use crate::house::House;

/// The operator of this name, if the password is theirs. It takes as long where there is none.
///
/// # Errors
/// The house's.
pub fn sign_in(house: &House, name: &str, password: &str) -> Result<Option<Arc<Operator>>> {
    let known = house.facts.directory().operator_named(name).cloned();
    let known = known.filter(|operator| operator.revoked.is_none());
    let hash = known.as_ref().and_then(|known| known.password.as_deref());
    let is_right = password::is_right(house, password, hash)?;
    Ok(known.filter(|_| is_right))
}

/// Whose token this is, where it is good and its operator is not revoked.
pub fn by_token(house: &House, secret: &str) -> Option<(Arc<Operator>, Arc<Token>)> {
    let hash = *blake3::hash(secret.as_bytes()).as_bytes();
    let now = house.now();
    let directory = house.facts.directory();
    let token = directory.token_by_hash(&hash)?;
    let is_good = token.revoked.is_none() && token.expires.is_none_or(|end| end > now);
    let operator = directory.operator(token.operator)?;
    let is_in = is_good && operator.revoked.is_none();
    is_in.then(|| (Arc::clone(operator), Arc::clone(token)))
}

/// Whom an invitation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// Their name.
    pub name: String,
    /// What they will be.
    pub role: Role,
}

/// Whom an invitation is for, where it can still be used.
pub fn invited(house: &House, secret: &str) -> Option<Invited> {
    let operator = find_invited(house, secret)?;
    Some(Invited {
        name: operator.name.clone(),
        role: operator.role,
    })
}

/// Sets the password of who has the invitation; it can't be used again.
///
/// # Errors
/// The invitation is not known, was used or has expired; a password that can't be; the ledger's.
pub fn accept_invitation(house: &House, secret: &str, password: &str) -> Result<Arc<Operator>> {
    let gone = || {
        let hint = "ask an admin for a new one: `stillhouse operator set NAME --invite`";
        Error::missing(
            "the invitation is not known, was used or has expired",
            Some(hint.to_owned()),
        )
    };
    let operator = find_invited(house, secret).ok_or_else(gone)?;
    let hash = password::hash(house, password)?;
    let thing = Thing::Operator(operator.id);
    let revision = house.facts.directory().revision(&thing);
    // Who used it in between has it.
    let operator = find_invited(house, secret).ok_or_else(gone)?;
    let change = Change::OperatorChanged {
        operator: operator.id,
        role: operator.role,
        password: Some(hash),
        invitation: None,
    };
    let by = Actor::Operator(operator.name.clone());
    let expected = Some(Expected { thing, revision });
    house
        .facts
        .change_at(by, "the invitation was accepted", vec![change], expected)?;
    let changed = house.facts.directory().operator(operator.id).cloned();
    Ok(changed.unwrap_or(operator))
}

/// Makes the first admin, with a password.
///
/// # Errors
/// There is an operator; a name or a password that can't be; the ledger's.
pub fn first_admin(house: &House, name: &str, password: &str) -> Result<Arc<Operator>> {
    // Before the password takes its time; the ledger looks again, where nobody can come between.
    if house.facts.directory().operators().len() > 0 {
        return Err(ChangeError::from(Impossible::NotFirst).into());
    }
    let new = Operator {
        id: house.id(),
        name: name.to_owned(),
        role: Role::Admin,
        password: Some(password::hash(house, password)?),
        invitation: None,
        revoked: None,
    };
    let by = Actor::Operator(name.to_owned());
    house
        .facts
        .first_operator(by, "the first admin", new.clone())?;
    Ok(Arc::new(new))
}

fn find_invited(house: &House, secret: &str) -> Option<Arc<Operator>> {
    let hash = blake3::hash(secret.as_bytes());
    let now = house.now();
    let directory = house.facts.directory();
    let mut open = directory
        .operators()
        .filter(|operator| operator.revoked.is_none());
    let found = open.find(|operator| {
        let invitation = operator.invitation.as_ref();
        // Hashes are compared in a time that tells nothing.
        invitation.is_some_and(|open| hash == open.hash && open.expires > now)
    });
    found.cloned()
}
