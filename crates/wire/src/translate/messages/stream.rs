//! Makes a message and its events from the pieces of a chat answer, as Anthropic's SDKs expect
//! them. A whole answer is what its stream adds up to.

use record::Usage;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::json;
use crate::translate::piece::{Finish, Piece};

/// One message in the making.
#[derive(Debug)]
pub(in crate::translate) struct Maker {
    id: String,
    model: String,
    blocks: Vec<Block>,
    open: bool,
    finish: Option<Finish>,
    started: bool,
    events: u64,
}

/// A block and what it holds so far.
#[derive(Debug)]
enum Block {
    Thinking(String),
    Text(String),
    ToolUse {
        id: String,
        name: String,
        input: String,
    },
}

/// A block as it is written.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Written<'a> {
    Thinking {
        thinking: &'a str,
        signature: &'static str,
    },
    Text {
        text: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Input,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Input {
    Given(Box<RawValue>),
    Empty {},
    /// Anthropic's own way to hand over arguments that are not JSON.
    Invalid {
        #[serde(rename = "INVALID_JSON")]
        text: String,
    },
}

impl Input {
    fn read(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Empty {};
        }
        match json::compact(text) {
            Some(raw) if raw.get().starts_with('{') => Self::Given(raw),
            _ => Self::Invalid { text: text.into() },
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Written<'a>>,
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
    usage: Option<UsageObject>,
}

#[derive(Serialize)]
struct UsageObject {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
}

impl From<Usage> for UsageObject {
    fn from(usage: Usage) -> Self {
        Self {
            // Anthropic's `input_tokens` are those that the cache had no part in.
            input_tokens: usage.input.saturating_sub(usage.cached_input),
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: usage.cached_input,
            output_tokens: usage.output,
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    MessageStart {
        message: Message<'a>,
    },
    ContentBlockStart {
        index: usize,
        content_block: Written<'a>,
    },
    ContentBlockDelta {
        index: usize,
        delta: Delta<'a>,
    },
    ContentBlockStop {
        index: usize,
    },
    MessageDelta {
        delta: Stop<'a>,
        usage: Option<UsageObject>,
    },
    MessageStop,
}

#[derive(Serialize)]
struct Stop<'a> {
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
}

impl Event<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }
}

fn write(out: &mut Vec<u8>, events: &mut u64, event: &Event<'_>) {
    *events += 1;
    json::write_event(out, Some(event.name()), event);
}

impl Maker {
    pub(super) const fn new(id: String, model: String) -> Self {
        Self {
            id,
            model,
            blocks: Vec::new(),
            open: false,
            finish: None,
            started: false,
            events: 0,
        }
    }

    /// Events written so far.
    pub(in crate::translate) const fn sequence(&self) -> u64 {
        self.events
    }

    /// Takes pieces and writes their events.
    pub(in crate::translate) fn take(&mut self, pieces: Vec<Piece>, out: &mut Vec<u8>) {
        self.start(out);
        for piece in pieces {
            match piece {
                Piece::Reasoning(text) => {
                    if !matches!(self.current(), Some(Block::Thinking(_))) {
                        self.open(Block::Thinking(String::new()), out);
                    }
                    self.append(&text, out);
                }
                Piece::Text(text, _) => {
                    if !matches!(self.current(), Some(Block::Text(_))) {
                        self.open(Block::Text(String::new()), out);
                    }
                    self.append(&text, out);
                }
                Piece::Call { id, name } => {
                    let input = String::new();
                    self.open(Block::ToolUse { id, name, input }, out);
                }
                Piece::Arguments(text) => self.append(&text, out),
                Piece::Finish(finish) => self.finish = Some(finish),
            }
        }
    }

    /// Ends the message: closes what is open and writes the last two events.
    pub(in crate::translate) fn end(&mut self, usage: Option<Usage>, out: &mut Vec<u8>) {
        self.start(out);
        self.close(out);
        let (stop_reason, stop_sequence) = self.stop();
        let delta = Stop {
            stop_reason: Some(stop_reason),
            stop_sequence,
        };
        let usage = usage.map(Into::into);
        let mut events = self.events;
        write(out, &mut events, &Event::MessageDelta { delta, usage });
        write(out, &mut events, &Event::MessageStop);
        self.events = events;
    }

    /// The whole message, after `end`. A usage that the upstream did not state is `null`.
    pub(in crate::translate) fn whole(&self, usage: Option<Usage>) -> bytes::Bytes {
        let (stop_reason, stop_sequence) = self.stop();
        let message = Message {
            content: self.blocks.iter().map(written).collect(),
            stop_reason: Some(stop_reason),
            stop_sequence,
            usage: usage.map(Into::into),
            ..self.message()
        };
        json::bytes(&message)
    }

    fn message(&self) -> Message<'_> {
        Message {
            id: &self.id,
            kind: "message",
            role: "assistant",
            model: &self.model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: None,
        }
    }

    fn stop(&self) -> (&'static str, Option<&str>) {
        let calls = self
            .blocks
            .iter()
            .any(|block| matches!(block, Block::ToolUse { .. }));
        match &self.finish {
            Some(Finish::Length) => ("max_tokens", None),
            Some(Finish::Filter) => ("refusal", None),
            Some(Finish::StopText(text)) => ("stop_sequence", Some(text)),
            Some(Finish::Stop) | None if calls => ("tool_use", None),
            Some(Finish::Stop) | None => ("end_turn", None),
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        // The API has numbers here; the true ones come with `message_delta`, and the SDKs take
        // those over.
        let usage = UsageObject {
            input_tokens: 0,
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: 0,
            output_tokens: 0,
        };
        let message = Message {
            usage: Some(usage),
            ..self.message()
        };
        let mut events = self.events;
        write(out, &mut events, &Event::MessageStart { message });
        self.events = events;
    }

    fn current(&self) -> Option<&Block> {
        self.blocks.last().filter(|_| self.open)
    }

    fn open(&mut self, block: Block, out: &mut Vec<u8>) {
        self.close(out);
        let event = Event::ContentBlockStart {
            index: self.blocks.len(),
            content_block: written(&block),
        };
        write(out, &mut self.events, &event);
        self.blocks.push(block);
        self.open = true;
    }

    fn append(&mut self, more: &str, out: &mut Vec<u8>) {
        let index = self.blocks.len().saturating_sub(1);
        let Some(block) = self.blocks.last_mut().filter(|_| self.open) else {
            return;
        };
        let delta = match block {
            Block::Thinking(text) => {
                text.push_str(more);
                Delta::Thinking { thinking: more }
            }
            Block::Text(text) => {
                text.push_str(more);
                Delta::Text { text: more }
            }
            Block::ToolUse { input, .. } => {
                input.push_str(more);
                Delta::InputJson { partial_json: more }
            }
        };
        write(
            out,
            &mut self.events,
            &Event::ContentBlockDelta { index, delta },
        );
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.open) {
            let index = self.blocks.len() - 1;
            write(out, &mut self.events, &Event::ContentBlockStop { index });
        }
    }
}

fn written(block: &Block) -> Written<'_> {
    match block {
        Block::Thinking(thinking) => Written::Thinking {
            thinking,
            signature: "",
        },
        Block::Text(text) => Written::Text { text },
        Block::ToolUse { id, name, input } => Written::ToolUse {
            id,
            name,
            input: Input::read(input),
        },
    }
}
