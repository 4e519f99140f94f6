//! Operators: those who run the house. Here is how they come in; no face is told more than
//! whether somebody did.

mod entry;
mod password;

pub use entry::{Invited, accept_invitation, by_token, first_admin, invited, sign_in};
