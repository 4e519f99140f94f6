//! Whether a change makes sense: what it names is there, what it makes is not, and somebody is
//! left who may do everything. Nothing is changed here.

use record::{Change, Operator, Role};

use super::Directory;

/// Why a change can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// It names something that is not there.
    #[error("there is no {what} {id}")]
    Missing {
        /// What it names.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// It makes something whose id, name or secret is there already.
    #[error("{what} {id} exists already")]
    Exists {
        /// What it makes.
        what: &'static str,
        /// Its id, or its name where that is the trouble.
        id: String,
    },
    /// It revokes or changes what was revoked before.
    #[error("{what} {id} was revoked before")]
    Revoked {
        /// What it names.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// It would leave nobody who may do everything.
    #[error("{name} is the last admin, and can be neither revoked nor given another role")]
    LastAdmin {
        /// Their name.
        name: String,
    },
    /// It makes the first operator where there is one.
    #[error("there are operators already")]
    NotFirst,
    /// It gives an operator a name that none can have.
    #[error(
        "{name:?} can't be an operator's name: 1 to 64 letters and digits, with `.`, `_`, `-` \
         and `@` between them"
    )]
    Name {
        /// The name.
        name: String,
    },
}

impl Directory {
    /// Whether the change makes sense now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, change: &Change) -> Result<(), Impossible> {
        match change {
            Change::OrganizationCreated(new) => self.organizations.absent(&new.id, "organization"),
            Change::AccountCreated(new) => {
                self.organizations
                    .present(&new.organization, "organization")?;
                self.accounts.absent(&new.id, "account")
            }
            Change::AccountPlan { account, .. }
            | Change::AccountState { account, .. }
            | Change::AccountLimits { account, .. }
            | Change::AccountErased { account } => {
                self.accounts.present(account, "account").map(drop)
            }
            Change::KeyCreated(new) => {
                self.accounts.present(&new.account, "account")?;
                self.keys.absent(&new.id, "key")
            }
            Change::KeyRevoked { key } => self.keys.live(key, "key", |k| k.revoked).map(drop),
            Change::GrantIssued(new) => {
                self.accounts.present(&new.account, "account")?;
                self.grants.absent(&new.id, "grant")
            }
            Change::GrantChanged { grant, .. } | Change::GrantRevoked { grant } => {
                self.grants.live(grant, "grant", |g| g.revoked).map(drop)
            }
            Change::OperatorCreated(new) => self.check_operator(new),
            Change::OperatorChanged { operator, role, .. } => {
                let known = self.operators.live(operator, "operator", |o| o.revoked)?;
                self.check_admin_left(known, *role == Role::Admin)
            }
            Change::OperatorRevoked { operator } => {
                let known = self.operators.live(operator, "operator", |o| o.revoked)?;
                self.check_admin_left(known, false)
            }
            Change::TokenCreated(new) => {
                let owner = &new.operator;
                self.operators.live(owner, "operator", |o| o.revoked)?;
                self.tokens.absent(&new.id, "token")?;
                match self.token_by_hash(&new.hash) {
                    Some(known) => self.tokens.absent(&known.id, "token"),
                    None => Ok(()),
                }
            }
            Change::TokenRevoked { token } => {
                self.tokens.live(token, "token", |t| t.revoked).map(drop)
            }
            // What the settings name is not known here.
            Change::ModelSwitched { .. }
            | Change::UpstreamSwitched { .. }
            | Change::TextViewed { .. }
            | Change::SettingsReloaded { .. }
            | Change::PayloadsPruned { .. } => Ok(()),
        }
    }

    /// Whether all these changes make sense, one after the other.
    ///
    /// # Errors
    /// Why the first that does not make sense does not.
    pub fn check_all(&self, changes: &[Change]) -> Result<(), Impossible> {
        if changes.len() < 2 || changes.iter().all(stands_alone) {
            return changes.iter().try_for_each(|change| self.check(change));
        }
        let mut ahead = self.clone();
        for change in changes {
            ahead.check(change)?;
            ahead.apply(change, record::Time::default(), 0);
        }
        Ok(())
    }

    /// Whether this operator, or anybody, can still become the first.
    ///
    /// # Errors
    /// Why not.
    pub fn check_first(&self, new: &Operator) -> Result<(), Impossible> {
        match self.operators().len() {
            0 => self.check_operator(new),
            _ => Err(Impossible::NotFirst),
        }
    }

    fn check_operator(&self, new: &Operator) -> Result<(), Impossible> {
        self.operators.absent(&new.id, "operator")?;
        if !Operator::is_name(&new.name) {
            return Err(Impossible::Name {
                name: new.name.clone(),
            });
        }
        // Also one that was revoked: the ledger's "by" must always mean the same person.
        match self.operator_named(&new.name) {
            Some(known) => Err(Impossible::Exists {
                what: "operator",
                id: known.name.clone(),
            }),
            None => Ok(()),
        }
    }

    fn check_admin_left(&self, changed: &Operator, stays: bool) -> Result<(), Impossible> {
        let is_admin = |one: &Operator| one.role == Role::Admin && one.revoked.is_none();
        let mut others = self.operators().filter(|other| other.id != changed.id);
        if stays || !is_admin(changed) || others.any(|other| is_admin(other)) {
            return Ok(());
        }
        Err(Impossible::LastAdmin {
            name: changed.name.clone(),
        })
    }
}

/// Whether a change can neither make another possible nor impossible.
const fn stands_alone(change: &Change) -> bool {
    matches!(
        change,
        Change::AccountPlan { .. }
            | Change::AccountState { .. }
            | Change::AccountLimits { .. }
            | Change::ModelSwitched { .. }
            | Change::UpstreamSwitched { .. }
            | Change::TextViewed { .. }
            | Change::SettingsReloaded { .. }
            | Change::PayloadsPruned { .. }
    )
}
