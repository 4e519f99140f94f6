//! The real binary, from outside: its command line, its local socket, its server.

mod config;
mod errors;
mod hub;
mod kill;
mod ledger;
mod reload;
mod serve;
mod still;
mod verbs;
