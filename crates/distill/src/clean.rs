//! What of a run's folder can go once the run is over: checkpoints but for the newest and the best
//! one, students that were written to be forked; of one that was rejected or cancelled every model.
//! What the ledger promises (a held student's files), what another run or the settings use, and what
//! tells how the run went (rows, answers, logs) stays.

use std::path::{Path, PathBuf};

use ledger::facts::Facts;
use record::id::kind;
use record::{Actor, Id, RunEvent, Stage};

use crate::drive::{checkpoint_of, write};
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::plan::{self, Next};
use crate::state::{Place, State};

/// Something in a run's folder that can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waste {
    /// Where it is, below the run's folder.
    pub name: PathBuf,
    /// Its bytes.
    pub bytes: u64,
}

/// The checkpoints that stay, of a run that is over; `None` for one that is not.
pub fn kept(state: &State) -> Option<Vec<Place>> {
    if plan::next(state) != Next::End {
        return None;
    }
    if is_void(state) {
        return Some(Vec::new());
    }
    let mut kept: Vec<Place> = state.place().into_iter().collect();
    let best = state.best().map(|best| (best.stage, best.step));
    kept.extend(best.filter(|best| !kept.contains(best)));
    kept.sort_unstable();
    Some(kept)
}

/// Whether nothing of the run's student is promised to anybody.
fn is_void(state: &State) -> bool {
    matches!(state.stage, Stage::Rejected | Stage::Cancelled)
}

/// What can go, but for what lies at or below it one of the files and folders that are used.
///
/// # Errors
/// The disk's.
pub fn waste(folder: &Folder, state: &State, used: &[PathBuf]) -> Result<Vec<Waste>> {
    let Some(kept) = kept(state) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for name in names(folder.root())? {
        let forked = name.trim_start_matches('.').starts_with("fork-");
        let student = name == "student" || name.starts_with("student-");
        if forked || (student && is_void(state)) {
            found.push(PathBuf::from(name));
        }
    }
    for name in names(&folder.path("checkpoints"))? {
        if !checkpoint_of(&name).is_some_and(|place| kept.contains(&place)) {
            found.push(Path::new("checkpoints").join(name));
        }
    }
    found.sort();
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let used: Vec<PathBuf> = used.iter().map(|path| whole(path)).collect();
    let mut waste = Vec::new();
    for name in found {
        let path = whole(&folder.root().join(&name));
        if used.iter().all(|used| !used.starts_with(&path)) {
            let bytes = size(&path)?;
            waste.push(Waste { name, bytes });
        }
    }
    Ok(waste)
}

/// Writes that a run that is over is cleaned, and removes what can go. A process that is killed in
/// between leaves the rest to the next one.
///
/// # Errors
/// The run is not over; the ledger's, then nothing was removed; the disk's.
pub fn clean(
    facts: &Facts,
    folder: &Folder,
    (run, state): (Id<kind::Run>, &mut State),
    waste: &[Waste],
    (by, why): (&Actor, &str),
) -> Result<()> {
    let cleaned = RunEvent::Cleaned {
        kept: kept(state).unwrap_or_default(),
        bytes: waste.iter().map(|waste| waste.bytes).sum(),
        actor: by.clone(),
        why: why.to_owned(),
    };
    write(facts, run, state, &cleaned)?;
    for one in waste {
        remove(&folder.root().join(&one.name))?;
    }
    Ok(())
}

/// Half of a checkpoint or a student is never taken for a whole one: it goes under another name.
fn remove(path: &Path) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let going = match name.starts_with('.') {
        true => path.to_owned(),
        false => path.with_file_name(format!(".{name}.old")),
    };
    let removed = || {
        if going != path {
            std::fs::rename(path, &going)?;
        }
        match going.is_dir() {
            true => std::fs::remove_dir_all(&going),
            false => std::fs::remove_file(&going),
        }
    };
    removed().map_err(Error::io(path))
}

/// What lies in a folder; nothing where there is none.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io(folder))?,
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}

fn size(path: &Path) -> Result<u64> {
    let about = std::fs::symlink_metadata(path).map_err(Error::io(path))?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    let mut bytes = 0;
    for name in names(path)? {
        bytes += size(&path.join(name))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{created, events};
    use crate::plan::{Next, next};

    /// A run that came to its end, its students better from time to time.
    fn ended(to: Stage) -> State {
        let mut state = State::new(&created(false, true)).unwrap();
        while next(&state) != Next::End {
            // The start is the worst, the one after step 8 the best.
            let whim = match (state.stage, state.checkpoint(Stage::OnPolicy)) {
                (Stage::Evaluate, Some(4)) => 10,
                (Stage::Evaluate, Some(8)) => 200,
                (Stage::Evaluate, _) => 100,
                _ => 0,
            };
            for event in events(&state, whim) {
                state.apply(&event).unwrap();
            }
        }
        state.stage = to;
        state
    }

    fn lay(folder: &Folder, name: &str) {
        let path = folder.path(name);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("weights"), [7; 100]).unwrap();
    }

    #[test]
    fn what_is_promised_or_used_stays() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path(), Id::from_bytes([1; 16]));
        folder.make().unwrap();
        let state = ended(Stage::Held);
        let all = [
            "student",
            "student-4",
            "fork-2-ab",
            ".fork-4-cd",
            "checkpoints/.x.part",
        ];
        for name in all {
            lay(&folder, name);
        }
        for (stage, step) in state.checkpoints.keys() {
            assert_eq!(*stage, Stage::OnPolicy);
            lay(&folder, &format!("checkpoints/on_policy-{step:06}"));
        }
        let names = |state: &State, used: &[PathBuf]| -> Vec<String> {
            let waste = waste(&folder, state, used).unwrap();
            assert!(waste.iter().all(|waste| waste.bytes == 100));
            let names = waste.iter().map(|waste| waste.name.display().to_string());
            names.collect()
        };
        let (newest, best) = (state.place().unwrap(), state.best().unwrap());
        assert_ne!(newest.1, best.step, "the test is about two");
        let kept = kept(&state).unwrap();
        assert_eq!(kept, [(Stage::OnPolicy, best.step), newest]);
        let held = names(&state, &[]);
        for (_, step) in state.checkpoints.keys() {
            let name = format!("checkpoints/on_policy-{step:06}");
            assert_eq!(
                !held.contains(&name),
                *step == newest.1 || *step == best.step,
                "{name}"
            );
        }
        assert!(held.contains(&"fork-2-ab".into()) && held.contains(&".fork-4-cd".into()));
        assert!(held.contains(&"checkpoints/.x.part".into()));
        assert!(
            !held.iter().any(|name| name.starts_with("student")),
            "{held:?}"
        );
        let used = [folder.path("fork-2-ab").join("safetensors")];
        assert!(!names(&state, &used).contains(&"fork-2-ab".into()));
        let void = names(
            &ended(Stage::Cancelled),
            &[folder.path("student-4").join("weights")],
        );
        assert_eq!(
            void.len(),
            all.len() - 1 + state.checkpoints.len(),
            "{void:?}"
        );
        assert!(void.contains(&"student".into()) && !void.contains(&"student-4".into()));
        // One that goes on keeps all, and cannot be cleaned.
        let mut going = ended(Stage::Held);
        going.exported.clear();
        assert!(names(&going, &[]).is_empty());
        let cleaned = RunEvent::Cleaned {
            kept: Vec::new(),
            bytes: 1,
            actor: Actor::House,
            why: String::new(),
        };
        assert!(going.apply(&cleaned).is_err());
        let mut void = ended(Stage::Cancelled);
        void.apply(&cleaned).unwrap();
        assert!(void.checkpoints.is_empty() && void.exported.is_empty());
        remove(&folder.path("student")).unwrap();
        assert!(!folder.path("student").exists() && !folder.path(".student.old").exists());
    }
}
