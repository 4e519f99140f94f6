//! What rows may be made of. Arithmetic is in `f64` either way; this is only how a row is stored.

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`.
pub trait Float: Copy + Send + Sync + std::fmt::Debug + sealed::Sealed + 'static {
    /// The nearest to 0 that the logarithm of a sum of probabilities can be told from 0. A teacher's
    /// tail is never taken to be smaller.
    const NEAR: f64;

    /// The number, exactly.
    fn wide(self) -> f64;

    /// The nearest number of this type.
    fn narrow(wide: f64) -> Self;
}

impl Float for f32 {
    const NEAR: f64 = -1e-7;

    #[inline]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline]
    fn narrow(wide: f64) -> Self {
        wide as f32
    }
}

impl Float for f64 {
    const NEAR: f64 = -1e-15;

    #[inline]
    fn wide(self) -> f64 {
        self
    }

    #[inline]
    fn narrow(wide: f64) -> Self {
        wide
    }
}
