//! Rows of data, and the prompts that are made of them. Templates hold `{field}` for a field of the
//! row; `{{` and `}}` are braces.

use std::path::Path;

use serde_json::{Map, Value};
use trainer::protocol::{Item, Message, Prompt};

use crate::error::{Error, Result};
use crate::spec::Data;

/// A row, and which line it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub id: String,
    /// Its fields.
    pub fields: Map<String, Value>,
    line: usize,
}

impl Row {
    /// A field as text; a value that is no text as JSON.
    pub fn text(&self, field: &str) -> Option<String> {
        self.fields.get(field).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

/// Reads a file's text: one JSON object a line.
///
/// # Errors
/// [`Error::Row`]: a line that is no object, a name that was there before, no line at all.
pub fn read(file: &Path, text: &str, id: &str) -> Result<Vec<Row>> {
    let wrong = |line: usize, what: String| Error::Row {
        file: file.to_owned(),
        line,
        what,
    };
    let mut rows = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let line_number = number + 1;
        let fields: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| wrong(line_number, format!("no JSON object: {error}")))?;
        let mut row = Row {
            id: String::new(),
            fields,
            line: line_number,
        };
        row.id = row.text(id).unwrap_or_else(|| line_number.to_string());
        if !seen.insert(row.id.clone()) {
            return Err(wrong(
                line_number,
                format!("the name {:?} was there before", row.id),
            ));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(wrong(1, "there are no rows".into()));
    }
    Ok(rows)
}

/// What the child reads, made of rows.
///
/// # Errors
/// [`Error::Row`]: a field that a template names is not in a row.
pub fn items(file: &Path, rows: &[Row], data: &Data) -> Result<Vec<Item>> {
    rows.iter()
        .map(|row| {
            let wrong = |what: String| Error::Row {
                file: file.to_owned(),
                line: row.line,
                what,
            };
            let prompt = |template: &str| -> Result<Prompt> {
                let text = fill(template, row).map_err(wrong)?;
                Ok(match data.chat {
                    true => Prompt::Messages {
                        messages: vec![Message {
                            role: "user".into(),
                            content: text,
                        }],
                    },
                    false => Prompt::Text { text },
                })
            };
            Ok(Item {
                id: row.id.clone(),
                student: prompt(&data.student)?,
                teacher: data.teacher.as_deref().map(prompt).transpose()?,
                taught_by: None,
                answer: None,
                rejected: None,
            })
        })
        .collect()
}

/// Items as the file that the child reads.
pub fn lines(items: &[Item]) -> String {
    let mut text = String::new();
    for item in items {
        text.push_str(&serde_json::to_string(item).unwrap_or_default());
        text.push('\n');
    }
    text
}

/// Fills a template.
///
/// # Errors
/// A field that the row lacks, a brace that is not closed; in words.
fn fill(template: &str, row: &Row) -> std::result::Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let name = rest.split_once('}').filter(|_| brace == "{");
        let Some((name, after)) = name else {
            return Err(format!(
                "the template has a single `{brace}`; write `{brace}{brace}` for a brace"
            ));
        };
        let value = row.text(name);
        out.push_str(&value.ok_or_else(|| format!("the row has no field `{name}`"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &str) -> Row {
        read(Path::new("x"), json, "id").unwrap().remove(0)
    }

    #[test]
    fn templates_are_filled_and_faults_named() {
        let row = row(r#"{"id":"a","text":"Ada","n":3}"#);
        assert_eq!(fill("{text}: {n} {{}}", &row).unwrap(), "Ada: 3 {}");
        for (bad, says) in [
            ("{no}", "`no`"),
            ("{text", "single `{`"),
            ("}", "single `}`"),
        ] {
            assert!(fill(bad, &row).unwrap_err().contains(says), "{bad}");
        }
    }

    #[test]
    fn bad_rows_are_named_by_their_line() {
        let said = |text: &str| read(Path::new("x"), text, "id").unwrap_err().to_string();
        assert!(said("{}\n\n[]").starts_with("x:3: no JSON object"));
        assert!(said("{\"id\":1}\n{\"id\":1}").contains("x:2: the name \"1\""));
        assert!(said("\n").contains("there are no rows"));
    }
}
