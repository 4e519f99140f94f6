//! The tests of `guard` from outside: what digests hold and never hold, and the laws of profiles.

mod behaviour;
mod digests;
mod profiles;
mod world;
