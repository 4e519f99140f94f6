//! `lm` from outside: against references made by other programs, on a real model and on tiny ones.

mod batch;
mod generate;
mod hostile;
mod quants;
mod real_model;
mod reference;
mod tokenizer;
