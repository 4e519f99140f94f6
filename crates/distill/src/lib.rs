//! `distill`: sanctioned runs. What a run does next is a pure function of the ledger's entries;
//! rows are curated with a reason for each that left; what is measured carries its interval. It
//! never runs without a live grant, and writes only under its run's folder.

pub mod alarm;
pub mod card;
pub mod clean;
pub mod create;
pub mod curate;
pub mod curation;
pub mod drive;
mod error;
#[cfg(test)]
mod example;
pub mod export;
pub mod file;
pub mod folder;
pub mod grant;
pub mod kept;
pub mod measure;
pub mod plan;
pub mod quote;
mod random;
pub mod reward;
pub mod route;
pub mod rows;
pub mod runs;
pub mod spec;
pub mod state;
pub mod teacher;

pub use drive::{Observer, World, drive, put, resume};
pub use error::{Error, Result};
pub use plan::Next;
pub use spec::Spec;
pub use state::State;
