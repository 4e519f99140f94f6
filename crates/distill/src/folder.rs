//! A run's folder: what lies where in it. What is written is whole or not there at all.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use record::id::kind;
use record::{Actor, Id};

use crate::error::{Error, Result};

/// How long a child that lost its parent may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What somebody outside asks of a run that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Pause it.
    Pause,
    /// Cancel it.
    Cancel,
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The run's folder below the folder of runs.
    pub fn new(runs: &Path, run: Id<kind::Run>) -> Self {
        Self {
            path: runs.join(run.to_string()),
        }
    }

    /// Makes it, with what belongs in it.
    ///
    /// # Errors
    /// The disk's.
    pub fn make(&self) -> Result<()> {
        for path in [&self.path, &self.path("answers")] {
            std::fs::create_dir_all(path).map_err(Error::io(path))?;
        }
        Ok(())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.path
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        let new = path.with_extension("new");
        let written = || {
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)
        };
        written().map_err(Error::io(&path))
    }

    /// Reads a file; `None` where it is not there.
    ///
    /// # Errors
    /// The disk's.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&path)(error)),
        }
    }

    /// Appends a line.
    ///
    /// # Errors
    /// The disk's.
    pub fn append(&self, name: &str, line: &str) -> Result<()> {
        let path = self.path(name);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let appended = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        appended.map_err(Error::io(&path))
    }

    /// Locks the folder and gives the file that holds the lock, which is the child's log too: the
    /// child holds the lock with it, so that none starts beside one that has not ended yet.
    ///
    /// # Errors
    /// [`Error::Driven`]; the disk's.
    pub fn lock(&self) -> Result<File> {
        let (path, file) = self.log()?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(std::fs::TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(std::fs::TryLockError::WouldBlock) => return Err(Error::Driven),
                Err(std::fs::TryLockError::Error(error)) => return Err(Error::io(&path)(error)),
            }
        }
    }

    /// The same at once; `None` where somebody drives the run. Nobody begins to drive it while the
    /// lock is held.
    ///
    /// # Errors
    /// The disk's.
    pub fn try_lock(&self) -> Result<Option<File>> {
        let (path, file) = self.log()?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(std::fs::TryLockError::Error(error)) => return Err(Error::io(&path)(error)),
                Err(std::fs::TryLockError::WouldBlock) => {}
            }
            // Somebody who only looks is gone in a moment.
            match file.try_lock_shared() {
                Ok(()) => file.unlock().map_err(Error::io(&path))?,
                Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
                Err(std::fs::TryLockError::Error(error)) => return Err(Error::io(&path)(error)),
            }
            std::thread::yield_now();
        }
    }

    fn log(&self) -> Result<(PathBuf, File)> {
        let path = self.path("trainer.log");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(Error::io(&path))?;
        Ok((path, file))
    }

    /// Whether somebody drives the run now. Who looks does not stand in another's way who looks.
    pub fn is_driven(&self) -> bool {
        let (_, file) = match self.path("trainer.log").exists().then(|| self.log()) {
            Some(Ok(log)) => log,
            _ => return false,
        };
        let looked = file.try_lock_shared();
        matches!(looked, Err(std::fs::TryLockError::WouldBlock))
    }

    /// Asks something of whoever drives the run.
    ///
    /// # Errors
    /// The disk's.
    pub fn ask(&self, ask: Ask, by: &Actor, why: &str) -> Result<()> {
        let word = match ask {
            Ask::Pause => "pause",
            Ask::Cancel => "cancel",
        };
        let by = match by {
            Actor::House => "",
            Actor::Operator(name) => name,
        };
        self.write("asked", format!("{word}\n{by}\n{why}").as_bytes())
    }

    /// What was asked, which is asked no more then.
    ///
    /// # Errors
    /// The disk's.
    pub fn asked(&self) -> Result<Option<(Ask, Actor, String)>> {
        let Some(bytes) = self.read("asked")? else {
            return Ok(None);
        };
        let path = self.path("asked");
        std::fs::remove_file(&path).map_err(Error::io(&path))?;
        let text = String::from_utf8_lossy(&bytes);
        let (word, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let (by, why) = rest.split_once('\n').unwrap_or(("", rest));
        let by = match by {
            "" => Actor::House,
            name => Actor::Operator(name.to_owned()),
        };
        let ask = match word {
            "cancel" => Ask::Cancel,
            _ => Ask::Pause,
        };
        Ok(Some((ask, by, why.to_owned())))
    }
}
