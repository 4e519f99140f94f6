//! What the operator sets for the public door. Plain values; nothing is read from anywhere here.

use std::sync::Arc;
use std::time::Duration;

use record::Time;

use crate::network::Network;

/// The clock.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;
/// A cryptographic source of randomness: fills the slice.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// What happens to the upstream's work when a client hangs up before its answer is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientGone {
    /// It is ended at once; the usage is estimated.
    Cancel,
    /// It is read to its end, for exact usage, but no longer than this.
    Drain(Duration),
}

/// Settings of the public door.
#[derive(Debug, Clone)]
pub struct Options {
    /// The largest body that is taken, in bytes.
    pub max_body_bytes: usize,
    /// The time a client has for its request's head.
    pub header_timeout: Duration,
    /// The time a client has for its request's body.
    pub body_timeout: Duration,
    /// The time a client may leave a stream unread before its connection is cut.
    pub stall_timeout: Duration,
    /// The time that running answers have once the server is told to stop.
    pub drain_limit: Duration,
    /// Proxies whose word about a client's address is taken.
    pub trusted_proxies: Vec<Network>,
    /// Further paths that are passed through, metered by bytes.
    pub listed_paths: Vec<String>,
    /// What happens when a client hangs up.
    pub client_gone: ClientGone,
    /// The most tokens of an answer where neither the request nor the model says.
    pub default_max_output: u64,
    /// How long the text of a request with `store: true` is kept.
    pub keep_stored: Duration,
    /// The share of scored items that are asked for again and compared, 0 to 1.
    pub score_check_share: f64,
    /// The largest answer that is kept for an `Idempotency-Key` or for `store: true`.
    pub keep_max_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_body_bytes: 32 << 20,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(120),
            drain_limit: Duration::from_secs(30),
            trusted_proxies: Vec::new(),
            listed_paths: Vec::new(),
            client_gone: ClientGone::Cancel,
            default_max_output: 32_768,
            keep_stored: Duration::from_secs(30 * 86_400),
            score_check_share: 0.005,
            keep_max_bytes: 8 << 20,
        }
    }
}
