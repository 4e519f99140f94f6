//! The two paths of a model, and which of them it holds weights for.

/// How a sequence is computed. The two never mix within a sequence: keys and values differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Path {
    /// In f32: within 1e-3 of the f32 reference. For scores, and for whatever must hold as evidence.
    #[default]
    Exact,
    /// Weights in int8 or 4 bits, activations in int8: for sampling. Within 0.05 nat of the exact
    /// path on average.
    Fast,
}

/// Which copies of its weights a model holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weights {
    /// f32 alone: 4 bytes a parameter.
    #[default]
    Exact,
    /// Quantised alone: 0.63 bytes a parameter of Q4_0 and Q4_1, 1.07 of all other types.
    Fast,
    /// Both. For serving: plain sampling is fast, scores are exact.
    Both,
}

impl Weights {
    /// Whether the weights of a path are among them.
    #[must_use]
    pub fn holds(self, path: Path) -> bool {
        match path {
            Path::Exact => self != Self::Fast,
            Path::Fast => self != Self::Exact,
        }
    }
}
