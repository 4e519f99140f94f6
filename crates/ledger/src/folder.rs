//! What the store keeps beside the entries: sums and points, decided entry by entry by a
//! [`Folder`] that the caller hands in. The ledger never judges what it stores.

use hashbrown::HashMap;

use crate::chain::{Header, Seq};
use crate::store::Store;
use crate::{Error, Result};

/// Decides what an entry adds to the store's sums and points.
///
/// Called on the ledger's own fold thread, in ledger order, once for each entry in the life of
/// the store: what it puts out is committed in one transaction with the entry itself. After a
/// restart it goes on with the first entry that the store does not hold. It is also called for
/// the ledger's own kinds (below 16), such as an erasure.
pub trait Folder: Send {
    /// Folds one entry.
    fn fold(&mut self, header: &Header, payload: &[u8], out: &mut GroupOut);

    /// The version of what it puts out. A store that an older version filled is brought up to
    /// date by [`Folder::upgrade`] before folding goes on; one that a newer version filled is
    /// not opened. 0: it keeps nothing, and no store is too new or too old for it.
    fn version(&self) -> u64 {
        0
    }

    /// Puts out what this version keeps beyond what the older one did. It is committed in one
    /// transaction with the new version, so that it is done once, or else from the start again.
    ///
    /// # Errors
    /// The store's; then the ledger is not opened.
    fn upgrade(&mut self, _old: &Old<'_>, _out: &mut GroupOut) -> Result<()> {
        Ok(())
    }
}

/// A store that an older version filled.
pub struct Old<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) from: u64,
    pub(crate) tip: Seq,
    pub(crate) progress: &'a dyn Fn(Seq, Seq),
}

impl Old<'_> {
    /// The version that filled it.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.from
    }

    /// Every entry that the store holds, in order; the payload is `None` where it is gone.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Damage`] where an entry can't be read.
    pub fn each_entry(&self, mut each: impl FnMut(&Header, Option<&[u8]>)) -> Result<()> {
        let mut next = 1;
        while let Some(block) = self.store.block(next)? {
            for (entry, seq) in block.entries()?.iter().zip(block.first_seq..) {
                let header = entry.header.as_ref().ok_or_else(|| {
                    Error::damage(
                        seq,
                        format!("block {}", block.first_seq),
                        "no proper header",
                    )
                })?;
                each(header, entry.body.map(|(_, payload)| payload));
            }
            (self.progress)(block.last_seq, self.tip);
            next = block.last_seq + 1;
        }
        Ok(())
    }

    /// The sums of every key of a namespace, ascending by key.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn each_total(&self, namespace: &str, mut each: impl FnMut(&[u8], &[i64])) -> Result<()> {
        self.store.each_total(namespace, &[], None, &mut each)
    }
}

/// A folder that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFolder;

impl Folder for NoFolder {
    fn fold(&mut self, _: &Header, _: &[u8], _: &mut GroupOut) {}
}

type PointKey = (&'static str, Vec<u8>);

/// A point to be stored, or `None` to remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The value.
    pub value: Vec<u8>,
    /// When it may be dropped, in microseconds since 1970; `None` keeps it.
    pub expires_us: Option<u64>,
}

/// What one group of entries puts out.
#[derive(Debug, Default)]
pub struct GroupOut {
    totals: HashMap<&'static str, HashMap<Vec<u8>, Vec<i64>>>,
    points: HashMap<PointKey, Option<Point>>,
    dropped: Vec<&'static str>,
}

/// The most sums of one key.
pub const MOST_SUMS: usize = 16;

/// Adds sums place by place; they stay at the end of the range rather than wrap. What is longer
/// goes on where the other ends, so that a place can be added behind the last one at any time.
pub fn add_sums(sums: &mut Vec<i64>, deltas: &[i64]) {
    if sums.len() < deltas.len() {
        sums.resize(deltas.len(), 0);
    }
    for (sum, delta) in sums.iter_mut().zip(deltas) {
        *sum = sum.saturating_add(*delta);
    }
}

impl GroupOut {
    /// Adds to a sum. Sums saturate rather than wrap.
    pub fn add(&mut self, namespace: &'static str, key: &[u8], delta: i64) {
        self.add_all(namespace, key, &[delta]);
    }

    /// Adds to the sums of a key, at most [`MOST_SUMS`] (others are left out).
    pub fn add_all(&mut self, namespace: &'static str, key: &[u8], deltas: &[i64]) {
        let deltas = &deltas[..deltas.len().min(MOST_SUMS)];
        let sums = self.totals.entry(namespace).or_default();
        match sums.get_mut(key) {
            Some(sums) => add_sums(sums, deltas),
            None => {
                sums.insert(key.to_vec(), deltas.to_vec());
            }
        }
    }

    /// Removes every sum that a namespace has in the store.
    pub fn drop_totals(&mut self, namespace: &'static str) {
        self.dropped.push(namespace);
    }

    /// Sets a point, for a look-up by key.
    pub fn put(
        &mut self,
        namespace: &'static str,
        key: &[u8],
        value: &[u8],
        expires_us: Option<u64>,
    ) {
        let point = Point {
            value: value.to_vec(),
            expires_us,
        };
        self.points.insert((namespace, key.to_vec()), Some(point));
    }

    /// Removes a point.
    pub fn remove(&mut self, namespace: &'static str, key: &[u8]) {
        self.points.insert((namespace, key.to_vec()), None);
    }

    /// Namespaces whose sums are removed, before any is changed.
    pub fn dropped(&self) -> &[&'static str] {
        &self.dropped
    }

    /// All sums changed by this group: namespace, key, changes.
    pub fn totals(&self) -> impl Iterator<Item = (&'static str, &[u8], &[i64])> {
        self.totals.iter().flat_map(|(namespace, keys)| {
            keys.iter()
                .map(|(key, sums)| (*namespace, key.as_slice(), sums.as_slice()))
        })
    }

    /// Every point set (or, where `None`, removed) by this group.
    pub fn points(&self) -> impl Iterator<Item = (&'static str, &[u8], Option<&Point>)> {
        self.points
            .iter()
            .map(|((ns, key), point)| (*ns, key.as_slice(), point.as_ref()))
    }
}
