//! The real binary, from outside: its command line, its local socket, its server.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

mod config;
mod distill;
mod doctor;
mod errors;
mod faces;
mod fit;
mod hub;
mod import;
mod kill;
mod ledger;
mod man;
mod notify;
mod reload;
mod replay;
mod restore;
mod runs;
mod serve;
mod served;
mod still;
mod telemetry;
mod trainer;
mod verbs;
