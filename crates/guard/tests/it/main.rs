//! The tests of `guard` from outside: what digests hold and never hold, echoes, links, the laws of profiles.

mod behaviour;
mod cards;
mod digests;
mod echoes;
mod links;
mod profiles;
mod watching;
mod windows;
mod world;
