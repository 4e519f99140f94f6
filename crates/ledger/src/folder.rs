//! What the store keeps beside the entries: sums and points, decided entry by entry by a
//! [`Folder`] that the caller hands in. The ledger never judges what it stores.

use hashbrown::HashMap;

use crate::chain::Header;

/// Decides what an entry adds to the store's sums and points.
///
/// Called on the ledger's own fold thread, in ledger order, once for each entry in the life of
/// the store: what it puts out is committed in one transaction with the entry itself. After a
/// restart it goes on with the first entry that the store does not hold. It is also called for
/// the ledger's own kinds (below 16), such as an erasure.
pub trait Folder: Send {
    /// Folds one entry.
    fn fold(&mut self, header: &Header, payload: &[u8], out: &mut GroupOut);
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
    pub(crate) totals: HashMap<&'static str, HashMap<Vec<u8>, i64>>,
    pub(crate) points: HashMap<PointKey, Option<Point>>,
}

impl GroupOut {
    /// Adds to a sum. Sums saturate rather than wrap.
    pub fn add(&mut self, namespace: &'static str, key: &[u8], delta: i64) {
        let sums = self.totals.entry(namespace).or_default();
        match sums.get_mut(key) {
            Some(sum) => *sum = sum.saturating_add(delta),
            None => {
                sums.insert(key.to_vec(), delta);
            }
        }
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

    /// Every sum changed by this group: namespace, key, change.
    pub fn totals(&self) -> impl Iterator<Item = (&'static str, &[u8], i64)> {
        self.totals
            .iter()
            .flat_map(|(ns, sums)| sums.iter().map(|(key, sum)| (*ns, key.as_slice(), *sum)))
    }

    /// Every point set (or, where `None`, removed) by this group.
    pub fn points(&self) -> impl Iterator<Item = (&'static str, &[u8], Option<&Point>)> {
        self.points
            .iter()
            .map(|((ns, key), point)| (*ns, key.as_slice(), point.as_ref()))
    }
}
