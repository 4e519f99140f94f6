//! The job that writes the student's files: all of them or none.

use crate::error::{Error, Result};
use crate::load;
use crate::parent::Parent;
use crate::place;
use crate::protocol::{self, Done, Export, Exported, ExportedFile, Format, Ready, Report};
use crate::{World, learn::since};
use lm::gguf::TensorType;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

/// Does the job.
pub(crate) fn export<W: Write>(
    job: &Export,
    parent: &mut Parent<W>,
    world: World<'_>,
) -> Result<Done> {
    let started = (world.clock)();
    let to = within(&job.folder, &job.to)?;
    if job.formats.is_empty() {
        return Err(Error::Job("an export in no format".into()));
    }
    let (mut student, place, digest) = place::at(&job.folder, &job.student, job.place, 0)?;
    let weights = student.trainer.weights()?;
    let adapter = student.trainer.adapter()?;
    if adapter.is_none() && job.formats.contains(&Format::Adapter) {
        return Err(Error::Job(
            "an adapter of a student that was trained in full".into(),
        ));
    }
    parent.say(&Report::Ready(Ready {
        version: protocol::VERSION,
        from: Some(place),
        items: 0,
        student: digest.clone(),
        teacher: None,
        teachers: BTreeMap::new(),
        seconds: since(world, started),
    }))?;
    let files = load::model(&job.student.model)?;
    let (tokenizer, template) = (files.tokenizer(), files.template());
    remove(&to)?;
    lm::files::write_folder(&to, |part| {
        for &format in &job.formats {
            let path = part.join(name(format));
            match (format, &adapter) {
                (Format::Safetensors, _) => {
                    weights.write_safetensors(&path, tokenizer, template)?
                }
                (Format::GgufF16, _) => {
                    weights.write_gguf(&path, TensorType::F16, tokenizer, template)?;
                }
                (Format::GgufQ8, _) => {
                    weights.write_gguf(&path, TensorType::Q8_0, tokenizer, template)?;
                }
                (Format::Adapter, Some(adapter)) => {
                    adapter.write(&path, weights.config(), &job.base)?;
                }
                (Format::Adapter, None) => {}
            }
        }
        Ok(())
    })?;
    let files = written(&to, &job.formats)?;
    parent.say(&Report::Exported(Exported {
        place: Some(place),
        digest,
        files,
    }))?;
    Ok(Done {
        paused: false,
        step: None,
    })
}

/// What was written, with sizes and digests.
fn written(to: &Path, formats: &[Format]) -> Result<Vec<ExportedFile>> {
    let mut out = Vec::new();
    for &format in formats {
        let top = name(format);
        for (inside, file) in load::files(&to.join(top))? {
            out.push(ExportedFile {
                path: match inside.is_empty() {
                    true => top.to_owned(),
                    false => format!("{top}/{inside}"),
                },
                format,
                bytes: file.metadata().map_err(Error::file(&file))?.len(),
                blake3: load::digest(&file)?,
            });
        }
    }
    Ok(out)
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Safetensors => "safetensors",
        Format::GgufF16 => "student-f16.gguf",
        Format::GgufQ8 => "student-q8_0.gguf",
        Format::Adapter => "adapter",
    }
}

/// A path that is truly within a folder.
fn within(folder: &Path, path: &Path) -> Result<PathBuf> {
    let path = match path.is_absolute() {
        true => path.to_owned(),
        false => folder.join(path),
    };
    let inside = path.strip_prefix(folder).ok();
    let inside = inside.filter(|inside| {
        let plain = |part| matches!(part, Component::Normal(_));
        let first = inside.components().next();
        let taken = Component::Normal(crate::checkpoint::FOLDER.as_ref());
        first.is_some_and(|first| first != taken) && inside.components().all(plain)
    });
    match inside {
        Some(_) => Ok(path),
        None => Err(Error::Job(format!(
            "an export to {}, which is not a place of its own within the run's folder",
            path.display()
        ))),
    }
}

/// Takes an older export away, whole at once; makes the folders above.
fn remove(to: &Path) -> Result<()> {
    if let Some(above) = to.parent() {
        std::fs::create_dir_all(above).map_err(Error::file(above))?;
    }
    if to.exists() && !to.is_dir() {
        let what = "it is a file, and the export is a folder";
        let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, what);
        return Err(Error::file(to)(source));
    }
    if to.exists() {
        let mut gone = to.file_name().unwrap_or_default().to_owned();
        gone.push(".old");
        let gone = to.with_file_name(gone);
        if gone.exists() {
            std::fs::remove_dir_all(&gone).map_err(Error::file(&gone))?;
        }
        std::fs::rename(to, &gone).map_err(Error::file(to))?;
        std::fs::remove_dir_all(&gone).map_err(Error::file(&gone))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_outside_the_run_s_folder() {
        let folder = Path::new("/runs/1");
        let within = |path| within(folder, Path::new(path));
        assert_eq!(within("export").unwrap(), Path::new("/runs/1/export"));
        assert_eq!(within("/runs/1/a/b").unwrap(), Path::new("/runs/1/a/b"));
        for bad in [
            "",
            "..",
            "../2",
            "a/../../2",
            "/runs/1",
            "/runs/1/../2",
            "/runs/11/a",
            "/tmp",
            "checkpoints",
            "checkpoints/x",
        ] {
            assert!(within(bad).is_err(), "{bad}");
        }
    }
}
