//! The child's life from its parent's side, over pipes, with tiny models.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing test panics")]

mod child;
mod failures;
mod jobs;
mod judged;
mod learning;
mod resume;
mod served;
mod several;
mod vocabularies;
