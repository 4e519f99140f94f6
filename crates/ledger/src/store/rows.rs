//! The SQL of single rows: settings, blocks, groups. No connection is opened here.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::sums::Sums;
use super::{Block, Group};
use crate::chain::Tip;
use crate::folder::GroupOut;

pub(super) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("select value from meta where key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("insert or replace into meta (key, value) values (?1, ?2)")?
        .execute(params![key, value])?;
    Ok(())
}

pub(super) fn encode_tip(tip: &Tip) -> [u8; 48] {
    let mut out = [0u8; 48];
    out[..8].copy_from_slice(&tip.seq.to_le_bytes());
    out[8..40].copy_from_slice(&tip.hash);
    out[40..].copy_from_slice(&tip.time_us.to_le_bytes());
    out
}

pub(super) fn decode_tip(bytes: &[u8]) -> Option<Tip> {
    let (seq, rest) = bytes.split_first_chunk::<8>()?;
    let (hash, rest) = rest.split_first_chunk::<32>()?;
    let time = rest.first_chunk::<8>()?;
    Some(Tip {
        seq: u64::from_le_bytes(*seq),
        hash: *hash,
        time_us: u64::from_le_bytes(*time),
    })
}

pub(super) fn row_block(row: &rusqlite::Row<'_>) -> rusqlite::Result<Block> {
    Ok(Block {
        first_seq: row.get::<_, i64>(0)? as u64,
        last_seq: row.get::<_, i64>(1)? as u64,
        first_us: row.get::<_, i64>(2)? as u64,
        last_us: row.get::<_, i64>(3)? as u64,
        headers: row.get(4)?,
        payloads: row.get(5)?,
    })
}

pub(super) fn put_group(tx: &Transaction<'_>, group: &Group<'_>) -> rusqlite::Result<()> {
    let mut put_block = tx.prepare_cached("insert into block values (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for block in group.blocks {
        put_block.execute(params![
            block.first_seq as i64,
            block.last_seq as i64,
            block.first_us as i64,
            block.last_us as i64,
            block.headers,
            block.payloads
        ])?;
    }
    put_out(tx, group.out)?;
    set_meta(tx, "tip", &encode_tip(&group.tip))
}

pub(super) fn put_out(tx: &Transaction<'_>, out: &GroupOut) -> rusqlite::Result<()> {
    let mut clear = tx.prepare_cached("delete from total where namespace = ?1")?;
    for namespace in out.dropped() {
        clear.execute([namespace])?;
    }
    let mut add = tx.prepare_cached(
        "insert into total (namespace, key, value) values (?1, ?2, ?3)
         on conflict do update set value = sums_added(value, excluded.value)",
    )?;
    for (namespace, key, sums) in out.totals() {
        add.execute(params![namespace, key, Sums(sums)])?;
    }
    let mut put = tx.prepare_cached("insert or replace into point values (?1, ?2, ?3, ?4)")?;
    let mut remove = tx.prepare_cached("delete from point where namespace = ?1 and key = ?2")?;
    for (namespace, key, point) in out.points() {
        match point {
            Some(point) => put.execute(params![
                namespace,
                key,
                point.value,
                point
                    .expires_us
                    .map(|time| i64::try_from(time).unwrap_or(i64::MAX))
            ])?,
            None => remove.execute(params![namespace, key])?,
        };
    }
    Ok(())
}
