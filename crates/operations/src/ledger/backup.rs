//! `backup`: a copy that opens and verifies by itself, made while the server goes on. And how the
//! house is off for backups: one rule for all who tell of it.

use std::path::PathBuf;

use ::ledger::Reader;
use record::{Actor, Time};
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

/// A backup of this many days is old.
pub const OLD_DAYS: u64 = 7;
const DAY_US: u64 = 86_400_000_000;

/// How the newest backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// Younger than a week, and where it was made.
    Good,
    /// Younger than a week, but no longer where it was made: well, if it was moved to where it
    /// is safe.
    Moved,
    /// A week old or older.
    Old,
    /// None is known.
    None,
}

/// The newest backup, as far as the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastBackup {
    /// How it is.
    pub state: BackupState,
    /// When it was made.
    pub made: Option<String>,
    /// How many whole days ago.
    pub days: Option<u64>,
    /// Where it was made.
    pub to: Option<PathBuf>,
    /// The last entry that it holds at least.
    pub entries: Option<u64>,
}

impl LastBackup {
    /// Looks at what the ledger's folder notes, and whether the copy is still there.
    pub fn of(reader: &Reader, now: Time) -> Self {
        let Some(last) = reader.last_backup() else {
            return Self {
                state: BackupState::None,
                made: None,
                days: None,
                to: None,
                entries: None,
            };
        };
        let days = now.micros().saturating_sub(last.time_us) / DAY_US;
        let state = match last.to.exists() {
            _ if days >= OLD_DAYS => BackupState::Old,
            true => BackupState::Good,
            false => BackupState::Moved,
        };
        Self {
            state,
            made: Some(Time::from_micros(last.time_us).rfc3339()),
            days: Some(days),
            to: Some(last.to),
            entries: Some(last.seq),
        }
    }
}
