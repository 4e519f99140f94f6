//! Who asks: sessions of browsers, tokens of programs, and the proof that a change was asked for
//! on one of our own pages.
//!
//! Passwords, tokens and invitations are the verbs' (`operations::operator`); nothing is kept
//! here but sessions, in memory, by the hash of their id.

mod caller;
mod cookie;
mod doors;
mod origin;
mod posted;
mod session;
mod throttle;
mod viewer;

pub(crate) use caller::{Caller, bearer};
pub(crate) use cookie::Theme;
pub(crate) use doors::routes;
pub(crate) use origin::{is_ours, known_host};
pub(crate) use posted::Posted;
pub(crate) use session::Sessions;
pub(crate) use throttle::Throttle;
pub(crate) use viewer::Viewer;
