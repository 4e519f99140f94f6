//! Requests of every endpoint whose texts are known, to pieces and parameters.

use std::borrow::Cow;

use record::{Endpoint, Form, Part, SaidRequest, Speaker};

use super::raw::Raw;
use super::{Pieces, speaker};

pub(super) fn read<'a>(endpoint: &Endpoint, body: Raw<'a>, said: &mut SaidRequest<'a>) {
    said.parameters.prompts = 1;
    let mut reader = Reader {
        endpoint,
        said,
        system: None,
        best_of: 0,
        chat_logprobs: false,
        top: None,
        echo: false,
    };
    // System texts stand before the messages, wherever the body has them.
    if !body.members(|key, value| reader.early(key, value)) {
        reader.said.unread = reader.said.unread.saturating_add(1);
        return;
    }
    body.members(|key, value| reader.late(key, value));
    reader.settle();
}

struct Reader<'r, 'a> {
    endpoint: &'r Endpoint,
    said: &'r mut SaidRequest<'a>,
    system: Option<Raw<'a>>,
    best_of: u32,
    chat_logprobs: bool,
    top: Option<u8>,
    echo: bool,
}

impl<'a> Reader<'_, 'a> {
    fn pieces(&mut self, speaker: Speaker, turn: u32) -> Pieces<'_, 'a> {
        Pieces {
            out: &mut self.said.pieces,
            unread: &mut self.said.unread,
            speaker,
            turn,
        }
    }

    fn unread(&mut self) {
        self.said.unread = self.said.unread.saturating_add(1);
    }

    fn early(&mut self, key: &str, value: Raw<'a>) {
        if value.is_null() {
            return;
        }
        match key {
            "system" | "instructions" => self.system = Some(value),
            _ => self.parameter(key, value),
        }
    }

    fn parameter(&mut self, key: &str, value: Raw<'a>) {
        let parameters = &mut self.said.parameters;
        match key {
            "model" => self.said.model = value.text().unwrap_or_default(),
            "n" => parameters.n = value.count().unwrap_or(0),
            "best_of" => self.best_of = value.count().unwrap_or(0),
            "max_tokens" | "max_completion_tokens" | "max_output_tokens" | "n_predict" => {
                parameters.max_tokens = parameters.max_tokens.max(value.count());
            }
            "temperature" => {
                parameters.temperature = value.number().map(|t| (t * 100.0).round() as u16)
            }
            "top_p" => parameters.top_p = value.number().map(|p| (p * 1000.0).round() as u16),
            "logprobs" if *self.endpoint == Endpoint::Completions => {
                self.top = self.top.max(value.count().map(narrow));
            }
            "logprobs" => self.chat_logprobs = value.flag(),
            "top_logprobs" | "n_probs" => self.top = self.top.max(value.count().map(narrow)),
            "prompt_logprobs" => parameters.prompt_logprobs = true,
            "echo" => self.echo = value.flag(),
            "include" => {
                value.items(|item| match item.text().as_deref() {
                    Some("message.output_text.logprobs") => self.chat_logprobs = true,
                    Some("reasoning.encrypted_content") => {
                        self.said.parameters.reasoning = true;
                    }
                    _ => {}
                });
            }
            "logit_bias" => parameters.logit_bias = value.len(),
            "seed" => parameters.seed = true,
            "stop" | "stop_sequences" => parameters.stop = value.first() == b'"' || value.len() > 0,
            "stream" => parameters.stream = value.flag(),
            "reasoning" | "thinking" => parameters.reasoning |= reasons(value),
            "reasoning_effort" => parameters.reasoning |= value.json() != "\"none\"",
            "response_format" => self.format(value),
            "text" => {
                value.members(|key, value| {
                    if key == "format" {
                        self.format(value);
                    }
                });
            }
            "tools" | "functions" => {
                parameters.tools = value.len();
                self.said.tools = (parameters.tools > 0).then(|| value.json());
            }
            _ => {}
        }
    }

    fn format(&mut self, raw: Raw<'a>) {
        let (mut form, mut schema) = (Form::Text, None);
        raw.members(|key, value| match key {
            "type" => {
                form = match value.text().as_deref() {
                    Some("json_object") => Form::Json,
                    Some("json_schema") => Form::Schema,
                    _ => Form::Text,
                }
            }
            "json_schema" | "schema" => schema = Some(value.json()),
            _ => {}
        });
        self.said.parameters.form = form;
        self.said.schema = schema;
    }

    /// What is said: after the system's texts, which are at hand by now.
    fn late(&mut self, key: &str, value: Raw<'a>) {
        match (key, self.endpoint) {
            ("messages", Endpoint::Chat | Endpoint::Messages | Endpoint::CountTokens) => {
                self.lead();
                self.messages(value);
            }
            ("input", Endpoint::Responses) => {
                self.lead();
                self.input(value);
            }
            ("prompt", Endpoint::Completions) | ("input", Endpoint::Embeddings) => {
                self.prompts(value);
            }
            // A listed path may have any shape; the usual one is read.
            ("messages", Endpoint::Listed(_)) => self.messages(value),
            _ => {}
        }
    }

    fn lead(&mut self) {
        if let Some(system) = self.system.take() {
            self.pieces(Speaker::System, 0).content(system);
        }
    }

    fn messages(&mut self, raw: Raw<'a>) {
        let mut turn = 0_u32;
        let list = raw.items(|item| {
            turn = turn.saturating_add(1);
            let mut role = None;
            item.members(|key, value| {
                if key == "role" {
                    role = value.text();
                }
            });
            let mut pieces = self.pieces(speaker(role.as_deref().unwrap_or_default()), turn);
            if !pieces.chat(item) {
                pieces.unread();
            }
        });
        if !list {
            self.unread();
        }
    }

    /// `input` of Responses: a text, or a list of messages and other items.
    fn input(&mut self, raw: Raw<'a>) {
        if let Some(text) = raw.text() {
            return self.pieces(Speaker::User, 1).push(Part::Text, text);
        }
        let mut turn = 0_u32;
        let list = raw.items(|item| {
            turn = turn.saturating_add(1);
            let (mut role, mut kind) = (None, Cow::Borrowed("message"));
            item.members(|key, value| match key {
                "role" => role = value.text(),
                "type" => kind = value.text().unwrap_or_default(),
                _ => {}
            });
            let mut pieces = self.pieces(speaker(role.as_deref().unwrap_or("user")), turn);
            super::answer::item(&mut pieces, kind.as_ref(), item);
        });
        if !list {
            self.unread();
        }
    }

    /// A text, a list of texts, token ids, or a list of such lists: each prompt is a turn.
    fn prompts(&mut self, raw: Raw<'a>) {
        if let Some(text) = raw.text() {
            return self.pieces(Speaker::User, 1).push(Part::Text, text);
        }
        let (mut prompts, mut ids) = (0_u32, false);
        let list = raw.items(|item| match item.text() {
            Some(text) => {
                prompts = prompts.saturating_add(1);
                self.pieces(Speaker::User, prompts).push(Part::Text, text);
            }
            None if item.first() == b'[' => {
                prompts = prompts.saturating_add(1);
                self.pieces(Speaker::User, prompts)
                    .push(Part::Ids, Cow::Borrowed(""));
            }
            None if item.first().is_ascii_digit() => ids = true,
            None => self.unread(),
        });
        if ids {
            prompts = prompts.saturating_add(1);
            self.pieces(Speaker::User, prompts)
                .push(Part::Ids, Cow::Borrowed(""));
        }
        if !list && !raw.is_null() {
            self.unread();
        }
        self.said.parameters.prompts = prompts;
    }

    fn settle(&mut self) {
        self.lead();
        let parameters = &mut self.said.parameters;
        parameters.n = parameters.n.max(self.best_of);
        let asked = self.chat_logprobs.then_some(0);
        parameters.logprobs = self.top.max(asked);
        parameters.prompt_logprobs |= self.echo && parameters.logprobs.is_some();
    }
}

fn narrow(count: u32) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

fn reasons(raw: Raw<'_>) -> bool {
    let mut off = false;
    let object = raw.members(|key, value| {
        off |= match key {
            "type" | "effort" => {
                matches!(value.text().as_deref(), Some("disabled" | "none"))
            }
            "enabled" => value.json() == "false",
            "exclude" => value.flag(),
            _ => false,
        };
    });
    object && !off
}
