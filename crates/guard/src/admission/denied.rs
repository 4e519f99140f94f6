//! Why a request is not let through: plain data.

use record::Reason;

use super::meter::Rates;

/// Why a request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// The reason.
    pub reason: Reason,
    /// Microseconds until another try may succeed, where one may.
    pub retry_after_us: Option<u64>,
    /// The field of the body that is to blame, where one is.
    pub param: Option<&'static str>,
    /// What is left of the limits, where one of them was reached.
    pub rates: Option<Rates>,
}

impl Denied {
    /// A refusal that time does not heal.
    pub const fn for_good(reason: Reason, param: Option<&'static str>) -> Self {
        Self {
            reason,
            retry_after_us: None,
            param,
            rates: None,
        }
    }
}
