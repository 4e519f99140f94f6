//! Bodies by hash: encrypted at rest, with an expiry, apart from the chain.
//! An entry names a body by its hash; the body itself can always go away. What a caller's own
//! key locked cannot be read without it, by nobody here.

use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::chain::Hash;
use crate::options::{Random, VaultLimits};
use crate::private::make_file;
use crate::{Error, Result};

const DOMAIN_LOCK: &[u8; 24] = b"stillhouse.lock.v1\0\0\0\0\0\0";
const DOMAIN_BODY: &[u8; 24] = b"stillhouse.body.v1\0\0\0\0\0\0";
const SCHEMA: &str = "
create table if not exists body (
    hash blob not null, lock blob not null, expires_us integer not null, nonce blob not null,
    sealed blob not null, seal blob not null, primary key (hash, lock)) without rowid;
create index if not exists body_expiry on body (expires_us);
create table if not exists size (one integer primary key check (one = 1), bytes integer not null);
insert or ignore into size values (1, 0);
create trigger if not exists body_in after insert on body begin
    update size set bytes = bytes + length(new.sealed); end;
create trigger if not exists body_out after delete on body begin
    update size set bytes = bytes - length(old.sealed); end;
";

/// Who can read a body.
#[derive(Clone, Copy, Debug)]
pub enum Lock<'a> {
    /// Whoever holds the vault's own key file.
    House,
    /// Only the holder of this key; the ledger does not keep it.
    Key(&'a [u8; 32]),
}

/// The vault of a ledger.
pub struct Vault {
    connection: Mutex<Connection>,
    key: Option<[u8; 32]>,
    random: Option<Random>,
    limits: VaultLimits,
}

/// What a check of the vault found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultReport {
    /// Bodies that opened and have the hash they are kept under.
    pub opened: u64,
    /// Bodies under a caller's key (or without the vault's key at hand): unchanged as sealed.
    pub sealed: u64,
    /// Hashes of bodies that were changed, at most a hundred.
    pub bad: Vec<Hash>,
}

fn failed(what: &'static str) -> impl FnOnce(rusqlite::Error) -> Error {
    move |error| Error::Store {
        what,
        cause: format!("vault: {error}"),
    }
}

impl Vault {
    pub(crate) fn open(
        path: &Path,
        key: [u8; 32],
        random: Random,
        limits: VaultLimits,
    ) -> Result<Self> {
        make_file(path).map_err(Error::io(format!("making {path:?}")))?;
        let connection = Connection::open(path).map_err(failed("opening"))?;
        let prepare = || {
            connection.pragma_update(None, "page_size", 16 << 10)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "secure_delete", "ON")?;
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            connection.execute_batch(SCHEMA)
        };
        prepare().map_err(failed("preparing"))?;
        let connection = Mutex::new(connection);
        Ok(Self {
            connection,
            key: Some(key),
            random: Some(random),
            limits,
        })
    }

    /// To read only; `None` where there is no vault.
    pub(crate) fn open_read_only(path: &Path, key: Option<[u8; 32]>) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(path, flags).map_err(failed("opening"))?;
        let limits = VaultLimits::default();
        Ok(Some(Self {
            connection: Mutex::new(connection),
            key,
            random: None,
            limits,
        }))
    }

    /// Keeps bodies until a time (microseconds since 1970), durably when this returns. The same
    /// body under the same lock is kept once, until the later time. Blocks on a sync.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for one body or all together, [`Error::Store`]. None is kept then.
    pub fn put(&self, bodies: &[&[u8]], lock: Lock<'_>, expires_us: u64) -> Result<Vec<Hash>> {
        let Some(random) = &self.random else {
            return Err(Error::Vault("it is open to read only".into()));
        };
        for body in bodies {
            self.fits("a body", body.len() as u64, self.limits.body_bytes)?;
        }
        let key = self.key(lock)?;
        let tag = lock_tag(&key);
        let mut rows = Vec::with_capacity(bodies.len());
        for body in bodies {
            let hash = *blake3::hash(body).as_bytes();
            let mut nonce = [0u8; 24];
            random(&mut nonce);
            let sealed = seal(&key, &nonce, &hash, body)?;
            rows.push((hash, nonce, sealed));
        }
        let expires = i64::try_from(expires_us).unwrap_or(i64::MAX);
        let mut connection = self.connection.lock();
        let tx = connection.transaction().map_err(failed("keeping bodies"))?;
        let total = (|| {
            let mut later = tx.prepare_cached(
                "update body set expires_us = max(expires_us, ?3) where hash = ?1 and lock = ?2",
            )?;
            let mut keep = tx.prepare_cached("insert into body values (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for (hash, nonce, sealed) in &rows {
                if later.execute(params![hash, tag, expires])? == 0 {
                    let check = seal_check(&tag, hash, nonce, sealed);
                    keep.execute(params![hash, tag, expires, nonce, sealed, check])?;
                }
            }
            tx.query_row("select bytes from size", [], |row| row.get::<_, i64>(0))
        })()
        .map_err(failed("keeping bodies"))?;
        self.fits("the vault", total as u64, self.limits.total_bytes)?;
        tx.commit().map_err(failed("keeping bodies"))?;
        Ok(rows.into_iter().map(|(hash, ..)| hash).collect())
    }

    fn fits(&self, what: &'static str, bytes: u64, limit: u64) -> Result<()> {
        if bytes > limit {
            Err(Error::TooLarge { what, bytes, limit })
        } else {
            Ok(())
        }
    }

    fn key(&self, lock: Lock<'_>) -> Result<[u8; 32]> {
        match lock {
            Lock::Key(key) => Ok(*key),
            Lock::House => self
                .key
                .ok_or_else(|| Error::Vault("its key is not at hand".into())),
        }
    }

    /// A body; `None` where it is not there (or no longer) under that lock.
    ///
    /// # Errors
    /// [`Error::Vault`] where it does not open: changed on disk. [`Error::Store`].
    pub fn get(&self, hash: &Hash, lock: Lock<'_>) -> Result<Option<Vec<u8>>> {
        let key = self.key(lock)?;
        let found: Option<(Vec<u8>, Vec<u8>)> = self
            .connection
            .lock()
            .prepare_cached("select nonce, sealed from body where hash = ?1 and lock = ?2")
            .and_then(|mut select| {
                select
                    .query_row(params![hash, lock_tag(&key)], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()
            })
            .map_err(failed("reading a body"))?;
        let Some((nonce, sealed)) = found else {
            return Ok(None);
        };
        open_sealed(&key, &nonce, hash, &sealed)
            .map(Some)
            .ok_or_else(|| Error::Vault(format!("body {} was changed", hex::encode(hash))))
    }

    /// Removes bodies now, under every lock. Returns how many were there.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn remove(&self, hashes: &[Hash]) -> Result<u64> {
        let mut connection = self.connection.lock();
        let mut run = || {
            let tx = connection.transaction()?;
            let mut count = 0;
            for hash in hashes {
                count += tx.execute("delete from body where hash = ?1", params![hash])? as u64;
            }
            tx.commit()?;
            Ok(count)
        };
        let count = run().map_err(failed("removing bodies"))?;
        empty_log(&connection)?;
        Ok(count)
    }

    /// Removes what has expired by then. Returns how many. The ledger calls it by itself.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn prune(&self, now_us: u64) -> Result<u64> {
        let connection = self.connection.lock();
        let count = connection
            .execute("delete from body where expires_us <= ?1", [now_us as i64])
            .map_err(failed("removing expired bodies"))? as u64;
        if count > 0 {
            empty_log(&connection)?;
        }
        Ok(count)
    }

    /// Checks every body, one at a time in memory.
    pub(crate) fn verify(&self) -> Result<VaultReport> {
        let connection = self.connection.lock();
        let house = self.key.map(|key| (key, lock_tag(&key)));
        let mut report = VaultReport::default();
        let mut run = || {
            let mut select =
                connection.prepare("select hash, lock, nonce, sealed, seal from body")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let hash: Vec<u8> = row.get(0)?;
                let (tag, nonce): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
                let sealed: Vec<u8> = row.get(3)?;
                let seal: Vec<u8> = row.get(4)?;
                let mut good = seal == seal_check(&tag, &hash, &nonce, &sealed);
                match &house {
                    Some((key, own)) if tag == own => {
                        good = good && open_sealed(key, &nonce, &hash, &sealed).is_some();
                        report.opened += u64::from(good);
                    }
                    _ => report.sealed += u64::from(good),
                }
                if !good && report.bad.len() < 100 {
                    let mut bad = Hash::default();
                    let size = hash.len().min(bad.len());
                    bad[..size].copy_from_slice(&hash[..size]);
                    report.bad.push(bad);
                }
            }
            Ok(())
        };
        run().map_err(failed("checking bodies"))?;
        Ok(report)
    }

    pub(crate) fn backup(&self, to: &Path) -> Result<()> {
        make_file(to).map_err(Error::io(format!("making {to:?}")))?;
        let to = to.to_string_lossy().into_owned();
        let copied = self.connection.lock().execute("vacuum into ?1", [to]);
        copied.map(|_| ()).map_err(failed("copying"))
    }
}

/// Removed bodies must not stay in the write-ahead log. A reader may hold it for a while; the
/// log is emptied with the next removal then.
fn empty_log(connection: &Connection) -> Result<()> {
    connection
        .query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
        .map_err(failed("emptying the write-ahead log"))
}

/// Tells keys apart without telling them.
fn lock_tag(key: &[u8; 32]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN_LOCK);
    hasher.update(key);
    let mut tag = [0u8; 16];
    tag.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    tag
}

/// A hash over the sealed form, so that a change is found also where the key is not at hand.
fn seal_check(tag: &[u8], hash: &[u8], nonce: &[u8], sealed: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN_BODY);
    for part in [tag, hash, nonce, sealed] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

fn seal(key: &[u8; 32], nonce: &[u8; 24], hash: &Hash, body: &[u8]) -> Result<Vec<u8>> {
    XChaCha20Poly1305::new(key.into())
        .encrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: body,
                aad: hash,
            },
        )
        .map_err(|_| Error::Vault("a body could not be sealed".into()))
}

fn open_sealed(key: &[u8; 32], nonce: &[u8], hash: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; 24] = nonce.try_into().ok()?;
    let body = XChaCha20Poly1305::new(key.into())
        .decrypt(
            &XNonce::from(nonce),
            Payload {
                msg: sealed,
                aad: hash,
            },
        )
        .ok()?;
    (blake3::hash(&body).as_bytes() == hash).then_some(body)
}
