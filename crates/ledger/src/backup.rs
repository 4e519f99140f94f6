//! A copy of everything while the server runs. In this order, so that the copy is whole: heads
//! (they attest no more than what comes), store, then the journal, which goes on where the store
//! ends; no segment is removed meanwhile. And the way back: a copy of the copy, in a new folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::chain::Seq;
use crate::core::Core;
use crate::private::{make_file, make_folder};
use crate::{Error, Result, keys};

pub(crate) const STORE_FILE: &str = "ledger.sqlite";
pub(crate) const VAULT_FILE: &str = "vault.sqlite";
pub(crate) const HEADS_FILE: &str = "heads.log";
pub(crate) const JOURNAL_DIR: &str = "journal";
/// Where and when the last backup was made: for a person who wonders, and for `doctor`.
const LAST_BACKUP: &str = "last-backup";

/// The last backup of a ledger, as the ledger noted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastBackup {
    /// When, in microseconds since 1970.
    pub time_us: u64,
    /// The last entry that it holds at least.
    pub seq: Seq,
    /// Where it was made; it may have been moved since.
    pub to: PathBuf,
}

/// Which secret keys a restored ledger has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoredKeys {
    /// The key that signs heads: without it the ledger can't be written to.
    pub signing: bool,
    /// The vault's key: without it stored bodies stay sealed.
    pub vault: bool,
}

pub(crate) fn backup(core: &Core, to: &Path, with_keys: bool) -> Result<()> {
    let what = || format!("copying to {to:?}");
    let seq = core.journal.tip().seq;
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
        let (from, to) = (core.journal_dir.join(&name), journal.join(&name));
        // An entry that is half written would be one that was tampered with.
        let copied = core.journal.between_appends(|| fs::copy(&from, &to));
        let synced = copied.and_then(|_| File::open(&to)?.sync_all());
        synced.map_err(Error::io(what()))?;
    }
    let sync = || -> io::Result<()> {
        for name in [STORE_FILE, VAULT_FILE] {
            File::open(to.join(name))?.sync_all()?;
        }
        File::open(&journal)?.sync_all()?;
        File::open(to)?.sync_all()
    };
    sync().map_err(Error::io(what()))?;
    let last = LastBackup {
        time_us: core.now(),
        seq,
        to: to.to_owned(),
    };
    last.note(&core.folder)
}

impl LastBackup {
    fn note(&self, folder: &Path) -> Result<()> {
        let text = format!("{} {}\n{}\n", self.time_us, self.seq, self.to.display());
        let path = folder.join(LAST_BACKUP);
        let written = make_file(&path).and_then(|()| fs::write(&path, text));
        written.map_err(Error::io(format!("writing {path:?}")))
    }

    /// What was noted, if anything that can be read was.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join(LAST_BACKUP)).ok()?;
        let (numbers, to) = text.split_once('\n')?;
        let (time_us, seq) = numbers.split_once(' ')?;
        Some(Self {
            time_us: time_us.parse().ok()?,
            seq: seq.parse().ok()?,
            to: to.trim_end().into(),
        })
    }
}

/// Copies a backup to a folder that is not there or is empty, where a server can open it. The
/// secret keys come from the backup where it has them, else from `keys`, a folder with
/// `signing.key` and `vault.key`, where one is given. Checks nothing but that the files are there:
/// [`verify`](crate::verify()) both, before and after.
///
/// # Errors
/// [`Error::NoLedger`] where there is no backup, [`Error::Argument`] where the folder is not
/// empty or a key is another ledger's, [`Error::Io`].
pub fn restore(from: &Path, to: &Path, keys: Option<&Path>) -> Result<RestoredKeys> {
    let what = || format!("copying {from:?} to {to:?}");
    keys::public_key(from)?;
    make_folder(to).map_err(Error::io(what()))?;
    let mut there = fs::read_dir(to).map_err(Error::io(what()))?;
    if there.next().is_some() {
        return Err(Error::Argument(format!("{to:?} is not empty")));
    }
    let restored = keys::restore(from, to, keys)?;
    let copy = || -> io::Result<()> {
        for name in [HEADS_FILE, STORE_FILE, VAULT_FILE] {
            let (from, to) = (from.join(name), to.join(name));
            make_file(&to)?;
            copy_content(&from, &to)?;
        }
        let (from, to_journal) = (from.join(JOURNAL_DIR), to.join(JOURNAL_DIR));
        make_folder(&to_journal)?;
        for item in fs::read_dir(from)? {
            let item = item?;
            let copy = to_journal.join(item.file_name());
            make_file(&copy)?;
            copy_content(&item.path(), &copy)?;
        }
        File::open(&to_journal)?.sync_all()?;
        File::open(to)?.sync_all()
    };
    copy().map_err(Error::io(what()))?;
    Ok(restored)
}

/// Copies what is in a file, and not its mode: a backup may have been through other hands.
fn copy_content(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut to) = (
        File::open(from)?,
        fs::OpenOptions::new().write(true).open(to)?,
    );
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}
