//! A row as a conversation.

use crate::curate::{Message, Row};
use serde::Serialize;

/// A conversation, as OpenAI's training files hold one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Turns {
    /// What is asked; then the answer, where there is one.
    pub messages: Vec<Message>,
}

impl Turns {
    /// What is asked in the row (the fields of `text`, as in [`crate::curate::Settings::text`]) and
    /// its answer, as messages.
    #[must_use]
    pub fn of(row: &Row, text: &[String]) -> Self {
        let message = |role: &str, content: String| Message {
            role: role.into(),
            content,
        };
        let mut messages = match (text, &row.prompt) {
            ([], None) => row.messages.clone(),
            _ => row
                .asked(text)
                .map(|asked| message("user", asked))
                .into_iter()
                .collect(),
        };
        messages.extend(row.answer.iter().map(|a| message("assistant", a.clone())));
        Self { messages }
    }
}

/// The row as a line of OpenAI's training files, without the line's end.
#[must_use]
pub fn chat_line(row: &Row, text: &[String]) -> String {
    // Texts alone: all of it is JSON.
    serde_json::to_string(&Turns::of(row, text)).unwrap_or_default()
}
