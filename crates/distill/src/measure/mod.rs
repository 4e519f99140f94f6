//! Measuring: scores of answers, and how sure they are. Pure, in f64; the same seed gives the same
//! interval. An interval is never left out: where nothing was measured it spans all that is possible.

mod gap;
mod interval;
mod schema;
mod scorer;
mod table;

pub use gap::{Arms, Gap, gap_recovered};
pub use interval::{
    Estimate, Resampling, bootstrap, paired_difference, perplexity_of, quantile, wilson,
};
pub use schema::{Schema, Validator};
pub(crate) use scorer::PERPLEXITY;
pub use scorer::{Rule, Score, Scorer, ScorerError, first_object, perplexity};
pub use table::{Slice, cost_per_point, share, slices};

#[cfg(test)]
mod tests;
