//! From a request of the Messages API to a chat request. What chat completions can't do is
//! refused with its name; nothing that changes an answer is passed over in silence.

use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::fields::{Fields, wrong_value};
use crate::json::compact;
use crate::translate::chat::{
    ChatBody, Content, Function, ImageUrl, JsonSchema, Message, Part, ResponseFormat,
    StreamOptions, Tool, ToolCall, ToolChoice,
};

const NOT_HERE: &str = "This model's server does not have the Messages API; made from chat \
                        completions, it can't do this.";

/// The chat request. `answers`: whether an answer is wanted, or only the prompt's size.
pub(super) fn read(body: &[u8], answers: bool) -> Result<ChatBody, ApiError> {
    let fields = Fields::of_body(body)?;
    fields.refuse(
        &[
            "mcp_servers",
            "container",
            "context_management",
            "output_format",
        ],
        NOT_HERE,
    )?;
    let mut messages = Vec::new();
    if fields.raw("system").is_some() {
        let parts = blocks(&fields, "system", &mut Turn::default())?;
        messages.push(Message::of_parts("system", parts));
    }
    for (path, raw) in fields.list("messages")? {
        message(&Fields::of_object(path, raw)?, &mut messages)?;
    }
    match messages.last() {
        Some(last) if last.role == "assistant" && answers => {
            let why = "A last message of the assistant is not continued by this model's server.";
            return Err(ApiError::unsupported("messages", why));
        }
        Some(last) if last.role != "system" => {}
        _ => {
            return Err(wrong_value(
                "messages".into(),
                "a list of at least one message",
            ));
        }
    }
    let max_tokens = if answers {
        let missing = "Missing required parameter: 'max_tokens'.";
        let given = fields.integer("max_tokens", 1, u32::MAX)?;
        Some(given.ok_or_else(|| {
            ApiError::invalid("max_tokens", "missing_required_parameter", missing)
        })?)
    } else {
        None
    };
    let stream = answers && fields.flag("stream")?;
    let (tool_choice, parallel_tool_calls) = tool_choice(&fields)?;
    let (response_format, effort) = output_config(&fields)?;
    Ok(ChatBody {
        model: fields.need("model", "a string")?,
        messages,
        max_completion_tokens: max_tokens,
        temperature: fields.number("temperature", 0.0, 1.0)?,
        top_p: fields.number("top_p", 0.0, 1.0)?,
        top_k: fields.integer("top_k", 0, u32::MAX)?,
        stop: fields
            .get("stop_sequences", "a list of strings")?
            .unwrap_or_default(),
        tools: tools(&fields)?,
        tool_choice,
        parallel_tool_calls,
        response_format,
        // Without thinking it says how talkative to be, for which chat completions have no word.
        reasoning_effort: thinking(&fields)?.map(|by_budget| effort.unwrap_or(by_budget).into()),
        user: match fields.object("metadata")? {
            Some(metadata) => metadata.text("user_id")?,
            None => None,
        },
        stream: stream.then_some(true),
        stream_options: stream.then_some(StreamOptions {
            include_usage: true,
        }),
        ..ChatBody::default()
    })
}

/// What one turn has beside its text: calls of tools, and answers of tools, which chat
/// completions have in messages of their own.
#[derive(Default)]
struct Turn {
    calls: Vec<ToolCall>,
    results: Vec<Message>,
}

fn message(fields: &Fields<'_>, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let role = match fields.need::<String>("role", "a string")?.as_str() {
        "user" => "user",
        "assistant" => "assistant",
        "system" => "system",
        _ => return Err(wrong_value(fields.name("role"), "one of user, assistant")),
    };
    let mut turn = Turn::default();
    let parts = blocks(fields, "content", &mut turn)?;
    let told = !turn.results.is_empty();
    // The answers come right behind the calls, before what the user says to them.
    messages.append(&mut turn.results);
    if told && parts.is_empty() && turn.calls.is_empty() {
        return Ok(());
    }
    let mut message = Message::of_parts(role, parts);
    if message.content.is_none() && turn.calls.is_empty() {
        message.content = Some(Content::Text(String::new()));
    }
    message.tool_calls = turn.calls;
    messages.push(message);
    Ok(())
}

/// A text, or a list of blocks; calls and results of tools go to `turn`.
fn blocks(fields: &Fields<'_>, field: &str, turn: &mut Turn) -> Result<Vec<Part>, ApiError> {
    match fields.raw(field) {
        Some(raw) if raw.get().starts_with('[') => {}
        _ => {
            let text = fields.need(field, "a string or a list of blocks")?;
            return Ok(vec![Part::Text { text }]);
        }
    }
    let mut parts = Vec::new();
    for (path, raw) in fields.list(field)? {
        let block = Fields::of_object(path, raw)?;
        match block.need::<String>("type", "a string")?.as_str() {
            "text" => parts.push(Part::Text {
                text: block.need("text", "a string")?,
            }),
            "image" => parts.push(image(&block)?),
            "tool_use" => {
                let input: &RawValue = block.need("input", "an object")?;
                let arguments =
                    compact(input.get()).map_or_else(String::new, |raw| raw.get().to_owned());
                turn.calls.push(ToolCall::new(
                    block.need("id", "a string")?,
                    block.need("name", "a string")?,
                    arguments,
                ));
            }
            "tool_result" => {
                let id = block.need("tool_use_id", "a string")?;
                let content = match block.raw("content") {
                    Some(_) => blocks(&block, "content", &mut Turn::default())?,
                    None => Vec::new(),
                };
                turn.results.push(Message::of_tool(id, content));
            }
            // A chat model thinks anew; its earlier thoughts are not sent back to it.
            "thinking" | "redacted_thinking" => {}
            _ => return Err(ApiError::unsupported(block.name("type"), NOT_HERE)),
        }
    }
    Ok(parts)
}

fn image(block: &Fields<'_>) -> Result<Part, ApiError> {
    let source: &RawValue = block.need("source", "an object")?;
    let source = Fields::of_object(block.name("source"), source)?;
    let url = match source.need::<String>("type", "a string")?.as_str() {
        "url" => source.need("url", "a string")?,
        "base64" => {
            let kind: String = source.need("media_type", "a string")?;
            let data: String = source.need("data", "a string")?;
            format!("data:{kind};base64,{data}")
        }
        _ => return Err(ApiError::unsupported(source.name("type"), NOT_HERE)),
    };
    let image_url = ImageUrl { url, detail: None };
    Ok(Part::ImageUrl { image_url })
}

fn tools(fields: &Fields<'_>) -> Result<Vec<Tool>, ApiError> {
    let mut tools = Vec::new();
    for (path, raw) in fields.list("tools")? {
        let tool = Fields::of_object(path, raw)?;
        if tool.text("type")?.is_some_and(|kind| kind != "custom") {
            return Err(ApiError::unsupported(tool.name("type"), NOT_HERE));
        }
        let schema: &RawValue = tool.need("input_schema", "an object")?;
        tools.push(Tool {
            kind: "function",
            function: Function {
                name: tool.need("name", "a string")?,
                description: tool.text("description")?,
                parameters: compact(schema.get()),
                strict: tool.get("strict", "true or false")?,
            },
        });
    }
    Ok(tools)
}

type Choice = (Option<ToolChoice>, Option<bool>);

fn tool_choice(fields: &Fields<'_>) -> Result<Choice, ApiError> {
    let Some(choice) = fields.object("tool_choice")? else {
        return Ok((None, None));
    };
    let chosen = match choice.need::<String>("type", "a string")?.as_str() {
        "auto" => ToolChoice::Word("auto"),
        "any" => ToolChoice::Word("required"),
        "none" => ToolChoice::Word("none"),
        "tool" => ToolChoice::named(choice.need("name", "a string")?),
        _ => {
            return Err(wrong_value(
                choice.name("type"),
                "one of auto, any, none, tool",
            ));
        }
    };
    let one = choice.flag("disable_parallel_tool_use")?;
    Ok((Some(chosen), one.then_some(false)))
}

type Output = (Option<ResponseFormat>, Option<&'static str>);

/// The form of the answer, and the effort in the words of chat completions.
fn output_config(fields: &Fields<'_>) -> Result<Output, ApiError> {
    let Some(config) = fields.object("output_config")? else {
        return Ok((None, None));
    };
    let effort = match config.text("effort")?.as_deref() {
        None => None,
        Some("low") => Some("low"),
        Some("medium") => Some("medium"),
        Some("high" | "xhigh" | "max") => Some("high"),
        Some(_) => {
            let expected = "one of low, medium, high, xhigh, max";
            return Err(wrong_value(config.name("effort"), expected));
        }
    };
    let Some(format) = config.object("format")? else {
        return Ok((None, effort));
    };
    if format.need::<String>("type", "a string")? != "json_schema" {
        return Err(ApiError::unsupported(format.name("type"), NOT_HERE));
    }
    let schema: &RawValue = format.need("schema", "an object")?;
    let json_schema = JsonSchema {
        // Messages have no name for it; chat completions need one.
        name: "answer".to_owned(),
        description: None,
        schema: compact(schema.get()).unwrap_or_else(|| schema.to_owned()),
        strict: Some(true),
    };
    Ok((Some(ResponseFormat::JsonSchema { json_schema }), effort))
}

/// A budget of thinking in the words of chat completions.
fn thinking(fields: &Fields<'_>) -> Result<Option<&'static str>, ApiError> {
    let Some(thinking) = fields.object("thinking")? else {
        return Ok(None);
    };
    match thinking.need::<String>("type", "a string")?.as_str() {
        "disabled" => Ok(None),
        "adaptive" => Ok(Some("medium")),
        "enabled" => Ok(Some(
            match thinking.integer("budget_tokens", 1, u32::MAX)? {
                Some(0..4096) => "low",
                None | Some(4096..16_384) => "medium",
                Some(_) => "high",
            },
        )),
        _ => Err(wrong_value(
            thinking.name("type"),
            "one of enabled, adaptive, disabled",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::read;

    /// The chat body of a request with these fields.
    fn chat(fields: Value) -> Result<Value, String> {
        let mut body = json!({"model": "m", "max_tokens": 1,
            "messages": [{"role": "user", "content": "x"}]});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let read = read(body.to_string().as_bytes(), true);
        read.map(|chat| serde_json::to_value(&chat).unwrap())
            .map_err(|error| error.param.unwrap_or_default().into_owned())
    }

    #[test]
    fn a_schema_is_handed_on() {
        let schema = json!({"type": "object", "required": ["a"]});
        let format = json!({"type": "json_schema", "schema": schema});
        let chat = chat(json!({"output_config": {"format": format}})).unwrap();
        assert_eq!(chat["response_format"]["type"], "json_schema");
        assert_eq!(chat["response_format"]["json_schema"]["schema"], schema);
        assert_eq!(chat["reasoning_effort"], Value::Null);
    }

    #[test]
    fn effort_is_of_thinking_only() {
        let effort = |thinking: Value, effort: &str| {
            let fields = json!({"thinking": thinking, "output_config": {"effort": effort}});
            chat(fields).map(|chat| chat["reasoning_effort"].clone())
        };
        let adaptive = json!({"type": "adaptive"});
        assert_eq!(effort(adaptive.clone(), "max"), Ok(json!("high")));
        assert_eq!(effort(json!({"type": "disabled"}), "low"), Ok(Value::Null));
        assert_eq!(effort(Value::Null, "low"), Ok(Value::Null));
        assert_eq!(effort(adaptive, "no"), Err("output_config.effort".into()));
    }
}
