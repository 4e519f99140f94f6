//! `backup`: a copy that opens and verifies by itself, made while the server goes on.

use std::path::PathBuf;

use record::Actor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::house::House;

/// What `backup` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// An absolute path of a folder that is not there, or is empty.
    #[schemars(extend("format" = "path"))]
    pub to: PathBuf,
    /// Copies the keys too: without them the copy verifies but can't be written to, and bodies
    /// stay sealed.
    #[serde(default)]
    pub with_keys: bool,
}

/// What `backup` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackedUp {
    /// The folder.
    pub to: PathBuf,
    /// The copy holds every entry up to here, or later ones too.
    pub entries: u64,
    /// Whether it holds the keys.
    pub with_keys: bool,
}

/// Copies the ledger.
///
/// # Errors
/// A folder that can't be; the ledger's.
pub fn backup(house: &House, _: &Actor, input: Backup) -> Result<BackedUp> {
    if !input.to.is_absolute() {
        return Err(Error::invalid("to", "the folder's path must be absolute"));
    }
    let entries = house.facts.ledger().tip().seq;
    house.facts.ledger().backup(&input.to, input.with_keys)?;
    Ok(BackedUp {
        to: input.to,
        entries,
        with_keys: input.with_keys,
    })
}
