//! What is kept of each account. Nothing is decided here.

use crate::digest::About;
use crate::profile::Hot;

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// What is known beside its traffic.
    pub about: About,
    /// Its exchanges.
    pub profile: Box<Hot>,
}

impl Account {
    pub(super) fn new(about: About) -> Self {
        Self {
            about,
            profile: Box::default(),
        }
    }
}
