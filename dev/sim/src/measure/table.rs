//! What is written down: tables as Markdown for people and as JSON with all numbers. Nothing is
//! measured here.

use std::fmt::Write as _;

use serde::Serialize;

use super::metrics::Rate;

/// One cell.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Words.
    Text(String),
    /// A count.
    Count(u64),
    /// A rate, with its interval.
    Rate(Rate),
    /// An area under a curve, with its interval.
    Area(f64, f64, f64),
    /// A number with so many decimals.
    Number(f64, usize),
    /// Nothing was measured, or there is nothing to measure.
    Nothing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Rate> for Cell {
    fn from(rate: Rate) -> Self {
        if rate.of == 0 {
            return Self::Nothing;
        }
        Self::Rate(rate)
    }
}

impl From<Option<(f64, f64, f64)>> for Cell {
    fn from(area: Option<(f64, f64, f64)>) -> Self {
        area.map_or(Self::Nothing, |(area, low, high)| {
            Self::Area(area, low, high)
        })
    }
}

impl Cell {
    fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Rate(rate) => {
                let (low, high) = rate.interval();
                let digits = digits(rate.share());
                format!(
                    "{:.digits$}% ({:.digits$} to {:.digits$})",
                    100.0 * rate.share(),
                    100.0 * low,
                    100.0 * high,
                )
            }
            Self::Area(area, low, high) => format!("{area:.3} ({low:.3} to {high:.3})"),
            Self::Number(number, digits) => format!("{number:.digits$}"),
            Self::Nothing => "–".to_owned(),
        }
    }
}

/// Small rates need more digits.
fn digits(share: f64) -> usize {
    if share >= 0.05 {
        0
    } else if share >= 0.005 {
        1
    } else {
        2
    }
}

/// A table.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// What it is called.
    pub title: String,
    /// What must be known to read it.
    pub about: String,
    /// Columns.
    pub head: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: &str, about: &str, head: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            about: about.to_owned(),
            head: head.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "## {}\n{}\n", self.title, self.about);
        let _ = writeln!(out, "| {} |", self.head.join(" | "));
        let _ = writeln!(out, "|{}", " --- |".repeat(self.head.len()));
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(Cell::shown).collect();
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of what was measured.
    pub version: String,
    /// Hash of the guard's card.
    pub card: String,
    /// Commands that repeat it.
    pub commands: Vec<String>,
    /// Seeds of the worlds.
    pub seeds: Vec<u64>,
    /// Share of the worlds' accounts that were made.
    pub scale: f64,
    /// The tables.
    pub tables: Vec<Table>,
}

impl Report {
    /// The tables as Markdown. Times and memory of this machine stand in it, so it is not the same
    /// on another.
    pub fn markdown(&self) -> String {
        let mut out = String::from("# The guard, measured\n\n");
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "Written by `{}`; method and what flatters: README.md. Card `{}`, seeds {}, {:.0}% of \
             the accounts. Rates are shares with their 95% interval (Clopper, Pearson): a promise \
             is kept where the interval's far end keeps it. Numbers for machines: table.json.",
            self.commands.join("` and `"),
            self.card,
            seeds.join(", "),
            100.0 * self.scale,
        );
        for table in &self.tables {
            out.push('\n');
            out.push_str(&table.markdown());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_markdown() {
        let mut table = Table::new("One", "About it.", &["what", "rate"]);
        table.row(["all".into(), Rate { hits: 1, of: 2 }.into()]);
        table.row(["none".into(), Rate { hits: 0, of: 0 }.into()]);
        let report = Report {
            version: "0".into(),
            card: "c".into(),
            commands: vec!["sim evaluate".into()],
            seeds: vec![1],
            scale: 1.0,
            tables: vec![table],
        };
        let text = report.markdown();
        assert!(text.contains("| what | rate |\n| --- | --- |\n| all | 50% (1 to 99) |"));
        assert!(text.contains("| none | – |"));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["tables"][0]["rows"][0][1]["rate"]["of"], 2);
    }
}
