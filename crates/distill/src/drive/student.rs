//! The student's files and checkpoints: exported after the last evaluation, with a card that says
//! what was measured and nothing else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use record::id::kind;
use record::{Export as File, Id, RunEvent, Stage};
use trainer::protocol::{Export, Exported, Format, Job, Report, Tuning};

use super::learn::{digest, place_of, stage_of};
use super::watch::Flow;
use super::{Child, Driver, Heard, TICK, Worked};
use crate::card;
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::state::{Place, State};

impl Driver<'_, '_> {
    pub(super) fn export(&mut self) -> Result<Worked<()>> {
        let spec = &self.state.spec;
        let mut formats = vec![Format::Safetensors, Format::GgufF16, Format::GgufQ8];
        if matches!(spec.student.tuning, Tuning::Lora { .. }) {
            formats.push(Format::Adapter);
        }
        let job = Job::Export(Box::new(Export {
            folder: self.folder.root().to_owned(),
            to: self.folder.path("student"),
            seed: self.state.created.seed,
            student: spec.student.clone(),
            place: self.state.place().map(place_of),
            formats,
            base: spec.student.model.display().to_string(),
        }));
        let mut exported: Option<Exported> = None;
        let worked = self.work(job, |_, _, report| {
            if let Report::Exported(told) = report {
                exported = Some(told);
            }
            Ok(Flow::On)
        })?;
        if let Err(stop) = worked {
            return Ok(Err(stop));
        }
        let told = exported
            .ok_or_else(|| Error::Child("it exported nothing and said it was done".into()))?;
        let mut files = Vec::with_capacity(told.files.len() + 1);
        for file in &told.files {
            files.push(File {
                form: form(file.format).to_owned(),
                path: format!("student/{}", file.path),
                digest: digest(&file.blake3)?,
            });
        }
        let card = card::write(self.run, &self.state, &files);
        self.folder.write("student/README.md", card.as_bytes())?;
        files.push(File {
            form: "card".into(),
            path: "student/README.md".into(),
            digest: *blake3::hash(card.as_bytes()).as_bytes(),
        });
        self.record(&RunEvent::Exported { files })?;
        Ok(Ok(()))
    }

    /// Removes checkpoints of a stage that are not written down: of a step that was gone back
    /// over, or whose entry was not written before a stop. They would be taken for newer ones.
    pub(super) fn drop_checkpoints(&self, stage: Stage) -> Result<()> {
        let folder = self.folder.path("checkpoints");
        let Ok(entries) = std::fs::read_dir(&folder) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let place = name.to_str().and_then(checkpoint_of);
            let Some(place) = place.filter(|place| place.0 == stage) else {
                continue;
            };
            if !self.state.checkpoints.contains_key(&place) {
                let path = entry.path();
                std::fs::remove_dir_all(&path).map_err(Error::io(&path))?;
            }
        }
        Ok(())
    }
}

/// The place of a checkpoint's folder, by its name.
pub(crate) fn checkpoint_of(name: &str) -> Option<Place> {
    let (stage, step) = name.rsplit_once('-')?;
    let known = [Stage::ColdStart, Stage::OnPolicy];
    let stage = known.into_iter().find(|of| stage_of(*of).name() == stage)?;
    Some((stage, step.parse().ok()?))
}

/// Writes the files of a run's student at a checkpoint into a folder below the run's, such as to
/// fork from it. Nothing is written into the ledger.
///
/// # Errors
/// The child's, in words; the disk's.
pub fn materialise(
    (runs, trainer): (&Path, &[OsString]),
    (run, state): (Id<kind::Run>, &State),
    place: Place,
    (name, formats): (&str, &[Format]),
) -> Result<PathBuf> {
    let folder = Folder::new(runs, run);
    let to = folder.path(name);
    let log = folder.path("export.log");
    let log = std::fs::File::create(&log).map_err(Error::io(&log))?;
    let job = Job::Export(Box::new(Export {
        folder: folder.root().to_owned(),
        to: to.clone(),
        seed: state.created.seed,
        student: state.spec.student.clone(),
        place: Some(place_of(place)),
        formats: formats.to_vec(),
        base: state.spec.student.model.display().to_string(),
    }));
    let mut child = Child::start(trainer, &log, job)?;
    loop {
        match child.hear(TICK) {
            Heard::Report(report) => match *report {
                Report::Done(_) => return Ok(to),
                Report::Failed(failed) => {
                    return Err(Error::Failed {
                        message: failed.message,
                        hint: failed.hint,
                    });
                }
                _ => {}
            },
            Heard::Nothing => {}
            Heard::Gone(what) => return Err(Error::Child(what)),
        }
    }
}

fn form(format: Format) -> &'static str {
    match format {
        Format::Safetensors => "safetensors",
        Format::GgufF16 | Format::GgufQ8 => "gguf",
        Format::Adapter => "adapter",
    }
}
