//! The tests of `guard` from outside: what digests hold and never hold, echoes, and the laws of profiles.

mod behaviour;
mod digests;
mod echoes;
mod profiles;
mod windows;
mod world;
