//! Measuring: scores of answers, and how sure they are. Pure, in f64.
