//! Items: what a student is asked, what its teacher sees instead, and an answer to learn. Read from a
//! file with one JSON document a line; a line that is none is named by its number.

use super::MOST_ITEMS;
use super::line::{LineError, Lines};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io::BufRead;

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its name, of one file's items each another.
    pub id: String,
    /// What the student is asked.
    pub student: Prompt,
    /// What the teacher is shown before the same answer; where it is left out, what the student is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Prompt>,
    /// The name of the further teacher whose it is; where it is left out, it is the job's own one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taught_by: Option<String>,
    /// An answer to learn off-policy, or to score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// An answer that is worse than that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
}

impl Item {
    /// What the student is asked.
    #[must_use]
    pub fn student(&self) -> &Prompt {
        &self.student
    }

    /// What the teacher is shown.
    #[must_use]
    pub fn teacher(&self) -> &Prompt {
        self.teacher.as_ref().unwrap_or(&self.student)
    }
}

/// A prompt: raw text, or messages that the model's own chat template renders, with the answer's
/// opening after them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Prompt {
    /// `{"text": "..."}`; spellings of control tokens in it stay text.
    Text {
        /// The text.
        text: String,
    },
    /// `{"messages": [...]}`
    Messages {
        /// The conversation.
        messages: Vec<Message>,
    },
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// Its text.
    pub content: String,
}

/// Reads a file of items.
///
/// # Errors
/// [`LineError::Line`] with the line's number: too long, no item, an id that was there before, more
/// than [`MOST_ITEMS`].
pub fn items(input: impl BufRead) -> Result<Vec<Item>, LineError> {
    let (mut out, mut seen) = (Vec::new(), HashSet::new());
    let mut lines = Lines::new(input);
    while let Some(item) = lines.read::<Item>()? {
        let wrong = |what: String| LineError::Line {
            number: lines.number(),
            what,
        };
        if !seen.insert(item.id.clone()) {
            return Err(wrong(format!("a second item with the id {:?}", item.id)));
        }
        if out.len() == MOST_ITEMS {
            return Err(wrong(format!("more than {MOST_ITEMS} items")));
        }
        out.push(item);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_and_bad_lines_named() {
        let text = concat!(
            r#"{"id":"a","student":{"text":"x"},"answer":"y"}"#,
            "\n\n",
            r#"{"id":"b","student":{"messages":[{"role":"user","content":"x"}]},"teacher":{"text":"long x"}}"#,
            "\n"
        );
        let read = items(text.as_bytes()).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].teacher(), &read[0].student);
        assert_eq!(
            read[1].teacher(),
            &Prompt::Text {
                text: "long x".into()
            }
        );
        for (bad, says) in [
            (
                text.to_owned() + text,
                "line 4: a second item with the id \"a\"",
            ),
            (text.to_owned() + "{", "line 4: "),
            (
                text.to_owned() + r#"{"id":"c","student":{"txt":"x"}}"#,
                "line 4: ",
            ),
        ] {
            let error = items(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
