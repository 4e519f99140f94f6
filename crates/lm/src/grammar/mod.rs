//! Answers that must be JSON, of a schema or any object: which tokens may come next. The automaton
//! is `llguidance`'s; here are the bridge to our tokenizer and the limits. Schemas come from
//! clients, so building and every step are bounded, and a panic inside is an error. Never a network
//! or a file: a schema that refers to another document is refused.
//!
//! Answers have one form: `", "` and `": "` between parts and no other white space. White space
//! that a schema leaves free is where small models never come to an end.

#[cfg(feature = "grammar")]
mod constrained;
#[cfg(not(feature = "grammar"))]
mod without;

#[cfg(feature = "grammar")]
pub use constrained::{Grammar, Grammars};
#[cfg(not(feature = "grammar"))]
pub use without::{Grammar, Grammars};
