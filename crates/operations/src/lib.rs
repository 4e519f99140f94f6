//! What an operator can do, one function a verb, with plain values in and out.
//!
//! Every face (command line, admin API, pages) calls these and nothing else, so that a
//! verb means the same everywhere; [`VERBS`] is the one list of them. Nothing here prints, parses
//! arguments, knows HTML, or reads a clock or seeds of its own: a [`House`] is handed in.

pub mod account;
pub mod distill;
mod error;
pub mod exchange;
mod find;
pub mod grant;
mod house;
pub mod import;
pub mod key;
pub mod ledger;
pub mod model;
pub mod operator;
pub mod organization;
mod page;
pub mod plan;
pub mod replay;
pub mod server;
pub mod settings;
pub mod shapes;
pub mod token;
pub mod upstream;
pub mod usage;
mod verbs;

pub use error::{Error, Result};
pub use house::{Clock, House, Random, Serving, Source};
pub use verbs::{Nothing, VERBS, Verb, Way, verb};
