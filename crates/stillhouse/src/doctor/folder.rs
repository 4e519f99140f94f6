//! The data folder: who may look into it, whether it can be written, how much room there is, and
//! how many files the process may open.

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::process::{Resource, getrlimit};

use super::Findings;
use crate::settings::Settings;

/// Room below which little is left to go on with.
const LITTLE: u64 = 1 << 30;
/// Connections and files of a busy gateway.
const FILES: u64 = 4096;

pub(super) fn look(settings: &Settings, found: &mut Findings) {
    let folder = &settings.data_dir;
    match std::fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let what = format!("{} is not there yet", folder.display());
            found.advice("folder", what, "`stillhouse serve` makes it");
        }
        Err(error) => {
            let what = format!("{} can't be looked at: {error}", folder.display());
            found.fault("folder", what, RUN_AS);
        }
        Ok(known) if !known.is_dir() => {
            let what = format!("{} is no folder", folder.display());
            found.fault("folder", what, "name another by --data-dir");
        }
        Ok(known) => look_inside(folder, &settings.ledger.folder, &known, found),
    }
    room(settings, found);
    files(found);
}

const RUN_AS: &str = "run this as the user that the server runs as";

fn look_inside(folder: &Path, ledger: &Path, known: &std::fs::Metadata, found: &mut Findings) {
    let before = found.all().len();
    if rustix::fs::access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let what = format!("{} can't be written by this user", folder.display());
        found.fault("folder", what, RUN_AS);
        return;
    }
    if known.uid() != rustix::process::getuid().as_raw() {
        let what = format!("{} belongs to another user", folder.display());
        found.warning("folder", what, RUN_AS);
    }
    if known.permissions().mode() & 0o077 != 0 {
        let mode = known.permissions().mode() & 0o777;
        let what = format!("others may look into {} (mode {mode:o})", folder.display());
        found.warning("folder", what, format!("chmod 700 {}", folder.display()));
    }
    let mut open = Vec::new();
    for place in [
        folder,
        ledger,
        &ledger.join("keys"),
        &ledger.join("journal"),
    ] {
        open.extend(readable_by_others(place));
    }
    if let Some(first) = open.first() {
        let what = match open.len() {
            1 => format!("others may read {}", first.display()),
            more => format!("others may read {more} files, such as {}", first.display()),
        };
        let hint = format!("chmod -R go= {}", folder.display());
        found.warning("folder", what, hint);
    }
    if found.all().len() == before {
        found.good(
            "folder",
            format!("{} is its owner's alone", folder.display()),
        );
    }
}

/// The files right in a folder that others may read, where the ledger or a secret is in them.
fn readable_by_others(folder: &Path) -> Vec<PathBuf> {
    let Ok(items) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let is_open = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let private = name.is_some_and(|name| {
            [".sqlite", ".sqlite-wal", ".sqlite-shm", ".key", ".log"]
                .iter()
                .any(|end| name.ends_with(end))
                || folder.ends_with("journal")
        });
        private
            && std::fs::metadata(path)
                .is_ok_and(|known| known.is_file() && known.permissions().mode() & 0o077 != 0)
    };
    let paths = items.flatten().map(|item| item.path());
    paths.filter(is_open).collect()
}

fn room(settings: &Settings, found: &mut Findings) {
    // The folder itself may not be there yet.
    let place = settings.ledger.folder.ancestors().find(|one| one.exists());
    let Some(place) = place else { return };
    let Ok(room) = rustix::fs::statvfs(place) else {
        return;
    };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let share = room.f_bavail.saturating_mul(100) / room.f_blocks.max(1);
    let told = format!("{} free ({share} %) in {}", bytes(free), place.display());
    let hint = "make room: `stillhouse ledger prune`, old backups, another disk";
    let spool = settings.ledger.spool_bytes;
    // A share alone says little of a large disk.
    let is_tight = free < spool || (share < 5 && free < spool.saturating_mul(8));
    if free < LITTLE {
        found.fault("disk", told, hint);
    } else if is_tight {
        let spool = bytes(spool);
        let what = format!("{told}; the spool alone may take {spool}");
        found.warning(
            "disk",
            what,
            format!("{hint}, or a smaller ledger.spool_bytes"),
        );
    } else {
        found.good("disk", told);
    }
    if room.f_files > 0 && room.f_favail < 1000 {
        let what = format!(
            "{} more files are possible in {}",
            room.f_favail,
            place.display()
        );
        found.warning("disk", what, "remove small files there");
    }
}

fn files(found: &mut Findings) {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if limit < FILES {
        let what = format!("this process may open {limit} files; each connection takes one or two");
        let hint = "raise it: `ulimit -n 65536`, or LimitNOFILE=65536 in the systemd unit";
        found.warning("limits", what, hint);
    } else {
        found.good("limits", format!("{limit} open files are possible"));
    }
}

/// A size as people read it.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut whole = bytes >> 10;
    let mut unit = 0;
    while whole >= 10 << 10 && unit + 1 < UNITS.len() {
        whole >>= 10;
        unit += 1;
    }
    format!("{whole} {}", UNITS[unit])
}
