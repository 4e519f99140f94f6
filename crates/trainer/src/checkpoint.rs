//! Checkpoints: folders that are there whole or not at all, `checkpoints/on_policy-000120` within the
//! run's folder. Each holds the training's state and, where a batch was sampled ahead, that batch.

use crate::error::{Error, Result};
use crate::protocol::{self, Place, Stage};
use crate::sampled::Sampled;
use crate::student::Student;
use lm::device::Cpu;
use lm::train::Trainer;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder within the run's.
pub(crate) const FOLDER: &str = "checkpoints";
/// Its files.
const STATE: &str = "state";
const ABOUT: &str = "checkpoint.json";
const AHEAD: &str = "ahead.json";

/// What a checkpoint says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    version: u32,
    place: Place,
    /// What the training began with: the adapter's start and dropout go on with it, also where a
    /// later job samples by another seed.
    seed: u64,
    digest: String,
}

/// The checkpoints of a run.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// Those within a run's folder.
    pub(crate) fn of(run: &Path) -> Self {
        Self {
            folder: run.join(FOLDER),
        }
    }

    /// Makes the folder, and takes away what a process that was killed left half written.
    pub(crate) fn clean(&self) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(Error::file(&self.folder))?;
        for entry in fs::read_dir(&self.folder).map_err(Error::file(&self.folder))? {
            let path = entry.map_err(Error::file(&self.folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let half = name.ends_with(".part") || name.ends_with(".old");
            if half && name.starts_with('.') && path.is_dir() {
                fs::remove_dir_all(&path).map_err(Error::file(&path))?;
            }
        }
        Ok(())
    }

    /// Places of a stage, upwards.
    pub(crate) fn places(&self, stage: Stage) -> Result<Vec<Place>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(Error::file(&self.folder))?,
        };
        let mut out = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::file(&self.folder))?.file_name();
            out.extend(parse(&name.to_string_lossy()).filter(|place| place.stage == stage));
        }
        out.sort_unstable();
        Ok(out)
    }

    /// The newest of the last stage that has one.
    pub(crate) fn newest(&self) -> Result<Option<Place>> {
        let mut all = self.places(Stage::ColdStart)?;
        all.extend(self.places(Stage::OnPolicy)?);
        Ok(all.pop())
    }

    /// A place's folder.
    fn path(&self, place: Place) -> PathBuf {
        self.folder.join(name(place))
    }

    /// What the training of a place began with.
    pub(crate) fn seed(&self, place: Place) -> Result<u64> {
        Ok(self.about(place)?.seed)
    }

    fn about(&self, place: Place) -> Result<About> {
        let path = self.path(place);
        let wrong = wrong_at(&path);
        if !path.is_dir() {
            return Err(wrong("it is not there".into()));
        }
        let about: About = read(&path.join(ABOUT), &wrong)?;
        if about.version != protocol::VERSION || about.place != place {
            return Err(wrong("it says that it is another".into()));
        }
        Ok(about)
    }

    /// Puts a student at a place. `same_stage` says that its moments, steps and what was sampled ahead
    /// go on; else they begin anew.
    pub(crate) fn restore(
        &self,
        student: &mut Student,
        place: Place,
        same_stage: bool,
    ) -> Result<Option<Sampled>> {
        if !same_stage {
            self.weights(student, place)?;
            student.trainer.begin_anew()?;
            return Ok(None);
        }
        self.fill(student, place, Trainer::restore)?;
        let path = self.path(place);
        let wrong = wrong_at(&path);
        let steps = student.trainer.steps();
        if steps != place.step {
            return Err(wrong(format!("its state is of step {steps}")));
        }
        let ahead = path.join(AHEAD);
        match ahead.exists() {
            true => read(&ahead, &wrong).map(Some),
            false => Ok(None),
        }
    }

    /// Gives a student the weights of a place alone; their digest.
    pub(crate) fn weights(&self, student: &mut Student, place: Place) -> Result<String> {
        self.fill(student, place, Trainer::restore_weights)
    }

    fn fill(
        &self,
        student: &mut Student,
        place: Place,
        how: fn(&mut Trainer<Cpu>, &Path) -> lm::Result<()>,
    ) -> Result<String> {
        let path = self.path(place);
        let wrong = wrong_at(&path);
        let about = self.about(place)?;
        let filled = how(&mut student.trainer, &path.join(STATE));
        filled.map_err(|e| wrong(e.to_string()))?;
        let digest = student.digest()?;
        if digest != about.digest {
            return Err(wrong("its student is not the one that was written".into()));
        }
        Ok(digest)
    }

    /// Writes a checkpoint, in the place of one of that name, and takes the oldest away beyond `keep`.
    pub(crate) fn write(
        &self,
        student: &mut Student,
        place: Place,
        ahead: Option<&Sampled>,
        keep: Option<u32>,
    ) -> Result<protocol::Checkpoint> {
        let path = self.path(place);
        self.remove(place)?;
        let about = About {
            version: protocol::VERSION,
            place,
            seed: student.seed,
            digest: student.digest()?,
        };
        lm::files::write_folder(&path, |part| {
            student.trainer.save(&part.join(STATE))?;
            if let Some(ahead) = ahead {
                write(&part.join(AHEAD), ahead)?;
            }
            write(&part.join(ABOUT), &about)
        })?;
        if let Some(keep) = keep {
            let places = self.places(place.stage)?;
            let old = places.len().saturating_sub(keep.max(1) as usize);
            places[..old].iter().try_for_each(|&old| self.remove(old))?;
        }
        let size = |file: &str| fs::metadata(path.join(file)).map_or(0, |m| m.len());
        Ok(protocol::Checkpoint {
            place,
            digest: about.digest,
            path: format!("{FOLDER}/{}", name(place)),
            bytes: [STATE, ABOUT, AHEAD].map(size).iter().sum(),
            seconds: 0.0,
        })
    }

    /// Takes a checkpoint away, if it is there: whole at once, so that half of one is never seen.
    pub(crate) fn remove(&self, place: Place) -> Result<()> {
        let path = self.path(place);
        if !path.exists() {
            return Ok(());
        }
        let gone = self.folder.join(format!(".{}.old", name(place)));
        if gone.exists() {
            fs::remove_dir_all(&gone).map_err(Error::file(&gone))?;
        }
        fs::rename(&path, &gone).map_err(Error::file(&path))?;
        fs::remove_dir_all(&gone).map_err(Error::file(&gone))
    }
}

fn wrong_at(path: &Path) -> impl Fn(String) -> Error {
    |what| Error::Checkpoint {
        path: path.to_owned(),
        what,
    }
}

fn name(place: Place) -> String {
    format!("{}-{:06}", place.stage.name(), place.step)
}

fn parse(name: &str) -> Option<Place> {
    let (stage, step) = name.rsplit_once('-')?;
    let stages = [Stage::ColdStart, Stage::OnPolicy];
    let stage = stages.into_iter().find(|s| s.name() == stage)?;
    let place = Place {
        stage,
        step: step.parse().ok()?,
    };
    (self::name(place) == name).then_some(place)
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path, wrong: &dyn Fn(String) -> Error) -> Result<T> {
    let text = fs::read(path).map_err(Error::file(path))?;
    serde_json::from_slice(&text).map_err(|e| wrong(format!("{}: {e}", path.display())))
}

fn write(path: &Path, value: &impl Serialize) -> lm::Result<()> {
    lm::files::write_file(path, |out| {
        serde_json::to_writer(out, value).map_err(|e| lm::Error::File {
            path: path.to_owned(),
            source: e.into(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_place() {
        let place = Place {
            stage: Stage::OnPolicy,
            step: 120,
        };
        assert_eq!(name(place), "on_policy-000120");
        assert_eq!(parse("on_policy-000120"), Some(place));
        let million = Place {
            step: 1_000_000,
            ..place
        };
        assert_eq!(parse(&name(million)), Some(million));
        for other in [
            "on_policy-120",
            ".on_policy-000120.0.part",
            "x-000001",
            "on_policy-",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
