//! Choosing the next token from logits: bias, penalties, a grammar, temperature, truncation, a mark, a
//! seeded draw; and the writer of one answer (text, stop strings, length). No randomness but the caller's seed.

mod draw;
pub(crate) mod random;
mod sampler;
mod stop;
mod writer;

pub use sampler::{Sampler, Sampling};
pub use stop::StopStrings;
pub use writer::{Finish, Generated, Limits, Piece, Writer};

/// A token with its log-probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenLogprob {
    /// The token.
    pub token: u32,
    /// Natural logarithm of its probability under the model's own distribution.
    pub logprob: f32,
}

/// A token that was chosen or given, scored by the model's own distribution: before bias,
/// penalties, temperature and nucleus.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The token.
    pub token: u32,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// 1 for the most likely token; tokens of equal logits share a rank.
    pub rank: u32,
    /// The most likely tokens, most likely first; as many as were asked for.
    pub top: Vec<TokenLogprob>,
    /// Natural logarithms of the probabilities at the ids asked for, in their order.
    pub at: Vec<f32>,
    /// Natural logarithm of the mass of all tokens that neither `top` nor `at` tells: 0 where both
    /// are empty.
    pub tail: f32,
}

#[cfg(test)]
mod tests;
