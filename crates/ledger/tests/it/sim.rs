//! A disk for tests: it forgets or tears whatever was not synced when the power is cut, fails
//! where it is told to, and can be told to ignore syncs. Names of files are forgotten as well.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use ledger::disk::{Disk, DiskFile, Mode};

const SECTOR: usize = 512;

/// Which syncs a disk ignores: what a forgotten `fsync` in the code would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ignore {
    Nothing,
    FileSyncs,
    DirSyncs,
}

/// A call that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Write,
    Sync,
    Truncate,
    Create,
}

struct Fault {
    op: Op,
    error: i32,
    times: u32,
}

#[derive(Default)]
struct Node {
    live: Vec<u8>,
    durable: Vec<u8>,
}

struct World {
    nodes: HashMap<u64, Node>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    next_node: u64,
    ops: u64,
    cut_at: Option<u64>,
    dead: bool,
    ignore: Ignore,
    faults: Vec<Fault>,
    syncs: u64,
    random: Random,
}

/// A small generator, so that a seed tells the whole story.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub(crate) struct SimDisk(Arc<Mutex<World>>);

impl SimDisk {
    pub(crate) fn new(seed: u64, ignore: Ignore) -> Self {
        Self(Arc::new(Mutex::new(World {
            nodes: HashMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            next_node: 0,
            ops: 0,
            cut_at: None,
            dead: false,
            ignore,
            faults: Vec::new(),
            syncs: 0,
            random: Random(seed),
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0
            .lock()
            .expect("no test thread panics while it holds the disk")
    }

    /// The power goes after so many more calls that change something.
    pub(crate) fn cut_after(&self, calls: u64) {
        let mut world = self.world();
        world.cut_at = Some(world.ops + calls);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.world().dead
    }

    /// The power is back: what was not synced is there, or not, or torn.
    pub(crate) fn restart(&self) {
        let mut world = self.world();
        let World {
            nodes,
            names,
            durable_names,
            random,
            ..
        } = &mut *world;
        let luck = [0, 20, 50, 80, 100][random.below(5) as usize];
        let paths: BTreeSet<PathBuf> = names.keys().chain(durable_names.keys()).cloned().collect();
        for path in paths {
            let (live, durable) = (names.get(&path).copied(), durable_names.get(&path).copied());
            if live != durable && random.below(100) < luck {
                match live {
                    Some(node) => durable_names.insert(path, node),
                    None => durable_names.remove(&path),
                };
            }
        }
        *names = durable_names.clone();
        for node in nodes.values_mut() {
            tear(node, random, luck);
        }
        world.dead = false;
        world.cut_at = None;
        world.faults.clear();
    }

    /// The next calls of a kind fail with an error number; a failing write writes half.
    pub(crate) fn fail(&self, op: Op, error: i32, times: u32) {
        self.world().faults.push(Fault { op, error, times });
    }

    pub(crate) fn heal(&self) {
        self.world().faults.clear();
    }

    /// Syncs of files so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.world().syncs
    }

    /// Files made so far.
    pub(crate) fn made(&self) -> u64 {
        self.world().next_node
    }

    /// The files in a folder with their bytes.
    pub(crate) fn files(&self, dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let world = self.world();
        let inside = world
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(dir));
        inside
            .map(|(path, node)| (path.clone(), world.nodes[node].live.clone()))
            .collect()
    }

    /// Changes a file behind the ledger's back.
    pub(crate) fn edit(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let id = world.names[path];
        let node = world.nodes.get_mut(&id).expect("a name has a node");
        change(&mut node.live);
        node.durable = node.live.clone();
    }
}

/// Each sector that differs is the old or the new one, and now and then a piece of both.
fn tear(node: &mut Node, random: &mut Random, luck: u64) {
    if node.live == node.durable {
        return;
    }
    let size = match random.below(3) {
        0 => node.durable.len(),
        1 => node.live.len(),
        _ => {
            let (a, b) = (node.durable.len(), node.live.len());
            a.min(b) + random.below(a.abs_diff(b) as u64 + 1) as usize
        }
    };
    let mut after = node.durable.clone();
    after.resize(size, 0);
    for start in (0..size).step_by(SECTOR) {
        let end = (start + SECTOR).min(size).min(node.live.len());
        if end <= start || node.live[start..end] == after[start..end] {
            continue;
        }
        if random.below(100) < luck {
            let torn = random.below(10) == 0;
            let end = if torn {
                start + random.below((end - start) as u64) as usize
            } else {
                end
            };
            after[start..end].copy_from_slice(&node.live[start..end]);
        }
    }
    node.live = after.clone();
    node.durable = after;
}

impl World {
    fn alive(&self) -> io::Result<()> {
        if self.dead {
            Err(io::Error::from_raw_os_error(5))
        } else {
            Ok(())
        }
    }

    fn change(&mut self, op: Option<Op>) -> io::Result<()> {
        self.alive()?;
        self.ops += 1;
        if self.cut_at.is_some_and(|cut| self.ops >= cut) {
            self.dead = true;
        }
        let fault = self
            .faults
            .iter_mut()
            .find(|fault| Some(fault.op) == op && fault.times > 0);
        match fault {
            Some(fault) => {
                fault.times -= 1;
                Err(io::Error::from_raw_os_error(fault.error))
            }
            None => Ok(()),
        }
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        self.world().alive()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        world.alive()?;
        let inside = world.names.keys().filter(|path| path.parent() == Some(dir));
        let name = |path: &PathBuf| path.file_name().expect("a file").to_string_lossy().into();
        Ok(inside.map(name).collect())
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        let mut world = self.world();
        world.alive()?;
        let node = match (mode, world.names.get(path).copied()) {
            (Mode::Create, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Mode::Create, None) => {
                world.change(Some(Op::Create))?;
                let node = world.next_node;
                world.next_node += 1;
                world.nodes.insert(node, Node::default());
                world.names.insert(path.to_owned(), node);
                node
            }
            (_, Some(node)) => node,
            (_, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            node,
        }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.change(None)?;
        world
            .names
            .remove(path)
            .map(|_| ())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.change(None)?;
        let node = world.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        world.names.insert(to.to_owned(), node);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.change(None)?;
        if world.ignore != Ignore::DirSyncs {
            let World {
                names,
                durable_names,
                ..
            } = &mut *world;
            durable_names.retain(|path, _| path.parent() != Some(dir));
            let inside = names.iter().filter(|(path, _)| path.parent() == Some(dir));
            durable_names.extend(inside.map(|(path, node)| (path.clone(), *node)));
        }
        Ok(())
    }
}

struct SimFile {
    disk: SimDisk,
    node: u64,
}

impl SimFile {
    fn with<T>(
        &self,
        op: Option<Op>,
        run: impl FnOnce(&mut Node, bool) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut world = self.disk.world();
        let failed = match op {
            None => {
                world.alive()?;
                None
            }
            some => world.change(some).err(),
        };
        let ignored = op == Some(Op::Sync) && world.ignore == Ignore::FileSyncs;
        world.syncs += u64::from(op == Some(Op::Sync));
        let node = world
            .nodes
            .get_mut(&self.node)
            .expect("an open file has a node");
        match failed {
            // Half of a failing write is there all the same.
            Some(error) if op == Some(Op::Write) => run(node, true).and(Err(error)),
            Some(error) => Err(error),
            None if ignored => run(&mut Node::default(), false),
            None => run(node, false),
        }
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        self.with(None, |node, _| Ok(node.live.len() as u64))
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.with(None, |node, _| {
            let from = node.live.get(at as usize..).unwrap_or_default();
            let size = from.len().min(into.len());
            into[..size].copy_from_slice(&from[..size]);
            Ok(size)
        })
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.with(Some(Op::Write), |node, half| {
            let bytes = if half {
                &bytes[..bytes.len() / 2]
            } else {
                bytes
            };
            let end = at as usize + bytes.len();
            if node.live.len() < end {
                node.live.resize(end, 0);
            }
            node.live[at as usize..end].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.with(Some(Op::Create), |node, _| {
            if (node.live.len() as u64) < size {
                node.live.resize(size as usize, 0);
            }
            Ok(())
        })
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.with(Some(Op::Truncate), |node, _| {
            node.live.resize(size as usize, 0);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(Some(Op::Sync), |node, _| {
            node.durable = node.live.clone();
            Ok(())
        })
    }
}
