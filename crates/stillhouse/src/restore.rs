//! `restore`: a data folder from a backup. The backup is verified first and the copy afterwards;
//! what a backup does not hold is told. The backup itself is only read.

use std::path::{Path, PathBuf};

use ledger::{Reader, RestoredKeys};
use operations::ledger::{Verified, verify_with};
use serde::Serialize;

use crate::failure::{Failure, Result};

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Restored {
    /// The data folder.
    pub(crate) to: PathBuf,
    /// The chain's name, hexadecimal.
    pub(crate) chain: String,
    /// The last entry.
    pub(crate) entries: u64,
    /// The last entry that a signed head attests.
    pub(crate) attested: u64,
    /// Bodies in the vault.
    pub(crate) bodies: u64,
    /// What the data folder still lacks, each with what to do.
    pub(crate) missing: Vec<String>,
}

/// Makes the data folder `to`; `keys` is where the secret keys are, if not in the backup.
/// `progress` is told what is done, and the last entry checked.
///
/// # Errors
/// No backup there, one that is not sound, a folder that is not empty, keys of another ledger.
pub(crate) fn restore(
    backup: &Path,
    to: &Path,
    keys: Option<&Path>,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Restored> {
    let ledger = to.join("ledger");
    refuse_what_is_there(to)?;
    let checked = check(backup, &mut |seq| progress("verifying the backup", seq))?;
    if !checked.sound {
        return Err(Failure::BackupUnsound(backup.to_owned()));
    }
    progress("copying", checked.tip);
    let has = ledger::restore(backup, &ledger, keys)?;
    let copied = check(&ledger, &mut |seq| progress("verifying the copy", seq))?;
    if !copied.sound || (copied.tip, &copied.chain) != (checked.tip, &checked.chain) {
        return Err(Failure::Unsound);
    }
    Ok(Restored {
        missing: missing(to, has, &copied),
        to: to.to_owned(),
        chain: copied.chain,
        entries: copied.tip,
        attested: copied.attested,
        bodies: copied.bodies_opened + copied.bodies_sealed,
    })
}

fn refuse_what_is_there(to: &Path) -> Result<()> {
    match std::fs::read_dir(to).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => {
            let what = format!("{} is not empty", to.display());
            let error = operations::Error::invalid("to", what);
            Err(error
                .with_hint("name a folder that is not there yet")
                .into())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::system(format!("reading {}", to.display()))(error)),
    }
}

fn check(folder: &Path, progress: &mut dyn FnMut(u64)) -> Result<Verified> {
    let reader = Reader::open(folder, None).map_err(operations::Error::from)?;
    Ok(verify_with(&reader, progress)?)
}

fn missing(to: &Path, has: RestoredKeys, copied: &Verified) -> Vec<String> {
    let folder = to.join("ledger/keys");
    let folder = folder.display();
    let mut missing = Vec::new();
    if !has.signing {
        missing.push(format!(
            "the signing key: this ledger can be read and verified, but no server can write to it. Put signing.key into {folder} (mode 0600)"
        ));
    }
    if !has.vault {
        missing.push(format!(
            "the vault's key: {} stored bodies stay sealed, and no server starts. Put vault.key into {folder} (mode 0600)",
            copied.bodies_sealed
        ));
    }
    missing.push(format!(
        "the settings file and models: put stillhouse.toml into {}, and pull models anew",
        to.display()
    ));
    missing.push(
        "what was written after the backup: a heads file kept elsewhere (ledger.heads_file) shows it, and no server starts over it. Keep that file as evidence, and name a new one"
            .into(),
    );
    missing
}
