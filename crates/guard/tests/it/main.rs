//! The tests of `guard` from outside: what digests hold and never hold, and the laws of profiles.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test")]

mod behaviour;
mod digests;
mod world;
