//! One row of data, as a line of JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user`, `assistant` or whatever the template knows.
    pub role: String,
    /// Its text.
    pub content: String,
}

/// A row. What it does not know stays in `others`, so that templates can use it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Row {
    /// Its name among the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is asked, as one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What is asked, as a conversation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why the answer ended, as the API said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// All other fields.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Row {
    /// Reads a line. A conversation that ends with the assistant's words ends with the answer, as in
    /// OpenAI's training files.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut row: Self = serde_json::from_str(line).map_err(|e| e.to_string())?;
        if row.answer.is_none() {
            let answer = row.messages.pop_if(|last| last.role == "assistant");
            row.answer = answer.map(|last| last.content);
        }
        Ok(row)
    }

    /// A field as text: of strings the string, of others the JSON.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let known = match name {
            "id" => &self.id,
            "prompt" => &self.prompt,
            "answer" => &self.answer,
            "finish_reason" => &self.finish_reason,
            _ => {
                return self.others.get(name).map(|value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
            }
        };
        known.clone()
    }

    /// What is asked: the named fields, else the prompt, else what is not a system message (one is
    /// shared by all rows, and would make them alike). `None` where there is nothing of it.
    pub(crate) fn asked(&self, fields: &[String]) -> Option<String> {
        let texts: Vec<String> = match (fields, &self.prompt) {
            ([], Some(prompt)) => vec![prompt.clone()],
            ([], None) => {
                let spoken = self.messages.iter().filter(|m| m.role != "system");
                spoken.map(|m| m.content.clone()).collect()
            }
            (named, _) => named.iter().filter_map(|name| self.field(name)).collect(),
        };
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    /// Every text in it, wherever it stands.
    pub(super) fn texts(&self) -> String {
        let mut out = String::new();
        let mut add = |text: &str| {
            out.push_str(text);
            out.push('\n');
        };
        for text in [&self.prompt, &self.answer].into_iter().flatten() {
            add(text);
        }
        self.messages.iter().for_each(|m| add(&m.content));
        let mut left: Vec<&Value> = self.others.values().collect();
        while let Some(value) = left.pop() {
            match value {
                Value::String(text) => add(text),
                Value::Array(values) => left.extend(values),
                Value::Object(values) => left.extend(values.values()),
                _ => {}
            }
        }
        out
    }

    /// Its digest: of its JSON with sorted keys, so that it does not depend on how it was written.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        // A row holds strings, arrays and objects with text as keys: all of it is JSON.
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut text = String::new();
        canonical(&value, &mut text);
        blake3::hash(text.as_bytes()).into()
    }
}

/// JSON without spaces, keys sorted by bytes.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(values) => {
            out.push('[');
            for value in values {
                canonical(value, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(values) => {
            let mut pairs: Vec<(&String, &Value)> = values.iter().collect();
            pairs.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in pairs {
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}
