//! `HttpUpstream` against servers on loopback, well-behaved and not.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helper fails the test"
)]

mod answers;
mod balancing;
mod breaks;
mod closing;
mod counting;
mod peer;
mod probes;
mod retries;
mod tls;
