//! What is read: which files, of which kind, and their bytes as lines. A file may be compressed, and
//! a log may be one JSON document instead of lines; neither is held in memory.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wire::import::logs::Format;

use super::lines::{AsLines, Document};
use crate::error::{Error, Result};

/// How far into a file its kind is looked for.
const LOOK: u64 = 1 << 20;
/// Names of files that are lines of logs, each also with a number (rotated) and with `.zst` or `.gz`.
const ENDS: [&str; 4] = ["jsonl", "json", "log", "ndjson"];

/// The files of one replay.
pub(super) struct Input {
    /// Their kind.
    pub(super) format: Format,
    /// Traffic or logs, in order.
    pub(super) files: Vec<PathBuf>,
    /// What is known of accounts.
    pub(super) accounts: Option<PathBuf>,
    /// Bytes of all files, as they lie on the disk.
    pub(super) bytes: u64,
}

impl Input {
    /// Finds the files and their kind.
    pub(super) fn find(input: &Path, from: Option<Format>) -> Result<Self> {
        let about = std::fs::metadata(input).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::missing(
                format!("{} is not there", input.display()),
                Some("name a folder with traffic.jsonl, or a log".into()),
            ),
            _ => Error::file(input, &error),
        })?;
        let mut accounts = None;
        let files = match about.is_dir() {
            false => vec![input.to_owned()],
            true => {
                accounts = either(input, "accounts.jsonl");
                match either(input, "traffic.jsonl") {
                    Some(traffic) => vec![traffic],
                    None => logs(input)?,
                }
            }
        };
        let format = match from {
            Some(format) => format,
            None => guess(&files)?,
        };
        let mut bytes = 0;
        for file in &files {
            let about = std::fs::metadata(file).map_err(|error| Error::file(file, &error))?;
            bytes += about.len();
        }
        Ok(Self {
            format,
            files,
            accounts,
            bytes,
        })
    }

    /// The files' names, without their folder.
    pub(super) fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| name(file)).collect()
    }
}

/// A file's name without its folder.
pub(super) fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}

/// A file of this name, plain or compressed.
pub(super) fn either(folder: &Path, name: &str) -> Option<PathBuf> {
    let ends = ["", ".zst", ".gz"].into_iter();
    ends.map(|end| folder.join(format!("{name}{end}")))
        .find(|path| path.is_file())
}

fn has_end(file: &Path, end: &str) -> bool {
    file.extension().is_some_and(|found| found == end)
}

fn logs(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| Error::file(folder, &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let plain = match has_end(&path, "zst") || has_end(&path, "gz") {
            true => path.with_extension(""),
            false => path.clone(),
        };
        let plain = match plain.extension().and_then(|end| end.to_str()) {
            // `access.log.1`
            Some(end) if end.bytes().all(|one| one.is_ascii_digit()) => plain.with_extension(""),
            _ => plain,
        };
        let is_log = ENDS.iter().any(|end| has_end(&plain, end));
        let is_other = name(&plain).starts_with("truth") || name(&plain) == "accounts.jsonl";
        if is_log && !is_other && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    match files.is_empty() {
        false => Ok(files),
        true => Err(Error::missing(
            format!("{} holds neither traffic.jsonl nor a log", folder.display()),
            Some(
                "logs are files of JSON lines, .jsonl, .json, .ndjson or .log, also .zst and .gz"
                    .into(),
            ),
        )),
    }
}

/// The kind of the first line that is of one.
fn guess(files: &[PathBuf]) -> Result<Format> {
    for file in files {
        let looked = open(file, &Arc::default())?.take(LOOK);
        let lines = BufReader::new(looked).split(b'\n').take(1000);
        for line in lines.map_while(std::io::Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if let Some(format) = Format::guess(line.trim()) {
                return Ok(format);
            }
        }
    }
    let error = Error::invalid(
        "from",
        "the kind of the log can't be told from its first lines",
    );
    Err(error
        .with_hint("name it: --from traffic, litellm, helicone, access-log or stored-completions"))
}

/// A file's bytes as lines, unpacked; counts what is read of the disk.
pub(super) fn open(file: &Path, read: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>> {
    let failed = |error: std::io::Error| Error::file(file, &error);
    let counted = Counted {
        file: File::open(file).map_err(failed)?,
        read: Arc::clone(read),
    };
    let unpacked: Box<dyn Read + Send> = match has_end(file, "zst") {
        true => Box::new(zstd::Decoder::new(counted).map_err(failed)?),
        // Rotated logs are often several streams one after the other.
        false if has_end(file, "gz") => Box::new(flate2::read::MultiGzDecoder::new(counted)),
        false => Box::new(counted),
    };
    let mut lines = BufReader::with_capacity(1 << 18, unpacked);
    let document = Document::of(lines.fill_buf().map_err(failed)?);
    Ok(match document {
        Some(document) => Box::new(AsLines::new(lines, document)),
        None => Box::new(lines),
    })
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.file.read(buffer)?;
        self.read.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}
