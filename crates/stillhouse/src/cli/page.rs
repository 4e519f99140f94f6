//! Text for people: a table, or names and values, each column as wide as it must be.

use std::borrow::Cow;
use std::fmt;

/// Something to print.
#[derive(Debug, Default)]
pub(super) struct Page {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Rows(Vec<Vec<String>>),
    Line(String),
}

impl Page {
    /// A table under headings; without rows it says so.
    pub(super) fn table(headings: &[&str], rows: Vec<Vec<String>>) -> Self {
        if rows.is_empty() {
            return Self::default().line("(none)");
        }
        let headings = headings
            .iter()
            .map(|heading| (*heading).to_owned())
            .collect();
        let all = std::iter::once(headings).chain(rows).collect();
        Self {
            parts: vec![Part::Rows(all)],
        }
    }

    /// Names and values; what has no value is left out.
    pub(super) fn fields(fields: Vec<(&str, Option<String>)>) -> Self {
        let rows = fields
            .into_iter()
            .filter_map(|(name, value)| Some(vec![format!("{name}:"), value?]))
            .collect();
        Self {
            parts: vec![Part::Rows(rows)],
        }
    }

    /// And a line.
    pub(super) fn line(mut self, line: impl Into<String>) -> Self {
        self.parts.push(Part::Line(line.into()));
        self
    }

    /// And another page.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Line(line) => writeln!(f, "{}", plain(line, &['\n', '\t']))?,
                Part::Rows(rows) => write_rows(rows, f)?,
            }
        }
        Ok(())
    }
}

/// A stranger's text, such as the name of a model that was asked for, must not steer the terminal.
fn plain<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    let steers = |letter: char| letter.is_control() && !kept.contains(&letter);
    match text.contains(steers) {
        true => text.replace(steers, "\u{fffd}").into(),
        false => text.into(),
    }
}

fn write_rows(rows: &[Vec<String>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{:width$}  ", plain(cell, &[])));
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A value, or a dash.
pub(super) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or("-".into(), |value| value.to_string())
}

/// A time without its microseconds.
pub(super) fn short(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let page = Page::table(
            &["A", "LONGER"],
            vec![
                vec!["über".into(), "1".into()],
                vec!["x".into(), "-".into()],
            ],
        );
        assert_eq!(page.to_string(), "A     LONGER\nüber  1\nx     -\n");
        assert_eq!(Page::table(&["A"], vec![]).to_string(), "(none)\n");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let page = Page::table(&["MODEL"], vec![vec!["a\u{1b}[2J\nb".into()]]);
        let page = page.line("one\u{9b}\ntwo\tthree");
        let expected = "MODEL\na\u{fffd}[2J\u{fffd}b\none\u{fffd}\ntwo\tthree\n";
        assert_eq!(page.to_string(), expected);
    }
}
