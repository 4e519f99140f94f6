//! Makes the events of a response from the pieces of a chat answer, in the order and with the
//! sequence numbers that the official SDKs expect. A whole answer is its stream's last object.

use record::{Time, Usage};
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::{Item, Part, Response, Settings, Status, ended};
use crate::json;
use crate::translate::piece::{Finish, Piece};

/// One response in the making.
#[derive(Debug)]
pub(in crate::translate) struct Maker {
    settings: Settings,
    id: String,
    created: Time,
    /// Whole items; the last may be open.
    output: Vec<Item>,
    open: bool,
    finish: Option<Finish>,
    started: bool,
    sequence: u64,
}

#[derive(Default, Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Response<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<&'a Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<&'a [Box<RawValue>]>,
}

/// Writes an event with the next number.
fn write(out: &mut Vec<u8>, sequence: &mut u64, event: Event<'_>) {
    let event = Event {
        sequence_number: *sequence,
        ..event
    };
    *sequence += 1;
    json::write_event(out, Some(event.kind), &event);
}

impl Maker {
    pub(super) const fn new(settings: Settings, id: String, created: Time) -> Self {
        Self {
            settings,
            id,
            created,
            output: Vec::new(),
            open: false,
            finish: None,
            started: false,
            sequence: 0,
        }
    }

    /// The number of the next event.
    pub(in crate::translate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Takes pieces and writes their events.
    pub(in crate::translate) fn take(&mut self, pieces: Vec<Piece>, out: &mut Vec<u8>) {
        self.start(out);
        for piece in pieces {
            match piece {
                Piece::Reasoning(text) => {
                    if !matches!(self.current(), Some(Item::Reasoning { .. })) {
                        let id = self.item_id("rs");
                        self.open(Item::reasoning(id), Some(Part::reasoning_text()), out);
                    }
                    self.append(&text, Vec::new(), out);
                }
                Piece::Text(text, logprobs) => {
                    if !matches!(self.current(), Some(Item::Message { .. })) {
                        let id = self.item_id("msg");
                        self.open(Item::message(id), Some(Part::output_text()), out);
                    }
                    self.append(&text, logprobs, out);
                }
                Piece::Call { id, name } => {
                    let item_id = self.item_id("fc");
                    self.open(Item::call(item_id, id, name), None, out);
                }
                Piece::Arguments(text) => self.append(&text, Vec::new(), out),
                Piece::Finish(finish) => self.finish = Some(finish),
            }
        }
    }

    /// Ends the response: closes what is open and writes the last event.
    pub(in crate::translate) fn end(&mut self, usage: Option<Usage>, out: &mut Vec<u8>) {
        self.start(out);
        let finish = self.finish.get_or_insert(Finish::Stop).clone();
        let (status, _) = ended(&finish);
        self.close(status, out);
        let kind = match status {
            Status::Incomplete => "response.incomplete",
            _ => "response.completed",
        };
        let Self {
            settings,
            id,
            created,
            output,
            sequence,
            ..
        } = self;
        let response = settings.response(id, created.seconds(), output, Some(&finish), usage);
        let event = Event {
            kind,
            response: Some(response),
            ..Event::default()
        };
        write(out, sequence, event);
    }

    /// The whole response, after `end`.
    pub(in crate::translate) fn whole(&self, usage: Option<Usage>) -> bytes::Bytes {
        let seconds = self.created.seconds();
        let finish = self.finish.as_ref();
        json::bytes(
            &self
                .settings
                .response(&self.id, seconds, &self.output, finish, usage),
        )
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        for kind in ["response.created", "response.in_progress"] {
            let seconds = self.created.seconds();
            let event = Event {
                kind,
                response: Some(self.settings.response(&self.id, seconds, &[], None, None)),
                ..Event::default()
            };
            write(out, &mut self.sequence, event);
        }
    }

    fn current(&self) -> Option<&Item> {
        self.output.last().filter(|_| self.open)
    }

    fn item_id(&self, prefix: &str) -> String {
        let id = self.id.strip_prefix("resp_").unwrap_or(&self.id);
        // An open item is closed before the new one takes its place behind it.
        format!("{prefix}_{id}_{}", self.output.len())
    }

    fn open(&mut self, item: Item, part: Option<Part>, out: &mut Vec<u8>) {
        self.close(Status::Completed, out);
        self.open = true;
        self.output.push(item);
        let Self {
            output, sequence, ..
        } = self;
        let index = output.len() - 1;
        let item = &mut output[index];
        let added = Event {
            kind: "response.output_item.added",
            output_index: Some(index),
            item: Some(item),
            ..Event::default()
        };
        write(out, sequence, added);
        if let Some(part) = part {
            let added = Event {
                kind: "response.content_part.added",
                item_id: Some(item.id()),
                output_index: Some(index),
                content_index: Some(0),
                part: Some(&part),
                ..Event::default()
            };
            write(out, sequence, added);
            if let Some(content) = item.content() {
                content.push(part);
            }
        }
    }

    /// More text or arguments for the open item.
    fn append(&mut self, more: &str, logprobs: Vec<Box<RawValue>>, out: &mut Vec<u8>) {
        let index = self.output.len().saturating_sub(1);
        let Some(item) = self.output.last_mut().filter(|_| self.open) else {
            return;
        };
        let (kind, content_index, logprobs_now) = match item {
            Item::FunctionCall { arguments, .. } => {
                arguments.push_str(more);
                ("response.function_call_arguments.delta", None, None)
            }
            Item::Reasoning { content, .. } => {
                if let Some(Part::ReasoningText { text }) = content.first_mut() {
                    text.push_str(more);
                }
                ("response.reasoning_text.delta", Some(0), None)
            }
            Item::Message { content, .. } => {
                if let Some(Part::OutputText {
                    text,
                    logprobs: all,
                    ..
                }) = content.first_mut()
                {
                    text.push_str(more);
                    all.extend(logprobs.iter().cloned());
                }
                ("response.output_text.delta", Some(0), Some(&logprobs[..]))
            }
        };
        let event = Event {
            kind,
            item_id: Some(item.id()),
            output_index: Some(index),
            content_index,
            delta: Some(more),
            logprobs: logprobs_now,
            ..Event::default()
        };
        write(out, &mut self.sequence, event);
    }

    fn close(&mut self, status: Status, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let index = self.output.len() - 1;
        let Self {
            output, sequence, ..
        } = self;
        let item = &mut output[index];
        item.set_status(status);
        let place = || Event {
            item_id: Some(item.id()),
            output_index: Some(index),
            ..Event::default()
        };
        if let Item::FunctionCall {
            name, arguments, ..
        } = &*item
        {
            let done = Event {
                kind: "response.function_call_arguments.done",
                name: Some(name),
                arguments: Some(arguments),
                ..place()
            };
            write(out, sequence, done);
        }
        if let Some(part) = item.part() {
            let (kind, logprobs) = match part {
                Part::OutputText { logprobs, .. } => {
                    ("response.output_text.done", Some(&logprobs[..]))
                }
                Part::ReasoningText { .. } => ("response.reasoning_text.done", None),
            };
            let done = Event {
                kind,
                content_index: Some(0),
                text: Some(part.text()),
                logprobs,
                ..place()
            };
            write(out, sequence, done);
            let done = Event {
                kind: "response.content_part.done",
                content_index: Some(0),
                part: Some(part),
                ..place()
            };
            write(out, sequence, done);
        }
        let done = Event {
            kind: "response.output_item.done",
            output_index: Some(index),
            item: Some(item),
            ..Event::default()
        };
        write(out, sequence, done);
    }
}
