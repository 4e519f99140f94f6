//! Things by id or, where people have names for them, by a name that is unique.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use ::ledger::facts::Directory;
use record::id::{Kind, kind};
use record::{Account, Grant, Id, Key, KeySecret, Operator, Organization, Token};

use crate::error::{Error, Result};

/// An organisation by id or name.
pub(crate) fn organization(directory: &Directory, text: &str) -> Result<Arc<Organization>> {
    if let Some(id) = id::<kind::Organization>("organization", text)? {
        return found("organization", id, directory.organization(id));
    }
    let named = directory.organizations().filter(|known| known.name == text);
    only("organization", text, named, |known| known.id)
}

/// An account by id or name.
pub(crate) fn account(directory: &Directory, text: &str) -> Result<Arc<Account>> {
    if let Some(id) = id::<kind::Account>("account", text)? {
        return found("account", id, directory.account(id));
    }
    let named = directory.accounts().filter(|known| known.name == text);
    only("account", text, named, |known| known.id)
}

/// A key by id, or by the first letters of its secret.
pub(crate) fn key(directory: &Directory, text: &str) -> Result<Arc<Key>> {
    if let Some(id) = id::<kind::Key>("key", text)? {
        return found("key", id, directory.key(id));
    }
    let shown = directory.keys().filter(|known| known.prefix == text);
    only("key", text, shown, |known| known.id)
}

/// A grant by id, or by the first letters of its token.
pub(crate) fn grant(directory: &Directory, text: &str) -> Result<Arc<Grant>> {
    if let Some(id) = id::<kind::Grant>("grant", text)? {
        return found("grant", id, directory.grant(id));
    }
    let shown = directory.grants().filter(|known| known.prefix == text);
    only("grant", text, shown, |known| known.id)
}

/// An operator by id or name.
pub(crate) fn operator(directory: &Directory, text: &str) -> Result<Arc<Operator>> {
    match Id::<kind::Operator>::from_str(text) {
        Ok(id) => found("operator", id, directory.operator(id)),
        Err(_) => found(
            "operator",
            format!("`{text}`"),
            directory.operator_named(text),
        ),
    }
}

/// A token by id, or by the first letters of its secret.
pub(crate) fn token(directory: &Directory, text: &str) -> Result<Arc<Token>> {
    if let Some(id) = id::<kind::Token>("token", text)? {
        return found("token", id, directory.token(id));
    }
    let shown = directory.tokens().filter(|known| known.prefix == text);
    only("token", text, shown, |known| known.id)
}

/// Whose keys or grants are asked for.
pub(crate) struct Owner<'a> {
    directory: &'a Directory,
    account: Option<Id<kind::Account>>,
    organization: Option<Id<kind::Organization>>,
}

impl<'a> Owner<'a> {
    pub(crate) fn new(
        directory: &'a Directory,
        account: &Option<String>,
        of: &Option<String>,
    ) -> Result<Self> {
        let account = account.as_ref().map(|text| self::account(directory, text));
        let organization = of.as_ref().map(|text| organization(directory, text));
        Ok(Self {
            directory,
            account: account.transpose()?.map(|found| found.id),
            organization: organization.transpose()?.map(|found| found.id),
        })
    }

    /// Whether what this account owns is asked for.
    pub(crate) fn is(&self, owner: Id<kind::Account>) -> bool {
        self.account.is_none_or(|account| account == owner)
            && self.organization.is_none_or(|organization| {
                let account = self.directory.account(owner);
                account.is_some_and(|account| account.organization == organization)
            })
    }
}

/// The id, where the text is meant as one.
fn id<K: Kind>(field: &str, text: &str) -> Result<Option<Id<K>>> {
    let Some(rest) = text.strip_prefix(K::PREFIX) else {
        return Ok(None);
    };
    if !rest.starts_with('_') {
        return Ok(None);
    }
    match Id::from_str(text) {
        Ok(id) => Ok(Some(id)),
        Err(error) => Err(Error::invalid(field, error)),
    }
}

fn found<T>(what: &str, id: impl Display, found: Option<&Arc<T>>) -> Result<Arc<T>> {
    found.cloned().ok_or_else(|| {
        let hint = format!("`stillhouse {what} list` shows what there is");
        Error::missing(format!("there is no {what} {id}"), Some(hint))
    })
}

fn only<'a, T: 'a, I: Display>(
    what: &str,
    text: &str,
    mut named: impl Iterator<Item = &'a Arc<T>>,
    id: impl Fn(&T) -> I,
) -> Result<Arc<T>> {
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(Arc::clone(one)),
        (Some(one), Some(other)) => Err(Error::Conflict {
            message: format!(
                "more than one {what} is called `{}`",
                KeySecret::hidden(text)
            ),
            hint: Some(format!(
                "name it by its id, such as {} or {}",
                id(one),
                id(other)
            )),
        }),
        // Who wrote a whole secret does not read it again.
        _ => found(what, format!("`{}`", KeySecret::hidden(text)), None),
    }
}
