//! The teachers of a job, and whose each item is. Those beside the student are loaded once for each
//! model file, however many names it has; what belongs to the parent's is only told apart here, and
//! asked by `learn`.

use super::{Local, Needs, Taught};
use crate::error::{Error, Result};
use crate::load::{self, Reader};
use crate::protocol::{Further, Item, Learn, Teacher};
use crate::sampled::Answer;
use crate::student::Student;
use crate::targets::Desk;
use crate::uld;
use lm::Model;
use lm::device::Device;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Where a teacher is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Beside the student: which of the models.
    Here(usize),
    /// At the parent.
    Parent,
    /// There is none, or none is needed.
    Nowhere,
}

/// The teachers of a job.
pub(crate) struct Staff {
    locals: Vec<Local>,
    /// The job's own first, then the further ones in their order.
    posts: Vec<(Option<String>, Place)>,
    /// Of each item, which of them it belongs to.
    of: Vec<usize>,
}

impl Staff {
    /// Loads those that are needed. Memory is foreseen before more than one is.
    pub(crate) fn open(
        job: &Learn,
        items: &[Item],
        student: &Student,
        needs: Option<Needs>,
    ) -> Result<Self> {
        let of = assigned(&job.teachers, items)?;
        let (mut paths, mut posts): (Vec<PathBuf>, Vec<_>) = (Vec::new(), Vec::new());
        for (post, (name, teacher)) in all(job).enumerate() {
            let place = match teacher {
                // One that no item belongs to is not loaded.
                _ if needs.is_none() || !of.contains(&post) => Place::Nowhere,
                Teacher::None => Place::Nowhere,
                Teacher::Parent => Place::Parent,
                Teacher::Local { model } => Place::Here(index(&mut paths, model)),
            };
            posts.push((name.map(str::to_owned), place));
        }
        foresee(&paths, student.device.available())?;
        let open = |(number, path): (usize, &PathBuf)| {
            let own = |post: &usize| posts[*post].1 == Place::Here(number);
            let its = items.iter().zip(&of).filter(|(_, post)| own(post));
            let its: Vec<&Item> = its.map(|(item, _)| item).collect();
            let how = (path.as_path(), job.learning.loss.kind);
            Local::open(how, student, &its, job.threads)
        };
        Ok(Self {
            locals: paths.iter().enumerate().map(open).collect::<Result<_>>()?,
            posts,
            of,
        })
    }

    /// Which model beside the student grades an item, where one does.
    pub(crate) fn local(&self, item: usize) -> Option<usize> {
        match self.posts[self.of[item]].1 {
            Place::Here(local) => Some(local),
            Place::Parent | Place::Nowhere => None,
        }
    }

    /// Tokens of an item's prompt as its teacher reads it.
    pub(crate) fn prompt(&self, student: &Reader, items: &[Item], item: usize) -> Result<u64> {
        let local = self.local(item).map(|local| &self.locals[local].reader);
        let reader = local.unwrap_or(student);
        let tokens = reader.prompt(&items[item].id, items[item].teacher())?;
        Ok(tokens.len() as u64)
    }

    /// Whether the parent is asked about an item.
    pub(crate) fn is_served(&self, item: usize) -> bool {
        self.posts[self.of[item]].1 == Place::Parent
    }

    /// What the teachers beside the student tell of answers that are theirs; the others stay as they
    /// are.
    pub(crate) fn score(
        &self,
        student: &Reader,
        (items, answers): (&[Item], &[Answer]),
        needs: Needs,
        taught: &mut [Option<Taught>],
    ) -> Result<()> {
        for (number, local) in self.locals.iter().enumerate() {
            let its = answers.iter().enumerate();
            let its: Vec<(usize, &Answer)> = its
                .filter(|(_, answer)| self.local(answer.item) == Some(number))
                .collect();
            let asked: Vec<&Answer> = its.iter().map(|(_, answer)| *answer).collect();
            let told = match needs.spans {
                true => uld::score(local, student, (items, &asked), needs)?,
                false => local
                    .score(items, &asked, needs)?
                    .into_iter()
                    .map(Some)
                    .collect(),
            };
            for ((place, _), told) in its.into_iter().zip(told) {
                taught[place] = told;
            }
        }
        Ok(())
    }

    /// What makes logits of the models' rows, by their numbers.
    pub(crate) fn desks(&self) -> Vec<Desk<'_>> {
        let locals = self.locals.iter();
        locals
            .filter_map(|local| Some((local.head.as_ref()?, local.uld.as_ref())))
            .collect()
    }

    /// Values of a row of each model, by their numbers.
    pub(crate) fn widths(&self) -> Vec<usize> {
        self.locals.iter().map(|local| local.width).collect()
    }

    /// The teachers to which items belong: name, the model beside the student, the first item.
    pub(crate) fn posts(&self) -> impl Iterator<Item = (Option<&str>, Option<&Local>, usize)> {
        let posts = self.posts.iter().enumerate();
        posts.filter_map(|(number, (name, place))| {
            let first = self.of.iter().position(|of| *of == number)?;
            let local = match place {
                Place::Here(local) => Some(&self.locals[*local]),
                Place::Parent | Place::Nowhere => None,
            };
            Some((name.as_deref(), local, first))
        })
    }

    /// Whether two items belong to the same teacher.
    pub(crate) fn same(&self, a: usize, b: usize) -> bool {
        self.of[a] == self.of[b]
    }
}

/// All teachers of a job, its own first.
fn all(job: &Learn) -> impl Iterator<Item = (Option<&str>, &Teacher)> {
    let further = job.teachers.iter();
    let further = further.map(|further| (Some(further.name.as_str()), &further.teacher));
    std::iter::once((None, &job.teacher)).chain(further)
}

/// Of each item the number of its teacher: 0 for the job's own.
fn assigned(further: &[Further], items: &[Item]) -> Result<Vec<usize>> {
    let names = further.iter().zip(1..);
    let names: HashMap<&str, usize> = names.map(|(f, n)| (f.name.as_str(), n)).collect();
    let one = |item: &Item| match &item.taught_by {
        None => Ok(0),
        Some(name) => names
            .get(name.as_str())
            .copied()
            .ok_or_else(|| Error::Item {
                id: item.id.clone(),
                what: format!("its teacher {name:?} is none of the job's"),
            }),
    };
    items.iter().map(one).collect()
}

/// The number of a model's file; files that are the same on the disk have one.
fn index(paths: &mut Vec<PathBuf>, path: &Path) -> usize {
    let whole = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let known = paths.iter().position(|known| whole(known) == whole(path));
    known.unwrap_or_else(|| {
        paths.push(path.to_owned());
        paths.len() - 1
    })
}

/// An error where several models do not fit beside the student together.
fn foresee(paths: &[PathBuf], available: Option<u64>) -> Result<()> {
    let (true, Some(available)) = (paths.len() > 1, available) else {
        return Ok(());
    };
    let mut need = 0u64;
    for path in paths {
        let files = load::model(path)?;
        let config = files.config();
        let table = (config.vocabulary * config.width * size_of::<f32>()) as u64;
        need = need.saturating_add(Model::foreseen(config).saturating_add(table));
    }
    match need > available {
        true => Err(Error::Memory {
            teachers: paths.len(),
            need,
            available,
        }),
        false => Ok(()),
    }
}

/// BLAKE3 of the models of a job's teachers beside the student: its own one's, and further ones' by
/// name.
pub(crate) fn digests(job: &Learn) -> Result<(Option<String>, BTreeMap<String, String>)> {
    let (mut own, mut further) = (None, BTreeMap::new());
    let mut known: BTreeMap<&Path, String> = BTreeMap::new();
    for (name, teacher) in all(job) {
        let Teacher::Local { model } = teacher else {
            continue;
        };
        let digest = match known.get(model.as_path()) {
            Some(digest) => digest.clone(),
            None => load::digest(model)?,
        };
        known.insert(model, digest.clone());
        match name {
            None => own = Some(digest),
            Some(name) => drop(further.insert(name.to_owned(), digest)),
        }
    }
    Ok((own, further))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Prompt;

    fn item(id: &str, taught_by: Option<&str>) -> Item {
        Item {
            id: id.into(),
            student: Prompt::Text { text: "x".into() },
            teacher: None,
            taught_by: taught_by.map(str::to_owned),
            answer: None,
            rejected: None,
        }
    }

    #[test]
    fn each_item_has_one_teacher() {
        let further = ["coder", "poet"].map(|name| Further {
            name: name.into(),
            teacher: Teacher::Parent,
        });
        let items = [
            item("a", Some("poet")),
            item("b", None),
            item("c", Some("coder")),
        ];
        assert_eq!(assigned(&further, &items).unwrap(), [2, 0, 1]);
        let unknown = [item("d", Some("cook"))];
        let error = assigned(&further, &unknown).unwrap_err().to_string();
        assert!(error.contains("\"cook\" is none of the job's"), "{error}");
    }

    #[test]
    fn models_that_do_not_fit_together_are_told_before_they_are_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let model = |seed: u64| {
            let path = folder.path().join(format!("{seed}.gguf"));
            std::fs::write(&path, lm::testing::tiny_gguf(lm::Family::Llama, seed)).unwrap();
            path
        };
        let paths = [model(1), model(2)];
        let files = load::model(&paths[0]).unwrap();
        let one = Model::foreseen(files.config());
        assert!(one > 1000);
        foresee(&paths, None).unwrap();
        foresee(&paths, Some(4 * one)).unwrap();
        // One alone is looked at where it is loaded.
        foresee(&paths[..1], Some(1)).unwrap();
        let error = foresee(&paths, Some(one)).unwrap_err();
        assert!(matches!(error, Error::Memory { teachers: 2, need, .. } if need > 2 * one));
        assert_eq!(error.failed().code, "memory_short");
    }

    #[test]
    fn the_same_file_has_one_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "b"] {
            std::fs::write(path(name), name).unwrap();
        }
        let mut paths = Vec::new();
        let around = path("a").join("..").join("a");
        let asked = [
            path("a"),
            path("b"),
            folder.path().join(".").join("a"),
            around,
        ];
        let numbers = asked.map(|path| index(&mut paths, &path));
        // The last one leads through a file, and so is no path at all.
        assert_eq!(numbers, [0, 1, 0, 2]);
    }
}
