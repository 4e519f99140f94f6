//! The ledger from outside: what it promises, broken on purpose wherever it can be.

mod back;
mod basics;
mod changes;
mod faults;
mod kill;
mod kit;
mod memory;
mod power;
mod retention;
mod runs;
mod sim;
mod snapshots;
mod store_suite;
mod tamper;
mod upgrade;
