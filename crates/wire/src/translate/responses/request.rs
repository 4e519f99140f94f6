//! From a request of the Responses API to a chat request. What chat completions can't do is
//! refused with its name; nothing that changes an answer is passed over in silence.

use serde_json::value::RawValue;

use super::answer::Settings;
use crate::error::ApiError;
use crate::fields::{Fields, wrong_value};
use crate::json::compact;
use crate::policy::INCLUDE_LOGPROBS;
use crate::translate::chat::{
    ChatBody, Function, ImageUrl, JsonSchema, Message, Part, ResponseFormat, StreamOptions, Tool,
    ToolCall, ToolChoice,
};

const NOT_HERE: &str = "This model's server does not have the Responses API; made from chat \
                        completions, it can't do this.";

/// The chat request, and what the answer repeats of the request.
pub(super) fn read(body: &[u8]) -> Result<(ChatBody, Settings), ApiError> {
    let fields = Fields::of_body(body)?;
    fields.refuse(
        &[
            "previous_response_id",
            "conversation",
            "background",
            "prompt",
            "context_management",
        ],
        NOT_HERE,
    )?;
    if fields
        .text("truncation")?
        .is_some_and(|word| word != "disabled")
    {
        return Err(ApiError::unsupported("truncation", NOT_HERE));
    }
    let mut messages = Vec::new();
    let instructions = fields.text("instructions")?;
    if let Some(text) = &instructions {
        messages.push(Message::of_text("system", text.clone()));
    }
    input(&fields, &mut messages)?;
    let (response_format, format) = text_format(&fields)?;
    let (tools, raw_tools) = tools(&fields)?;
    let top_logprobs = fields.integer("top_logprobs", 0, 1000)?;
    let logprobs = top_logprobs.is_some_and(|top| top > 0) || includes_logprobs(&fields)?;
    let stream = fields.flag("stream")?;
    let reasoning = fields.object("reasoning")?;
    let effort = reasoning
        .map(|inner| inner.text("effort"))
        .transpose()?
        .flatten();
    let chat = ChatBody {
        model: fields.need("model", "a string")?,
        messages,
        max_completion_tokens: fields.integer("max_output_tokens", 1, u32::MAX)?,
        temperature: fields.number("temperature", 0.0, 2.0)?,
        top_p: fields.number("top_p", 0.0, 1.0)?,
        logprobs: logprobs.then_some(true),
        top_logprobs: top_logprobs.filter(|_| logprobs),
        tools,
        tool_choice: tool_choice(&fields)?,
        parallel_tool_calls: fields.get("parallel_tool_calls", "true or false")?,
        response_format,
        reasoning_effort: effort.clone(),
        user: fields.text("user")?,
        stream: stream.then_some(true),
        stream_options: stream.then_some(StreamOptions {
            include_usage: true,
        }),
        ..ChatBody::default()
    };
    let settings = Settings {
        model: chat.model.clone(),
        instructions,
        max_output_tokens: chat.max_completion_tokens,
        temperature: chat.temperature,
        top_p: chat.top_p,
        top_logprobs,
        tools: raw_tools,
        tool_choice: fields.raw("tool_choice").and_then(|raw| compact(raw.get())),
        parallel_tool_calls: chat.parallel_tool_calls.unwrap_or(true),
        format,
        effort,
        store: fields.flag("store")?,
        user: chat.user.clone(),
        metadata: fields.raw("metadata").and_then(|raw| compact(raw.get())),
    };
    Ok((chat, settings))
}

fn includes_logprobs(fields: &Fields<'_>) -> Result<bool, ApiError> {
    let include: Option<Vec<String>> = fields.get("include", "a list of strings")?;
    Ok(include.is_some_and(|items| items.iter().any(|item| item == INCLUDE_LOGPROBS)))
}

fn input(fields: &Fields<'_>, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    match fields.raw("input") {
        Some(raw) if raw.get().starts_with('"') => {
            let text = fields.need("input", "a string or a list of items")?;
            messages.push(Message::of_text("user", text));
        }
        Some(_) => {
            for (path, raw) in fields.list("input")? {
                item(&Fields::of_object(path, raw)?, messages)?;
            }
        }
        None => {}
    }
    if messages.iter().all(|message| message.role == "system") && fields.raw("input").is_none() {
        let message = "Missing required parameter: 'input'.";
        return Err(ApiError::invalid(
            "input",
            "missing_required_parameter",
            message,
        ));
    }
    Ok(())
}

fn item(item: &Fields<'_>, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    match item.text("type")?.as_deref() {
        None | Some("message") => {
            let role = match item.need::<String>("role", "a string")?.as_str() {
                "user" => "user",
                "assistant" => "assistant",
                "system" | "developer" => "system",
                _ => {
                    let expected = "one of user, assistant, system, developer";
                    return Err(wrong_value(item.name("role"), expected));
                }
            };
            messages.push(Message::of_parts(role, content(item, "content")?));
        }
        Some("function_call") => {
            let call = ToolCall::new(
                item.need("call_id", "a string")?,
                item.need("name", "a string")?,
                item.need("arguments", "a string")?,
            );
            // The calls of one turn stand in one message, behind its text.
            match messages.last_mut() {
                Some(last) if last.role == "assistant" => last.tool_calls.push(call),
                _ => messages.push(Message {
                    role: "assistant",
                    tool_calls: vec![call],
                    ..Message::default()
                }),
            }
        }
        Some("function_call_output") => {
            let id = item.need("call_id", "a string")?;
            messages.push(Message::of_tool(id, content(item, "output")?));
        }
        // A chat model thinks anew; its earlier thoughts are not sent back to it.
        Some("reasoning") => {}
        Some(_) => return Err(ApiError::unsupported(item.name("type"), NOT_HERE)),
    }
    Ok(())
}

/// A text, or a list of parts.
fn content(item: &Fields<'_>, field: &str) -> Result<Vec<Part>, ApiError> {
    match item.raw(field) {
        Some(raw) if raw.get().starts_with('[') => {}
        _ => {
            let text = item.need(field, "a string or a list of parts")?;
            return Ok(vec![Part::Text { text }]);
        }
    }
    let mut parts = Vec::new();
    for (path, raw) in item.list(field)? {
        let part = Fields::of_object(path, raw)?;
        parts.push(match part.need::<String>("type", "a string")?.as_str() {
            "input_text" | "output_text" | "text" => Part::Text {
                text: part.need("text", "a string")?,
            },
            "refusal" => Part::Text {
                text: part.need("refusal", "a string")?,
            },
            "input_image" if part.raw("image_url").is_some() => Part::ImageUrl {
                image_url: ImageUrl {
                    url: part.need("image_url", "a string")?,
                    detail: part.text("detail")?,
                },
            },
            _ => return Err(ApiError::unsupported(part.name("type"), NOT_HERE)),
        });
    }
    Ok(parts)
}

type Tools = (Vec<Tool>, Vec<Box<RawValue>>);

fn tools(fields: &Fields<'_>) -> Result<Tools, ApiError> {
    let (mut tools, mut raw_tools) = (Vec::new(), Vec::new());
    for (path, raw) in fields.list("tools")? {
        let tool = Fields::of_object(path, raw)?;
        if tool.need::<String>("type", "a string")? != "function" {
            return Err(ApiError::unsupported(tool.name("type"), NOT_HERE));
        }
        tools.push(Tool {
            kind: "function",
            function: Function {
                name: tool.need("name", "a string")?,
                description: tool.text("description")?,
                parameters: tool.raw("parameters").and_then(|raw| compact(raw.get())),
                strict: tool.get("strict", "true or false")?,
            },
        });
        raw_tools.extend(compact(raw.get()));
    }
    Ok((tools, raw_tools))
}

fn tool_choice(fields: &Fields<'_>) -> Result<Option<ToolChoice>, ApiError> {
    const EXPECTED: &str = "one of auto, none, required, or an object that names a function";
    match fields.raw("tool_choice") {
        None => Ok(None),
        Some(raw) if raw.get().starts_with('"') => match fields.text("tool_choice")?.as_deref() {
            Some("auto") => Ok(Some(ToolChoice::Word("auto"))),
            Some("none") => Ok(Some(ToolChoice::Word("none"))),
            Some("required") => Ok(Some(ToolChoice::Word("required"))),
            _ => Err(wrong_value("tool_choice".into(), EXPECTED)),
        },
        Some(raw) => {
            let choice = Fields::of_object("tool_choice".into(), raw)?;
            if choice.need::<String>("type", "a string")? != "function" {
                return Err(ApiError::unsupported(choice.name("type"), NOT_HERE));
            }
            Ok(Some(ToolChoice::named(choice.need("name", "a string")?)))
        }
    }
}

type Format = (Option<ResponseFormat>, Option<Box<RawValue>>);

/// `text.format` for the chat request, and as it stands for the answer.
fn text_format(fields: &Fields<'_>) -> Result<Format, ApiError> {
    let Some(text) = fields.object("text")? else {
        return Ok((None, None));
    };
    let Some(format) = text.object("format")? else {
        return Ok((None, None));
    };
    let raw = text.raw("format").and_then(|raw| compact(raw.get()));
    let chat = match format.need::<String>("type", "a string")?.as_str() {
        "text" => None,
        "json_object" => Some(ResponseFormat::JsonObject),
        "json_schema" => {
            let schema: &RawValue = format.need("schema", "an object")?;
            Some(ResponseFormat::JsonSchema {
                json_schema: JsonSchema {
                    name: format.need("name", "a string")?,
                    description: format.text("description")?,
                    schema: compact(schema.get()).unwrap_or_else(|| schema.to_owned()),
                    strict: format.get("strict", "true or false")?,
                },
            })
        }
        _ => {
            let expected = "one of text, json_object, json_schema";
            return Err(wrong_value(format.name("type"), expected));
        }
    };
    Ok((chat, raw))
}
