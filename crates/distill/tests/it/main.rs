//! Runs end to end, with tiny models and real processes.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod house;
mod judged;
mod kill;
mod many;
mod order;
mod several;
mod stops;
mod vocabularies;
