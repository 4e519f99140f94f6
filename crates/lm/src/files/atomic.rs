//! Files and folders that are there whole or not at all: written beside their place, made durable,
//! renamed. A process that ends in between leaves a `.part` behind and the old contents in place.

use crate::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Names that are tried for a temporary file.
const TRIES: u32 = 1000;

/// Writes a file, in the place of one that is there.
///
/// # Errors
/// [`Error::File`], and those of `fill`; then the old one is as it was.
pub fn file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let (part, file) = beside(path, |part| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).open(part)
    })?;
    let written = fill_file(path, file, fill).and_then(|()| renamed(&part, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&part);
    }
    written
}

/// Makes a folder, in the place of an empty one or of none; `fill` writes its files.
///
/// # Errors
/// [`Error::File`], also where a folder is there that is not empty, and those of `fill`; then
/// nothing has changed.
pub fn folder(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let mut there = match fs::read_dir(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        other => Some(other.map_err(|e| failed(path, e))?),
    };
    if there.as_mut().is_some_and(|files| files.next().is_some()) {
        let error = io::Error::new(ErrorKind::DirectoryNotEmpty, "the folder is not empty");
        return Err(failed(path, error));
    }
    let (part, ()) = beside(path, |part| fs::create_dir(part))?;
    let written = fill(&part)
        .and_then(|()| synced(&part))
        .and_then(|()| renamed(&part, path));
    if written.is_err() {
        let _ = fs::remove_dir_all(&part);
    }
    written
}

/// Opens something under a name beside `path` that is not taken.
fn beside<T>(path: &Path, open: impl Fn(&Path) -> io::Result<T>) -> Result<(PathBuf, T)> {
    let name = path.file_name().ok_or_else(|| {
        failed(
            path,
            io::Error::new(ErrorKind::InvalidInput, "the path has no name"),
        )
    })?;
    for number in 0..TRIES {
        let mut part = std::ffi::OsString::from(".");
        part.push(name);
        part.push(format!(".{number}.part"));
        let part = path.with_file_name(part);
        match open(&part) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Ok(opened) => return Ok((part, opened)),
            Err(e) => return Err(failed(&part, e)),
        }
    }
    let error = io::Error::new(ErrorKind::AlreadyExists, "too many parts lie beside it");
    Err(failed(path, error))
}

fn fill_file(
    path: &Path,
    file: File,
    fill: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    fill(&mut out)?;
    let file = out.into_inner().map_err(|e| failed(path, e.into_error()))?;
    file.sync_all().map_err(|e| failed(path, e))
}

fn renamed(part: &Path, path: &Path) -> Result<()> {
    fs::rename(part, path).map_err(|e| failed(path, e))?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    synced(parent.unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable.
fn synced(folder: &Path) -> Result<()> {
    let file = File::open(folder).map_err(|e| failed(folder, e))?;
    file.sync_all().map_err(|e| failed(folder, e))
}

/// The error of a file.
pub(crate) fn failed(path: &Path, source: io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = files
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_fails_leaves_the_old_one_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        file(&path, |out| {
            out.write_all(b"old").map_err(|e| failed(&path, e))
        })
        .unwrap();
        let bad = file(&path, |out| {
            out.write_all(b"new").map_err(|e| failed(&path, e))?;
            Err(Error::Invalid("stop".into()))
        });
        assert!(bad.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a"]);
        file(&path, |out| {
            out.write_all(b"new").map_err(|e| failed(&path, e))
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_folder_is_whole_or_not_there_and_never_written_over() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("model");
        assert!(folder(&path, |_| Err(Error::Invalid("stop".into()))).is_err());
        assert!(names(root.path()).is_empty());
        folder(&path, |part| {
            fs::write(part.join("x"), "1").map_err(|e| failed(part, e))
        })
        .unwrap();
        assert_eq!(names(&path), ["x"]);
        let again = folder(&path, |_| Ok(())).unwrap_err().to_string();
        assert!(again.contains("not empty"), "{again}");
        fs::remove_file(path.join("x")).unwrap();
        folder(&path, |_| Ok(())).unwrap();
        assert_eq!(names(root.path()), ["model"]);
    }
}
