//! The engine's operations, one a file: matrix product, RMSNorm, RoPE, attention, SiLU, log-softmax.
//! Plain slices in and out, row-major. Every result row depends on its own inputs alone, in one
//! order of additions, so that it is equal to the bit whatever the batch and the number of threads.
//! Nothing here knows files, tokens or models.

mod attention;
mod columns;
mod elementwise;
mod exp;
mod level;
mod linear;
mod logprob;
mod quantised;
mod rope;

pub(crate) use attention::{BLOCK, Heads, Kept, attend};
pub(crate) use elementwise::{add_rows, rms_norm_rows, silu_mul_rows};
pub(crate) use exp::exp;
pub(crate) use level::{Kind, Level, LevelFn, multiply_add};
pub(crate) use linear::Linear;
pub(crate) use logprob::{Question, arg_max, score, score_at};
pub(crate) use quantised::{Activations, Fineness, Kernel, Quantised};
pub(crate) use rope::{Rope, RopeLayout};

#[cfg(test)]
mod tests;
