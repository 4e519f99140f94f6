//! Places in the settings file: line and column of a byte, and the line of a key by its path.
//! Pure text work; no file is read here.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// A place in a file; line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// The file's text, and where each of its keys stands.
pub(crate) struct Text<'a> {
    file: &'a Path,
    text: &'a str,
    keys: Vec<(String, usize)>,
}

impl<'a> Text<'a> {
    /// Reads the keys' places; a text that is no TOML has none.
    pub(crate) fn new(file: &'a Path, text: &'a str) -> Self {
        let mut keys = Vec::new();
        if let Ok(table) = DeTable::parse(text) {
            collect(table.get_ref(), "", &mut keys);
        }
        Self { file, text, keys }
    }

    /// The place of a span that the parser gave; the file's first line where it gave none.
    pub(crate) fn place(&self, span: Option<Range<usize>>) -> Place {
        self.at(span.map_or(0, |span| span.start))
    }

    /// The place of a key such as `plans.default.top_logprobs`, or of the nearest table above it.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        let mut key = key;
        loop {
            if let Some((_, at)) = self.keys.iter().find(|(known, _)| known == key) {
                return self.at(*at);
            }
            match key.rfind('.') {
                Some(dot) => key = &key[..dot],
                None => return self.at(0),
            }
        }
    }

    fn at(&self, byte: usize) -> Place {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

fn collect(table: &DeTable<'_>, above: &str, keys: &mut Vec<(String, usize)>) {
    for (name, value) in table {
        let key = match above {
            "" => name.get_ref().to_string(),
            _ => format!("{above}.{}", name.get_ref()),
        };
        if let DeValue::Table(inner) = value.get_ref() {
            collect(inner, &key, keys);
        }
        keys.push((key, name.span().start));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_places() {
        let text = "a = 1\n\n[b.\"c.d\"]\n  e = 2\n";
        let text = Text::new(Path::new("x.toml"), text);
        assert_eq!(text.place_of("a").to_string(), "x.toml:1:1");
        assert_eq!(text.place_of("b.c.d.e").to_string(), "x.toml:4:3");
        assert_eq!(text.place_of("b.c.d.missing").line, 3);
        assert_eq!(text.place_of("nothing").to_string(), "x.toml:1:1");
    }
}
