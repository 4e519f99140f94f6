//! What a change makes of the directory. Nothing is refused here: what was written holds. To
//! apply a run of changes again over what they made changes nothing.

use std::sync::Arc;

use record::id::kind;
use record::{Account, AccountState, Change, Grant, Id, Key, Operator, Organization, Time, Token};

use super::{Directory, Switch};
use crate::Seq;

/// What a change made of the thing that it touched.
#[derive(Debug, Clone)]
pub enum Touched {
    /// An organisation is new.
    Organization(Arc<Organization>),
    /// An account is new or changed.
    Account(Arc<Account>),
    /// A key is new or changed.
    Key(Arc<Key>),
    /// A grant is new or changed.
    Grant(Arc<Grant>),
    /// An operator is new or changed.
    Operator(Arc<Operator>),
    /// A token is new or changed.
    Token(Arc<Token>),
    /// A model was switched.
    Model {
        /// Its name.
        model: String,
        /// Whether it may be asked now.
        on: bool,
    },
    /// An upstream, or one of its servers, was switched.
    Upstream {
        /// Its name.
        upstream: String,
        /// The server; `None`: all of it.
        server: Option<String>,
        /// Whether it gets requests now.
        on: bool,
    },
    /// The change names nothing that is there, or changes nothing.
    Nothing,
}

impl Directory {
    /// Applies the change that the entry at `seq` wrote at `time`.
    pub fn apply(&mut self, change: &Change, time: Time, seq: Seq) -> Touched {
        match change {
            Change::OrganizationCreated(new) => {
                Touched::Organization(self.organizations.put(new.id, new, seq))
            }
            Change::AccountCreated(new) => {
                self.index.add_account(new);
                Touched::Account(self.accounts.put(new.id, new, seq))
            }
            Change::AccountPlan { account, plan } => {
                self.edit_account(*account, seq, |edited| edited.plan.clone_from(plan))
            }
            Change::AccountState { account, state } => {
                self.edit_account(*account, seq, |edited| edited.state = *state)
            }
            Change::AccountLimits {
                account,
                limits,
                spend,
            } => self.edit_account(*account, seq, |edited| {
                edited.limits = limits.clone();
                edited.spend = *spend;
            }),
            Change::AccountErased { account } => self.erase(*account, time, seq),
            Change::KeyCreated(new) => {
                self.index.add_key(new);
                Touched::Key(self.keys.put(new.id, new, seq))
            }
            Change::KeyRevoked { key } => {
                let revoke = |edited: &mut Key| edited.revoked = Some(time);
                let edited = self.keys.edit(key, seq, revoke);
                edited.map_or(Touched::Nothing, Touched::Key)
            }
            Change::GrantIssued(new) => {
                self.index.add_grant(new);
                Touched::Grant(self.grants.put(new.id, new, seq))
            }
            Change::GrantChanged { grant, terms } => {
                self.edit_grant(*grant, seq, |edited| edited.terms = terms.clone())
            }
            Change::GrantRevoked { grant } => {
                self.edit_grant(*grant, seq, |edited| edited.revoked = Some(time))
            }
            change => self.apply_house(change, time, seq),
        }
    }

    /// What concerns the house itself rather than its customers.
    fn apply_house(&mut self, change: &Change, time: Time, seq: Seq) -> Touched {
        match change {
            Change::OperatorCreated(new) => {
                self.index.add_operator(new);
                Touched::Operator(self.operators.put(new.id, new, seq))
            }
            Change::OperatorChanged {
                operator,
                role,
                password,
                invitation,
            } => self.edit_operator(*operator, seq, |edited| {
                edited.role = *role;
                edited.password.clone_from(password);
                edited.invitation.clone_from(invitation);
            }),
            Change::OperatorRevoked { operator } => self.revoke_operator(*operator, time, seq),
            Change::TokenCreated(new) => {
                self.index.add_token(new);
                Touched::Token(self.tokens.put(new.id, new, seq))
            }
            Change::TokenRevoked { token } => {
                let revoke = |edited: &mut Token| edited.revoked = Some(time);
                let edited = self.tokens.edit(token, seq, revoke);
                edited.map_or(Touched::Nothing, Touched::Token)
            }
            Change::ModelSwitched { model, on } => {
                let (on, revision) = (*on, seq);
                self.models.insert(model.clone(), Switch { on, revision });
                let model = model.clone();
                Touched::Model { model, on }
            }
            Change::UpstreamSwitched {
                upstream,
                server,
                on,
            } => {
                let (on, revision) = (*on, seq);
                let (upstream, server) = (upstream.clone(), server.clone());
                let key = (upstream.clone(), server.clone());
                self.upstreams.insert(key, Switch { on, revision });
                Touched::Upstream {
                    upstream,
                    server,
                    on,
                }
            }
            _ => Touched::Nothing,
        }
    }

    fn edit_account(
        &mut self,
        id: Id<kind::Account>,
        seq: Seq,
        change: impl FnOnce(&mut Account),
    ) -> Touched {
        let edited = self.accounts.edit(&id, seq, change);
        edited.map_or(Touched::Nothing, Touched::Account)
    }

    fn edit_grant(
        &mut self,
        id: Id<kind::Grant>,
        seq: Seq,
        change: impl FnOnce(&mut Grant),
    ) -> Touched {
        let edited = self.grants.edit(&id, seq, change);
        edited.map_or(Touched::Nothing, Touched::Grant)
    }

    fn edit_operator(
        &mut self,
        id: Id<kind::Operator>,
        seq: Seq,
        change: impl FnOnce(&mut Operator),
    ) -> Touched {
        let edited = self.operators.edit(&id, seq, change);
        edited.map_or(Touched::Nothing, Touched::Operator)
    }

    /// An erased account keeps its id, for the money; whatever names a person is gone.
    fn erase(&mut self, id: Id<kind::Account>, time: Time, seq: Seq) -> Touched {
        for key in self.index.keys(id) {
            self.keys.edit(&key, seq, |key| {
                key.name.clear();
                key.revoked.get_or_insert(time);
            });
        }
        for grant in self.index.grants(id) {
            self.grants.edit(&grant, seq, |grant| {
                grant.terms.purpose.clear();
                grant.revoked.get_or_insert(time);
            });
        }
        self.edit_account(id, seq, |account| {
            account.name.clear();
            account.state = AccountState::Closed;
        })
    }

    /// Nothing that an operator could come in by is left; the name stays, for what they did.
    fn revoke_operator(&mut self, id: Id<kind::Operator>, time: Time, seq: Seq) -> Touched {
        for token in self.index.tokens(id) {
            self.tokens.edit(&token, seq, |token| {
                token.revoked.get_or_insert(time);
            });
        }
        self.edit_operator(id, seq, |operator| {
            operator.password = None;
            operator.invitation = None;
            operator.revoked = Some(time);
        })
    }
}
