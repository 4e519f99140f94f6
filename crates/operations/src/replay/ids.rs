//! The ids of exchanges by their numbers, in a file: what is told of a stream comes long after its
//! exchanges, and there may be more of them than memory holds.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Ids, in order of their numbers.
pub(super) struct Ids {
    texts: PathBuf,
    ends: PathBuf,
    writing: Option<(BufWriter<File>, BufWriter<File>)>,
    last: String,
    count: u64,
    end: u64,
}

impl Ids {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let (texts, ends) = (folder.join("ids.tmp"), folder.join("ids-ends.tmp"));
        let create = |path: &Path| {
            let file = File::create(path).map_err(|error| Error::file(path, &error))?;
            Ok::<_, Error>(BufWriter::with_capacity(1 << 16, file))
        };
        Ok(Self {
            writing: Some((create(&texts)?, create(&ends)?)),
            texts,
            ends,
            last: String::new(),
            count: 0,
            end: 0,
        })
    }

    /// The id of the next number.
    pub(super) fn push(&mut self, id: &str) -> Result<()> {
        self.count += 1;
        self.end += id.len() as u64;
        id.clone_into(&mut self.last);
        let Some((texts, ends)) = &mut self.writing else {
            return Ok(());
        };
        let written = texts
            .write_all(id.as_bytes())
            .and_then(|()| ends.write_all(&self.end.to_le_bytes()));
        written.map_err(|error| Error::file(&self.texts, &error))
    }

    /// The id of a number; empty where there is none.
    pub(super) fn get(&mut self, number: u64) -> Result<String> {
        if number + 1 == self.count {
            return Ok(self.last.clone());
        }
        Ok(self.all(&[number])?.pop().unwrap_or_default())
    }

    /// The ids of numbers, in their order.
    pub(super) fn all(&mut self, numbers: &[u64]) -> Result<Vec<String>> {
        let failed = |error: std::io::Error| Error::file(&self.texts, &error);
        if let Some((texts, ends)) = &mut self.writing {
            texts.flush().and_then(|()| ends.flush()).map_err(failed)?;
        }
        let open = |path: &Path| {
            let file = File::open(path).map_err(|error| Error::file(path, &error))?;
            Ok::<_, Error>(BufReader::with_capacity(1 << 12, file))
        };
        let (mut texts, mut ends) = (open(&self.texts)?, open(&self.ends)?);
        let mut at = |number: u64| -> std::io::Result<String> {
            if number >= self.count {
                return Ok(String::new());
            }
            let mut place = [[0_u8; 8]; 2];
            match number.checked_sub(1) {
                Some(before) => {
                    seek(&mut ends, before * 8)?;
                    ends.read_exact(place.as_flattened_mut())?;
                }
                None => {
                    seek(&mut ends, 0)?;
                    ends.read_exact(&mut place[1])?;
                }
            }
            let [start, end] = place.map(u64::from_le_bytes);
            let mut id = vec![0; (end - start) as usize];
            seek(&mut texts, start)?;
            texts.read_exact(&mut id)?;
            Ok(String::from_utf8_lossy(&id).into_owned())
        };
        let ids = numbers.iter().map(|number| at(*number)).collect();
        let ids: std::io::Result<Vec<String>> = ids;
        ids.map_err(failed)
    }

    /// Takes the files away.
    pub(super) fn remove(&mut self) {
        self.writing = None;
        for path in [&self.texts, &self.ends] {
            // They are of no use to anybody; one that stays is no failure of a replay.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Keeps what is buffered where the place lies in it.
fn seek(file: &mut BufReader<File>, to: u64) -> std::io::Result<()> {
    let now = file.stream_position()?;
    match i64::try_from(i128::from(to) - i128::from(now)) {
        Ok(way) => file.seek_relative(way),
        Err(_) => file.seek(SeekFrom::Start(to)).map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_by_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let mut ids = Ids::create(folder.path()).unwrap();
        for number in 0..5000 {
            ids.push(&format!("e{number}")).unwrap();
            assert_eq!(ids.get(number).unwrap(), format!("e{number}"));
        }
        ids.push("").unwrap();
        let some = ids.all(&[4999, 0, 17, 5000, 5001, u64::MAX - 1]).unwrap();
        assert_eq!(some, ["e4999", "e0", "e17", "", "", ""]);
        ids.remove();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
