//! The store in SQLite: one writer, readers beside it (WAL), every commit synced.
//! Its pages are zeroed when freed, so that what was erased is not left in the file.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};

use super::rows::{decode_tip, meta, put_group, put_out, row_block, set_meta};
use super::{Block, Group, Store, sums};
use crate::chain::{Seq, Tip};
use crate::folder::{GroupOut, MOST_SUMS};
use crate::private::make_file;
use crate::{Error, Result};

/// Raised with every change that a program of the version before would read or go on with
/// wrongly, so that it does not open the store. 2 has the tables of 1.
const FORMAT: u64 = 2;
/// Larger pages than the default: blocks are large, and a page costs more than its bytes.
const PAGE_BYTES: u32 = 16 << 10;
/// Small, so that no checkpoint keeps the journal's syncs waiting for long.
const CHECKPOINT_PAGES: u32 = 64;
/// How many read connections are kept open.
const READERS: usize = 8;

const SCHEMA: &str = "
create table if not exists meta (key text primary key, value blob not null) without rowid;
create table if not exists block (
    first_seq integer primary key, last_seq integer not null,
    first_us integer not null, last_us integer not null,
    headers blob not null, payloads blob);
create table if not exists total (
    namespace text not null, key blob not null, value integer not null, -- or a blob: see sums.rs
    primary key (namespace, key)) without rowid;
create table if not exists point (
    namespace text not null, key blob not null, value blob not null, expires_us integer,
    primary key (namespace, key)) without rowid;
create index if not exists point_expiry on point (expires_us) where expires_us is not null;
create table if not exists snapshot (
    name text not null, seq integer not null, bytes blob not null, primary key (name, seq));
";

/// A store in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    writer: Option<Mutex<Connection>>,
    readers: Mutex<Vec<Connection>>,
    read_only: OpenFlags,
    immutable: bool,
}

fn failed(what: &'static str) -> impl FnOnce(rusqlite::Error) -> Error {
    move |error| Error::Store {
        what,
        cause: error.to_string(),
    }
}

impl SqliteStore {
    /// Opens or makes the store in a file.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Format`] where a newer version wrote it.
    pub fn open(path: &Path) -> Result<Self> {
        make_file(path).map_err(Error::io(format!("making {path:?}")))?;
        let writer = Connection::open(path).map_err(failed("opening"))?;
        let set = |name: &str, value: &dyn rusqlite::ToSql| writer.pragma_update(None, name, value);
        let prepare = || {
            set("page_size", &PAGE_BYTES)?;
            set("journal_mode", &"WAL")?;
            set("synchronous", &"FULL")?;
            set("secure_delete", &"ON")?;
            set("wal_autocheckpoint", &CHECKPOINT_PAGES)?;
            writer.busy_timeout(std::time::Duration::from_secs(5))?;
            sums::define(&writer)?;
            writer.execute_batch(SCHEMA)
        };
        prepare().map_err(failed("preparing"))?;
        let store = Self {
            path: path.to_owned(),
            writer: Some(Mutex::new(writer)),
            readers: Mutex::new(Vec::new()),
            read_only: OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            immutable: false,
        };
        // Before anything else of this version is written.
        if store.format()? != Some(FORMAT) {
            store.set_meta("format", &FORMAT.to_le_bytes())?;
        }
        Ok(store)
    }

    /// Opens a store to read only, also beside a server that writes it.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_read_only(path: &Path) -> Result<Self> {
        let mut store = Self {
            path: path.to_owned(),
            writer: None,
            readers: Mutex::new(Vec::new()),
            read_only: OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            immutable: false,
        };
        match store.format() {
            Err(Error::Format { .. }) | Ok(_) => {}
            // A copy on read-only media has no room for the side files of a WAL.
            Err(_) => store.immutable = true,
        }
        store.format()?;
        Ok(store)
    }

    fn format(&self) -> Result<Option<u64>> {
        let Some(found) = self.meta("format")? else {
            return Ok(None);
        };
        let found = found.try_into().map_or(u64::MAX, u64::from_le_bytes);
        if found > FORMAT {
            let place = format!("{:?}", self.path);
            return Err(Error::Format {
                place,
                found,
                known: FORMAT,
            });
        }
        Ok(Some(found))
    }

    fn write<T>(
        &self,
        what: &'static str,
        run: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let Some(writer) = &self.writer else {
            return Err(Error::Store {
                what,
                cause: "it is open to read only".into(),
            });
        };
        let mut writer = writer.lock();
        let transaction = writer
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed(what))?;
        let done = run(&transaction).map_err(failed(what))?;
        transaction.commit().map_err(failed(what))?;
        Ok(done)
    }

    fn read<T>(
        &self,
        what: &'static str,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let kept = self.readers.lock().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect().map_err(failed(what))?,
        };
        let done = run(&connection).map_err(failed(what));
        let mut readers = self.readers.lock();
        if readers.len() < READERS {
            readers.push(connection);
        }
        done
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = if self.immutable {
            let path = self
                .path
                .to_string_lossy()
                .replace('%', "%25")
                .replace('?', "%3f");
            let uri = format!("file:{}?immutable=1", path.replace('#', "%23"));
            Connection::open_with_flags(uri, self.read_only | OpenFlags::SQLITE_OPEN_URI)?
        } else {
            Connection::open_with_flags(&self.path, self.read_only)?
        };
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(connection)
    }
}

impl Drop for SqliteStore {
    /// Readers first: the last connection to close empties the write-ahead log, which one that
    /// only reads cannot.
    fn drop(&mut self) {
        self.readers.lock().clear();
    }
}

impl Store for SqliteStore {
    fn tip(&self) -> Result<Option<Tip>> {
        let Some(bytes) = self.meta("tip")? else {
            return Ok(None);
        };
        let damaged = || Error::damage(0, "table meta", "the tip cannot be read");
        decode_tip(&bytes).map(Some).ok_or_else(damaged)
    }

    fn commit(&self, group: &Group<'_>) -> Result<()> {
        let follows = self.write("committing a group", |tx| {
            let last = meta(tx, "tip")?.and_then(|bytes| decode_tip(&bytes));
            let mut next = last.map_or(1, |tip| tip.seq + 1);
            for block in group.blocks {
                if block.first_seq != next {
                    return Ok(Err(next));
                }
                next = block.last_seq + 1;
            }
            if group.tip.seq + 1 != next {
                return Ok(Err(next));
            }
            put_group(tx, group)?;
            Ok(Ok(()))
        })?;
        follows.map_err(|next| Error::damage(next, "the store", "a group does not follow its tip"))
    }

    fn block(&self, seq: Seq) -> Result<Option<Block>> {
        self.read("reading a block", |connection| {
            // Both looks at one moment: a group may be committed in between.
            let connection = connection.unchecked_transaction()?;
            let seq = i64::try_from(seq).unwrap_or(i64::MAX);
            let mut holding = connection.prepare_cached(
                "select * from block where first_seq <= ?1 order by first_seq desc limit 1",
            )?;
            let found = holding.query_row([seq], row_block).optional()?;
            if let Some(block) = found
                && block.last_seq as i64 >= seq
            {
                return Ok(Some(block));
            }
            connection
                .prepare_cached(
                    "select * from block where first_seq > ?1 order by first_seq limit 1",
                )?
                .query_row([seq], row_block)
                .optional()
        })
    }

    fn replace_payloads(&self, first_seq: Seq, payloads: Option<&[u8]>) -> Result<()> {
        self.write("replacing payloads", |tx| {
            tx.prepare_cached("update block set payloads = ?2 where first_seq = ?1")?
                .execute(params![first_seq as i64, payloads])?;
            Ok(())
        })
    }

    fn scrub(&self) -> Result<()> {
        let Some(writer) = &self.writer else {
            return Ok(());
        };
        let writer = writer.lock();
        let busy: i64 = writer
            .query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))
            .map_err(failed("emptying the write-ahead log"))?;
        if busy != 0 {
            let cause = "a reader holds it; what was erased is still in it".into();
            return Err(Error::Store {
                what: "emptying the write-ahead log",
                cause,
            });
        }
        Ok(())
    }

    fn each_total(
        &self,
        namespace: &str,
        from: &[u8],
        until: Option<&[u8]>,
        each: &mut dyn FnMut(&[u8], &[i64]),
    ) -> Result<()> {
        self.read("reading totals", |connection| {
            // Each its own statement: one for both would walk on behind `until` to the end.
            let mut select = connection.prepare_cached(match until {
                Some(_) => {
                    "select key, value from total where namespace = ?1 and key >= ?2
                     and key < ?3 order by key"
                }
                None => {
                    "select key, value from total where namespace = ?1 and key >= ?2
                     and ?3 is null order by key"
                }
            })?;
            let mut rows = select.query(params![namespace, from, until])?;
            let mut read = Vec::with_capacity(MOST_SUMS);
            while let Some(row) = rows.next()? {
                sums::read(row.get_ref(1)?, &mut read)?;
                each(row.get_ref(0)?.as_blob()?, &read);
            }
            Ok(())
        })
    }

    fn amend(&self, out: &GroupOut, key: &str, value: &[u8]) -> Result<()> {
        self.write("bringing sums up to date", |tx| {
            put_out(tx, out)?;
            set_meta(tx, key, value)
        })
    }

    fn point(&self, namespace: &str, key: &[u8], now_us: u64) -> Result<Option<Vec<u8>>> {
        self.read("reading a point", |connection| {
            connection
                .prepare_cached(
                    "select value from point where namespace = ?1 and key = ?2
                     and (expires_us is null or expires_us > ?3)",
                )?
                .query_row(params![namespace, key, now_us as i64], |row| row.get(0))
                .optional()
        })
    }

    fn expire(&self, now_us: u64) -> Result<u64> {
        self.write("dropping expired points", |tx| {
            tx.prepare_cached("delete from point where expires_us <= ?1")?
                .execute([now_us as i64])
                .map(|count| count as u64)
        })
    }

    fn put_snapshot(&self, name: &str, seq: Seq, bytes: &[u8], keep_from: Seq) -> Result<()> {
        self.write("storing a snapshot", |tx| {
            tx.execute(
                "insert or replace into snapshot values (?1, ?2, ?3)",
                params![name, seq as i64, bytes],
            )?;
            tx.execute(
                "delete from snapshot where name = ?1 and (seq < ?2 or seq not in
                 (select seq from snapshot where name = ?1 order by seq desc limit 2))",
                params![name, keep_from as i64],
            )?;
            Ok(())
        })
    }

    fn snapshot(&self, name: &str) -> Result<Option<(Seq, Vec<u8>)>> {
        self.read("reading a snapshot", |connection| {
            connection
                .prepare_cached(
                    "select seq, bytes from snapshot where name = ?1 order by seq desc limit 1",
                )?
                .query_row([name], |row| {
                    Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))
                })
                .optional()
        })
    }

    fn snapshots(&self) -> Result<Vec<(String, Seq)>> {
        self.read("listing snapshots", |connection| {
            let mut select =
                connection.prepare_cached("select name, seq from snapshot order by name, seq")?;
            let rows =
                select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
            rows.collect()
        })
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.read("reading a setting", |connection| meta(connection, key))
    }

    fn set_meta(&self, key: &str, value: &[u8]) -> Result<()> {
        self.write("writing a setting", |tx| set_meta(tx, key, value))
    }

    fn backup(&self, to: &Path) -> Result<()> {
        make_file(to).map_err(Error::io(format!("making {to:?}")))?;
        let to = to.to_string_lossy().into_owned();
        self.read("copying", |connection| {
            connection.execute("vacuum into ?1", [to]).map(|_| ())
        })
    }
}
