//! LiteLLM's proxy: its `config.yaml`, and its keys and teams as its API lists them or as its
//! tables are dumped. Nothing here decides what becomes of them in the house; what LiteLLM has
//! and Stillhouse has not is a note.

mod carried;
mod config;
mod keys;
mod provider;
mod rows;
mod settings;

pub use carried::{Config, Model, Prices, Upstream, UpstreamKind};
pub use config::read_config;
pub use keys::{Budget, Holders, Key, Period, Team, read_holders};
pub use settings::{plans_as_toml, to_toml};

/// Why a file can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The configuration is no YAML, or has another shape.
    #[error("the configuration can't be read: {0}")]
    Config(String),
    /// The keys or teams are neither the API's JSON nor a table's.
    #[error("the {what} can't be read: {why}")]
    Rows {
        /// `keys` or `teams`.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
}
