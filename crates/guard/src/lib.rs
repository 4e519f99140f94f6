//! Decides, without IO: who may ask what, how often and for how much; and what of an exchange is
//! kept to judge by.
//!
//! Admission is the table that every request passes. Detection goes from an exchange's digest by the
//! memory of echoes, profiles, signals, links, clusters and streams to evidence and proposals;
//! [`watch`] folds all of it. This room reads no clock, does no IO and draws no random numbers: time
//! and ids are arguments. It never acts by itself.

pub mod admission;
pub mod card;
pub mod cluster;
pub mod commons;
pub mod digest;
pub mod echo;
pub mod finding;
pub mod fit;
pub mod link;
pub mod profile;
pub mod signal;
pub mod stream;
pub mod watch;
pub mod window;
