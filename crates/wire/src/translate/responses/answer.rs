//! The response object and its items, as the official SDKs expect them.

use record::Usage;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::translate::piece::Finish;

/// What the answer repeats of its request.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) model: String,
    pub(super) instructions: Option<String>,
    pub(super) max_output_tokens: Option<u32>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_logprobs: Option<u32>,
    pub(super) tools: Vec<Box<RawValue>>,
    pub(super) tool_choice: Option<Box<RawValue>>,
    pub(super) parallel_tool_calls: bool,
    pub(super) format: Option<Box<RawValue>>,
    pub(super) effort: Option<String>,
    pub(super) store: bool,
    pub(super) user: Option<String>,
    pub(super) metadata: Option<Box<RawValue>>,
}

/// How far a response or an item of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

/// The status that an end gives, and why the answer is not whole.
pub(super) const fn ended(finish: &Finish) -> (Status, Option<Incomplete>) {
    let reason = match finish {
        Finish::Stop | Finish::StopText(_) => return (Status::Completed, None),
        Finish::Length => "max_output_tokens",
        Finish::Filter => "content_filter",
    };
    (Status::Incomplete, Some(Incomplete { reason }))
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Incomplete {
    reason: &'static str,
}

/// An empty list, where a field must be there and has nothing in it.
type Nothing = [(); 0];

/// One item of the output.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item {
    Reasoning {
        id: String,
        summary: Nothing,
        content: Vec<Part>,
        status: Status,
    },
    Message {
        id: String,
        status: Status,
        role: &'static str,
        content: Vec<Part>,
    },
    FunctionCall {
        id: String,
        status: Status,
        call_id: String,
        name: String,
        arguments: String,
    },
}

impl Item {
    pub(super) fn reasoning(id: String) -> Self {
        Self::Reasoning {
            id,
            summary: [],
            content: Vec::new(),
            status: Status::InProgress,
        }
    }

    pub(super) fn message(id: String) -> Self {
        Self::Message {
            id,
            status: Status::InProgress,
            role: "assistant",
            content: Vec::new(),
        }
    }

    pub(super) fn call(id: String, call_id: String, name: String) -> Self {
        Self::FunctionCall {
            id,
            status: Status::InProgress,
            call_id,
            name,
            arguments: String::new(),
        }
    }

    pub(super) fn id(&self) -> &str {
        match self {
            Self::Reasoning { id, .. } | Self::Message { id, .. } => id,
            Self::FunctionCall { id, .. } => id,
        }
    }

    pub(super) fn set_status(&mut self, new: Status) {
        match self {
            Self::Reasoning { status, .. }
            | Self::Message { status, .. }
            | Self::FunctionCall { status, .. } => *status = new,
        }
    }

    /// The part that holds its text, if it is not a call.
    pub(super) fn part(&self) -> Option<&Part> {
        match self {
            Self::Reasoning { content, .. } | Self::Message { content, .. } => content.first(),
            Self::FunctionCall { .. } => None,
        }
    }

    pub(super) fn content(&mut self) -> Option<&mut Vec<Part>> {
        match self {
            Self::Reasoning { content, .. } | Self::Message { content, .. } => Some(content),
            Self::FunctionCall { .. } => None,
        }
    }
}

/// A part of a message or of reasoning.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part {
    OutputText {
        text: String,
        annotations: Nothing,
        logprobs: Vec<Box<RawValue>>,
    },
    ReasoningText {
        text: String,
    },
}

impl Part {
    pub(super) const fn output_text() -> Self {
        Self::OutputText {
            text: String::new(),
            annotations: [],
            logprobs: Vec::new(),
        }
    }

    pub(super) const fn reasoning_text() -> Self {
        Self::ReasoningText {
            text: String::new(),
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::OutputText { text, .. } | Self::ReasoningText { text } => text,
        }
    }
}

/// The response object.
#[derive(Debug, Serialize)]
pub(super) struct Response<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: Status,
    background: bool,
    error: Option<()>,
    incomplete_details: Option<Incomplete>,
    instructions: Option<&'a str>,
    max_output_tokens: Option<u32>,
    model: &'a str,
    output: &'a [Item],
    parallel_tool_calls: bool,
    previous_response_id: Option<()>,
    reasoning: Reasoning<'a>,
    store: bool,
    temperature: Option<f64>,
    text: Text<'a>,
    tool_choice: ToolChoice<'a>,
    tools: &'a [Box<RawValue>],
    top_logprobs: u32,
    top_p: Option<f64>,
    truncation: &'static str,
    usage: Option<UsageObject>,
    user: Option<&'a str>,
    metadata: Metadata<'a>,
}

#[derive(Debug, Serialize)]
struct Reasoning<'a> {
    effort: Option<&'a str>,
    summary: Option<()>,
}

#[derive(Debug, Serialize)]
struct Text<'a> {
    format: Format<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Format<'a> {
    Given(&'a RawValue),
    Plain {
        #[serde(rename = "type")]
        kind: &'static str,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ToolChoice<'a> {
    Given(&'a RawValue),
    Word(&'static str),
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Metadata<'a> {
    Given(&'a RawValue),
    Empty {},
}

#[derive(Debug, Serialize)]
struct UsageObject {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Debug, Serialize)]
struct InputDetails {
    cached_tokens: u64,
}

#[derive(Debug, Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl From<Usage> for UsageObject {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input,
            input_tokens_details: InputDetails {
                cached_tokens: usage.cached_input,
            },
            output_tokens: usage.output,
            output_tokens_details: OutputDetails {
                reasoning_tokens: usage.reasoning,
            },
            total_tokens: usage.input.saturating_add(usage.output),
        }
    }
}

impl Settings {
    /// The response as it stands. `finish`: how it ended, if it has; a usage that the upstream
    /// did not state is `null`, not 0.
    pub(super) fn response<'a>(
        &'a self,
        id: &'a str,
        created_at: u64,
        output: &'a [Item],
        finish: Option<&Finish>,
        usage: Option<Usage>,
    ) -> Response<'a> {
        let (status, incomplete_details) = finish.map_or((Status::InProgress, None), ended);
        Response {
            id,
            object: "response",
            created_at,
            status,
            background: false,
            error: None,
            incomplete_details,
            instructions: self.instructions.as_deref(),
            max_output_tokens: self.max_output_tokens,
            model: &self.model,
            output,
            parallel_tool_calls: self.parallel_tool_calls,
            previous_response_id: None,
            reasoning: Reasoning {
                effort: self.effort.as_deref(),
                summary: None,
            },
            store: self.store,
            temperature: self.temperature,
            text: Text {
                format: match &self.format {
                    Some(raw) => Format::Given(raw),
                    None => Format::Plain { kind: "text" },
                },
            },
            tool_choice: match &self.tool_choice {
                Some(raw) => ToolChoice::Given(raw),
                None => ToolChoice::Word("auto"),
            },
            tools: &self.tools,
            top_logprobs: self.top_logprobs.unwrap_or(0),
            top_p: self.top_p,
            truncation: "disabled",
            usage: usage.map(Into::into),
            user: self.user.as_deref(),
            metadata: match &self.metadata {
                Some(raw) => Metadata::Given(raw),
                None => Metadata::Empty {},
            },
        }
    }
}
