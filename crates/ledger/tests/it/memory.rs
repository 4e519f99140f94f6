//! A store in memory: the second backend that the suite runs, and the one under the power cuts.
//! What it has committed is durable; it can be told to fail, and dies with the disk beside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use ledger::chain::{Seq, Tip};
use ledger::store::{Block, Group, Store};
use ledger::{Error, GroupOut, Point, Result, add_sums};

use crate::sim::SimDisk;

type Key = (String, Vec<u8>);

#[derive(Default)]
struct State {
    tip: Option<Tip>,
    blocks: BTreeMap<Seq, Block>,
    totals: BTreeMap<Key, Vec<i64>>,
    points: BTreeMap<Key, Point>,
    snapshots: BTreeMap<(String, Seq), Vec<u8>>,
    meta: BTreeMap<String, Vec<u8>>,
    down: Option<String>,
    keep_payloads: bool,
}

#[derive(Default)]
pub(crate) struct MemoryStore {
    state: Mutex<State>,
    disk: Option<SimDisk>,
}

impl MemoryStore {
    pub(crate) fn beside(disk: &SimDisk) -> Self {
        Self {
            state: Mutex::default(),
            disk: Some(disk.clone()),
        }
    }

    /// Every write fails from now on, or none.
    pub(crate) fn set_down(&self, cause: Option<&str>) {
        self.state.lock().expect("no panic inside").down = cause.map(str::to_owned);
    }

    /// Payloads cannot be replaced from now on, or can.
    pub(crate) fn keep_payloads(&self, keep: bool) {
        self.state.lock().expect("no panic inside").keep_payloads = keep;
    }

    fn read(&self) -> Result<MutexGuard<'_, State>> {
        let what = "using it";
        if self.disk.as_ref().is_some_and(SimDisk::is_dead) {
            return Err(Error::Store {
                what,
                cause: "the power is gone".into(),
            });
        }
        Ok(self.state.lock().expect("no panic inside"))
    }

    fn write(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.read()?;
        match &state.down {
            Some(cause) => Err(Error::Store {
                what: "writing",
                cause: cause.clone(),
            }),
            None => Ok(state),
        }
    }
}

impl State {
    fn put(&mut self, out: &GroupOut) {
        self.totals
            .retain(|(namespace, _), _| !out.dropped().contains(&namespace.as_str()));
        for (namespace, key, deltas) in out.totals() {
            let key = (namespace.to_owned(), key.to_vec());
            add_sums(self.totals.entry(key).or_default(), deltas);
        }
        for (namespace, key, point) in out.points() {
            let key = (namespace.to_owned(), key.to_vec());
            match point {
                Some(point) => self.points.insert(key, point.clone()),
                None => self.points.remove(&key),
            };
        }
    }
}

impl Store for MemoryStore {
    fn tip(&self) -> Result<Option<Tip>> {
        Ok(self.read()?.tip)
    }

    fn commit(&self, group: &Group<'_>) -> Result<()> {
        let mut state = self.write()?;
        let mut next = state.tip.map_or(1, |tip| tip.seq + 1);
        let refuse = |seq| Error::Damage {
            seq,
            place: "memory".into(),
            what: "a gap".into(),
        };
        for block in group.blocks {
            if block.first_seq != next {
                return Err(refuse(next));
            }
            next = block.last_seq + 1;
        }
        if group.tip.seq + 1 != next {
            return Err(refuse(next));
        }
        state.blocks.extend(
            group
                .blocks
                .iter()
                .map(|block| (block.first_seq, block.clone())),
        );
        state.put(group.out);
        state.tip = Some(group.tip);
        Ok(())
    }

    fn block(&self, seq: Seq) -> Result<Option<Block>> {
        let state = self.read()?;
        let holding = state
            .blocks
            .range(..=seq)
            .next_back()
            .map(|(_, block)| block);
        let holding = holding.filter(|block| block.last_seq >= seq);
        Ok(holding
            .or_else(|| state.blocks.range(seq..).next().map(|(_, block)| block))
            .cloned())
    }

    fn replace_payloads(&self, first_seq: Seq, payloads: Option<&[u8]>) -> Result<()> {
        let mut state = self.write()?;
        if state.keep_payloads {
            return Err(Error::Store {
                what: "replacing",
                cause: "it will not".into(),
            });
        }
        if let Some(block) = state.blocks.get_mut(&first_seq) {
            block.payloads = payloads.map(<[u8]>::to_vec);
        }
        Ok(())
    }

    fn scrub(&self) -> Result<()> {
        Ok(())
    }

    fn each_total(
        &self,
        namespace: &str,
        from: &[u8],
        until: Option<&[u8]>,
        each: &mut dyn FnMut(&[u8], &[i64]),
    ) -> Result<()> {
        for ((found, key), sums) in &self.read()?.totals {
            let key = key.as_slice();
            if found == namespace && key >= from && until.is_none_or(|until| key < until) {
                each(key, sums);
            }
        }
        Ok(())
    }

    fn amend(&self, out: &GroupOut, key: &str, value: &[u8]) -> Result<()> {
        let mut state = self.write()?;
        state.put(out);
        state.meta.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn point(&self, namespace: &str, key: &[u8], now_us: u64) -> Result<Option<Vec<u8>>> {
        let state = self.read()?;
        let found = state.points.get(&(namespace.to_owned(), key.to_vec()));
        let live = found.filter(|point| point.expires_us.is_none_or(|time| time > now_us));
        Ok(live.map(|point| point.value.clone()))
    }

    fn expire(&self, now_us: u64) -> Result<u64> {
        let mut state = self.write()?;
        let before = state.points.len();
        state
            .points
            .retain(|_, point| point.expires_us.is_none_or(|time| time > now_us));
        Ok((before - state.points.len()) as u64)
    }

    fn put_snapshot(&self, name: &str, seq: Seq, bytes: &[u8], keep_from: Seq) -> Result<()> {
        let mut state = self.write()?;
        state
            .snapshots
            .insert((name.to_owned(), seq), bytes.to_vec());
        let mut kept = 0;
        let all: Vec<(String, Seq)> = state.snapshots.keys().cloned().collect();
        for key in all.into_iter().rev().filter(|key| key.0 == name) {
            kept += 1;
            if kept > 2 || key.1 < keep_from {
                state.snapshots.remove(&key);
            }
        }
        Ok(())
    }

    fn snapshot(&self, name: &str) -> Result<Option<(Seq, Vec<u8>)>> {
        let state = self.read()?;
        let range = (name.to_owned(), 0)..=(name.to_owned(), Seq::MAX);
        let newest = state.snapshots.range(range).next_back();
        Ok(newest.map(|((_, seq), bytes)| (*seq, bytes.clone())))
    }

    fn snapshots(&self) -> Result<Vec<(String, Seq)>> {
        Ok(self.read()?.snapshots.keys().cloned().collect())
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.read()?.meta.get(key).cloned())
    }

    fn set_meta(&self, key: &str, value: &[u8]) -> Result<()> {
        self.write()?.meta.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn backup(&self, _: &Path) -> Result<()> {
        Err(Error::Store {
            what: "copying",
            cause: "memory has no file".into(),
        })
    }
}
