//! Where fetched models are kept, by name.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::failure::{Failure, Result};

/// The folder of fetched models.
pub(crate) struct Shelf {
    folder: PathBuf,
}

/// A fetched model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Pulled {
    /// Its name.
    pub(crate) name: String,
    /// Its file.
    pub(crate) file: PathBuf,
    /// The file's size.
    pub(crate) bytes: u64,
}

impl Shelf {
    /// The shelf in a data folder.
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("models"),
        }
    }

    /// The folder, made where it is missing.
    pub(super) fn folder(&self) -> Result<&Path> {
        ledger::make_folder(&self.folder)
            .map_err(Failure::system(format!("making {}", self.folder.display())))?;
        Ok(&self.folder)
    }

    /// The model of this name, if it was fetched.
    pub(crate) fn find(&self, name: &str) -> Result<Pulled> {
        let file = self.place(name)?;
        match std::fs::metadata(&file) {
            Ok(known) => Ok(Pulled {
                name: name.to_owned(),
                file,
                bytes: known.len(),
            }),
            Err(_) => Err(Failure::NotPulled {
                name: name.to_owned(),
                folder: self.folder.clone(),
            }),
        }
    }

    /// Every fetched model, by name.
    pub(crate) fn list(&self) -> Result<Vec<Pulled>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(Failure::system(format!(
                    "reading {}",
                    self.folder.display()
                ))(error));
            }
        };
        let named = entries.flatten().filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_suffix(".gguf")
                .map(str::to_owned)
        });
        let mut all: Vec<Pulled> = named.filter_map(|name| self.find(&name).ok()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Puts a whole file, which lies in the shelf's own file system, under a name.
    pub(super) fn keep(&self, name: &str, whole: &Path) -> Result<Pulled> {
        let failed = |what: &str| Failure::system(format!("{what} {}", whole.display()));
        let mut file = File::open(whole).map_err(failed("reading"))?;
        let mut magic = [0; 4];
        if file.read_exact(&mut magic).is_err() || &magic != b"GGUF" {
            return Err(Failure::Pull(format!(
                "`{name}` is not a GGUF file; nothing was kept"
            )));
        }
        file.sync_all().map_err(failed("syncing"))?;
        std::fs::rename(whole, self.place(name)?).map_err(failed("moving"))?;
        self.find(name)
    }

    /// Removes a fetched model. A server that runs it keeps it until it stops.
    pub(crate) fn remove(&self, name: &str) -> Result<Pulled> {
        let found = self.find(name)?;
        std::fs::remove_file(&found.file).map_err(Failure::system(format!(
            "removing {}",
            found.file.display()
        )))?;
        Ok(found)
    }

    /// The file of a name, which can't leave the folder.
    fn place(&self, name: &str) -> Result<PathBuf> {
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(letter) {
            let what = format!("`{name}` is no name: letters, digits and . _ - are possible");
            return Err(Failure::Pull(what));
        }
        Ok(self.folder.join(format!("{name}.gguf")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_models_are_kept_and_names_stay_inside() {
        let data = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(data.path());
        assert_eq!(shelf.list().unwrap(), vec![]);
        let file = shelf.folder().unwrap().join("part");
        std::fs::write(&file, b"<html>").unwrap();
        assert!(shelf.keep("a", &file).is_err());
        std::fs::write(&file, b"GGUF....").unwrap();
        assert!(shelf.keep("../a", &file).is_err());
        assert!(matches!(shelf.find("a"), Err(Failure::NotPulled { .. })));
        assert_eq!(shelf.keep("a", &file).unwrap().bytes, 8);
        assert_eq!(shelf.list().unwrap().len(), 1);
        shelf.remove("a").unwrap();
        assert!(shelf.remove("a").is_err());
    }
}
