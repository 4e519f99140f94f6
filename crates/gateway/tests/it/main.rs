//! The gateway as its clients, its upstreams and its ledger see it: a real ledger in a temporary
//! folder, real sockets on loopback, scripted servers behind.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on has failed"
)]

mod books;
mod changes;
mod client;
mod clock;
mod faults;
mod grants;
mod heads;
mod hostile;
mod house;
mod leaving;
mod limits;
mod money;
mod observed;
mod once;
mod pass;
mod paths;
mod peer;
mod puppet;
mod refusals;
mod scorer;
mod scores;
mod stopping;
mod translated;
mod trl;
mod unrecorded;
