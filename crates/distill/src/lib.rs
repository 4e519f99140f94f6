//! `distill`: sanctioned runs. What a run does next is a pure function of the ledger's entries;
//! rows are curated with a reason for each that left; what is measured carries its interval. It
//! never runs without a live grant, and writes only under its run's folder.

pub mod curate;
pub mod export;
pub mod measure;
mod random;
