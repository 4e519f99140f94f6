//! Operators, those who run the house: `create`, `list`, `set`, `revoke`, and how they come in.
//! No password, secret or hash is ever shown; an invitation is, once.

mod entry;
mod list;
mod manage;
mod password;

pub use list::{List, Listed, list};
pub use manage::{Create, Invitation, Operator, Revoke, Set, State, create, revoke, set};

pub use entry::{Invited, accept_invitation, by_token, first_admin, invited, sign_in};
