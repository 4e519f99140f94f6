//! The ledger's own keys: one signs heads, one locks the vault. Made once, in the data folder,
//! readable by their owner only; never logged, never copied unless a backup is told to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::backup::RestoredKeys;
use crate::chain::{ChainId, chain_of};
use crate::options::Random;
use crate::{Error, Result};

const SIGNING: &str = "keys/signing.key";
const VAULT: &str = "keys/vault.key";
const PUBLIC: &str = "signing.pub";

/// The keys of a ledger that is open for writing.
pub(crate) struct Keys {
    pub(crate) signing: SigningKey,
    pub(crate) vault: [u8; 32],
}

impl Keys {
    /// Reads the keys, or makes them where there is no ledger yet.
    pub(crate) fn open(folder: &Path, random: &Random) -> Result<Self> {
        let fresh = !folder.join(PUBLIC).exists();
        let signing = SigningKey::from_bytes(&read_or_make(folder, SIGNING, fresh, random)?);
        let vault = read_or_make(folder, VAULT, fresh, random)?;
        let public = signing.verifying_key();
        if fresh {
            write(folder, PUBLIC, &public.to_bytes(), 0o644)?;
        } else if public_key(folder)? != public {
            let path = folder.join(SIGNING);
            return Err(Error::Key {
                path,
                what: format!("it is not the key of {PUBLIC}"),
            });
        }
        Ok(Self { signing, vault })
    }

    pub(crate) fn chain(&self) -> ChainId {
        chain_of(&self.signing.verifying_key().to_bytes())
    }
}

/// The public key beside a ledger.
pub(crate) fn public_key(folder: &Path) -> Result<VerifyingKey> {
    let path = folder.join(PUBLIC);
    if !path.exists() {
        return Err(Error::NoLedger {
            path: folder.to_owned(),
        });
    }
    let bytes = read(&path)?;
    VerifyingKey::from_bytes(&bytes).map_err(|error| Error::Key {
        path,
        what: format!("no public key: {error}"),
    })
}

/// The vault's key, where this process may read it.
pub(crate) fn vault_key(folder: &Path) -> Result<Option<[u8; 32]>> {
    let path = folder.join(VAULT);
    if path.exists() {
        read(&path).map(Some)
    } else {
        Ok(None)
    }
}

/// Copies the public key, and the others where asked for.
pub(crate) fn copy(from: &Path, to: &Path, with_secrets: bool) -> Result<()> {
    write(to, PUBLIC, &read(&from.join(PUBLIC))?, 0o644)?;
    if with_secrets {
        for name in [SIGNING, VAULT] {
            write(to, name, &read(&from.join(name))?, 0o600)?;
        }
    }
    Ok(())
}

/// Brings the keys of a backup to a restored ledger: from the backup, else from a folder that
/// holds them.
pub(crate) fn restore(from: &Path, to: &Path, elsewhere: Option<&Path>) -> Result<RestoredKeys> {
    let public = public_key(from)?;
    write(to, PUBLIC, &public.to_bytes(), 0o644)?;
    let bring = |name: &str| -> Result<bool> {
        let beside = elsewhere.map(|folder| {
            let last = Path::new(name).file_name().unwrap_or_default();
            folder.join(last)
        });
        let places = [Some(from.join(name)), beside];
        let Some(place) = places.into_iter().flatten().find(|place| place.exists()) else {
            return Ok(false);
        };
        let bytes = read(&place)?;
        if name == SIGNING && SigningKey::from_bytes(&bytes).verifying_key() != public {
            return Err(Error::Argument(format!(
                "{place:?} is the key of another ledger"
            )));
        }
        write(to, name, &bytes, 0o600)?;
        Ok(true)
    };
    Ok(RestoredKeys {
        signing: bring(SIGNING)?,
        vault: bring(VAULT)?,
    })
}

fn read_or_make(folder: &Path, name: &str, fresh: bool, random: &Random) -> Result<[u8; 32]> {
    let path = folder.join(name);
    if path.exists() {
        return read_secret(&path);
    }
    if !fresh {
        let what = "it is missing, and this ledger was made with it".into();
        return Err(Error::Key { path, what });
    }
    let mut bytes = [0u8; 32];
    random(&mut bytes);
    write(folder, name, &bytes, 0o600)?;
    Ok(bytes)
}

fn read_secret(path: &PathBuf) -> Result<[u8; 32]> {
    let mode = fs::metadata(path)
        .map_err(Error::io(format!("reading {path:?}")))?
        .permissions();
    if mode.mode() & 0o077 != 0 {
        let what = "others can read it; run `chmod 600` on it".into();
        return Err(Error::Key {
            path: path.clone(),
            what,
        });
    }
    read(path)
}

fn read(path: &Path) -> Result<[u8; 32]> {
    let text = fs::read_to_string(path).map_err(Error::io(format!("reading {path:?}")))?;
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).map_err(|error| Error::Key {
        path: path.to_owned(),
        what: format!("not 64 hexadecimal digits: {error}"),
    })?;
    Ok(bytes)
}

/// Writes a key so that it is there whole or not at all.
fn write(folder: &Path, name: &str, bytes: &[u8; 32], mode: u32) -> Result<()> {
    let path = folder.join(name);
    let dir = path.parent().unwrap_or(folder);
    let fresh = path.with_extension("new");
    let run = || -> io::Result<()> {
        fs::create_dir_all(dir)?;
        if dir != folder {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&fresh)?;
        writeln!(file, "{}", hex::encode(bytes))?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(dir)?.sync_all()?;
        File::open(folder)?.sync_all()
    };
    run().map_err(Error::io(format!("writing {path:?}")))
}
