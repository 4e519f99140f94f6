//! A copy of everything while the server runs. In this order, so that the copy is whole: heads
//! (they attest no more than what comes), store, then the journal, which goes on where the store
//! ends; no segment is removed meanwhile.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::core::Core;
use crate::private::make_folder;
use crate::{Error, Result, keys};

pub(crate) const STORE_FILE: &str = "ledger.sqlite";
pub(crate) const VAULT_FILE: &str = "vault.sqlite";
pub(crate) const HEADS_FILE: &str = "heads.log";
pub(crate) const JOURNAL_DIR: &str = "journal";

pub(crate) fn backup(core: &Core, to: &Path, with_keys: bool) -> Result<()> {
    let what = || format!("copying to {to:?}");
    make_folder(to).map_err(Error::io(what()))?;
    if fs::read_dir(to)
        .map_err(Error::io(what()))?
        .next()
        .is_some()
    {
        return Err(Error::Argument(format!("{to:?} is not empty")));
    }
    keys::copy(&core.folder, to, with_keys)?;
    copy_file(&core.heads_path, &to.join(HEADS_FILE)).map_err(Error::io(what()))?;
    let _kept = core.journal.keep_segments();
    core.store.backup(&to.join(STORE_FILE))?;
    core.vault.backup(&to.join(VAULT_FILE))?;
    let journal = to.join(JOURNAL_DIR);
    make_folder(&journal).map_err(Error::io(what()))?;
    for name in core
        .disk
        .list(&core.journal_dir)
        .map_err(Error::io(what()))?
    {
        copy_file(&core.journal_dir.join(&name), &journal.join(&name))
            .map_err(Error::io(what()))?;
    }
    let sync = || -> io::Result<()> {
        for name in [STORE_FILE, VAULT_FILE] {
            File::open(to.join(name))?.sync_all()?;
        }
        File::open(&journal)?.sync_all()?;
        File::open(to)?.sync_all()
    };
    sync().map_err(Error::io(what()))
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}
