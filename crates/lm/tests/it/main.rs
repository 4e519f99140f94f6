//! `lm` from outside: against references made by other programs, on a real model and on tiny ones.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing test panics")]

mod allocation;
mod batch;
mod files;
mod generate;
#[cfg(feature = "grammar")]
mod grammar;
mod hostile;
mod loss;
mod many;
mod mutations;
mod paths;
mod quants;
mod real_model;
mod reference;
#[cfg(feature = "grammar")]
mod schema;
mod tokenizer;
mod watermark;
