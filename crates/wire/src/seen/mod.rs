//! What requests and answers say, as borrowed pieces for the guard's digest.
//! A reader of bodies that were judged elsewhere: it refuses nothing. What it does not know is
//! counted (`unread`) and left out. Texts without escapes are borrowed from the body.

mod answer;
pub(crate) mod raw;
mod request;

use std::borrow::Cow;

use record::{Endpoint, Part, Piece, SaidAnswer, SaidRequest, Speaker};

use self::raw::Raw;

/// Reads a request's body; a body that is not a JSON object in UTF-8 is one unread part.
///
/// Of a key that stands twice the last one counts, as in most JSON readers.
pub fn request<'a>(endpoint: &Endpoint, body: &'a [u8]) -> SaidRequest<'a> {
    let mut said = SaidRequest::default();
    match std::str::from_utf8(body).ok().and_then(Raw::read) {
        Some(body) => request::read(endpoint, body, &mut said),
        None => said.unread = 1,
    }
    said
}

/// Reads the body of a whole answer, streams put together; likewise. An empty body says nothing.
pub fn answer<'a>(endpoint: &Endpoint, body: &'a [u8]) -> SaidAnswer<'a> {
    let mut said = SaidAnswer::default();
    if body.is_empty() {
        return said;
    }
    match std::str::from_utf8(body).ok().and_then(Raw::read) {
        Some(body) => answer::read(endpoint, body, &mut said),
        None => said.unread = 1,
    }
    said
}

/// Pieces as they are gathered, and how many parts were not understood.
struct Pieces<'p, 'a> {
    out: &'p mut Vec<Piece<'a>>,
    unread: &'p mut u32,
    speaker: Speaker,
    turn: u32,
}

impl<'a> Pieces<'_, 'a> {
    fn push(&mut self, part: Part, text: Cow<'a, str>) {
        self.out.push(Piece {
            speaker: self.speaker,
            part,
            turn: self.turn,
            text,
        });
    }

    fn unread(&mut self) {
        *self.unread = self.unread.saturating_add(1);
    }

    /// A string, or JSON that takes a string's place (the input of a tool).
    fn text(&mut self, part: Part, raw: Raw<'a>) {
        match raw.text() {
            Some(text) => self.push(part, text),
            None if raw.is_null() => {}
            None => self.push(part, Cow::Borrowed(raw.json())),
        }
    }

    /// A message's content: a string, or a list of parts of any API.
    fn content(&mut self, raw: Raw<'a>) {
        if let Some(text) = raw.text() {
            self.push(Part::Text, text);
        } else if !raw.is_null() && !raw.items(|item| self.part(item)) {
            self.unread();
        }
    }

    fn part(&mut self, raw: Raw<'a>) {
        if let Some(text) = raw.text() {
            return self.push(Part::Text, text);
        }
        let (mut kind, mut text, mut name) = (Cow::Borrowed(""), None, None);
        let object = raw.members(|key, value| match key {
            "type" => kind = value.text().unwrap_or_default(),
            "text" | "thinking" | "refusal" | "arguments" | "input" | "content" | "output"
            | "summary" => text = Some(value),
            "name" => name = Some(value),
            _ => {}
        });
        if !object {
            return self.unread();
        }
        let before = self.speaker;
        match (kind.as_ref(), text) {
            ("text" | "input_text" | "output_text" | "refusal", Some(text)) => {
                self.text(Part::Text, text);
            }
            ("thinking" | "reasoning_text" | "summary_text", Some(text)) => {
                self.text(Part::Reasoning, text);
            }
            ("redacted_thinking", _) => {}
            ("tool_use" | "server_tool_use", _) => self.call(name, text),
            ("tool_result", Some(text)) => {
                self.speaker = Speaker::Tool;
                self.content(text);
            }
            ("tool_result", None) => {}
            (
                "image" | "image_url" | "input_image" | "input_audio" | "audio" | "video_url"
                | "file" | "input_file" | "document",
                _,
            ) => self.push(Part::Media, Cow::Borrowed("")),
            _ => self.unread(),
        }
        self.speaker = before;
    }

    fn call(&mut self, name: Option<Raw<'a>>, arguments: Option<Raw<'a>>) {
        for raw in [name, arguments].into_iter().flatten() {
            self.text(Part::Call, raw);
        }
    }

    /// `tool_calls` of a chat message.
    fn calls(&mut self, raw: Raw<'a>) {
        let list = raw.items(|item| {
            let mut function = None;
            item.members(|key, value| {
                if matches!(key, "function" | "custom") {
                    function = Some(value);
                }
            });
            match function {
                Some(function) => self.function(function),
                None => self.unread(),
            }
        });
        if !list && !raw.is_null() {
            self.unread();
        }
    }

    fn function(&mut self, raw: Raw<'a>) {
        let (mut name, mut arguments) = (None, None);
        let object = raw.members(|key, value| match key {
            "name" => name = Some(value),
            "arguments" | "input" => arguments = Some(value),
            _ => {}
        });
        if object {
            self.call(name, arguments);
        } else if !raw.is_null() {
            self.unread();
        }
    }

    /// A chat message, or the message of a chat choice; the speaker is already known.
    fn chat(&mut self, raw: Raw<'a>) -> bool {
        raw.members(|key, value| match key {
            "content" | "refusal" => self.content(value),
            "reasoning_content" | "reasoning" => self.text(Part::Reasoning, value),
            "tool_calls" => self.calls(value),
            "function_call" => self.function(value),
            "audio" if !value.is_null() => self.push(Part::Media, Cow::Borrowed("")),
            _ => {}
        })
    }
}

fn speaker(role: &str) -> Speaker {
    match role {
        "system" | "developer" => Speaker::System,
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        "tool" | "function" => Speaker::Tool,
        _ => Speaker::Other,
    }
}

#[cfg(test)]
mod tests;
