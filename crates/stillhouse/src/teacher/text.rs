//! A text asked of a teacher elsewhere: the request's body and what its answer says, by OpenAI's chat
//! and completions endpoints. Nothing is dialled here.

use bytes::Bytes;
use distill::teacher::{Reply, Text, Written};
use record::Endpoint;
use serde::Deserialize;
use trainer::protocol::{Ending, Prompt, Sampling};

/// The request for a text: messages by the chat endpoint, raw text by the other one.
pub(super) fn body(model: &str, text: &Text) -> (Endpoint, Bytes) {
    let how = &text.sampling;
    let mut body = serde_json::json!({
        "model": model,
        "max_tokens": how.max_tokens,
        "temperature": how.temperature,
        "seed": text.seed,
        "stream": false,
    });
    let endpoint = match &text.prompt {
        Prompt::Messages { messages } => {
            body["messages"] = serde_json::json!(messages);
            Endpoint::Chat
        }
        Prompt::Text { text } => {
            body["prompt"] = serde_json::json!(text);
            Endpoint::Completions
        }
    };
    if how.top_p < 1.0 {
        body["top_p"] = serde_json::json!(how.top_p);
    }
    if how.top_k > 0 {
        body["top_k"] = serde_json::json!(how.top_k);
    }
    // Servers leave the text out that ended an answer: where it is kept, the answer is cut here.
    if !how.stop.is_empty() && !how.keep_stop {
        body["stop"] = serde_json::json!(how.stop);
    }
    (endpoint, body.to_string().into())
}

/// An answer of either endpoint.
pub(super) fn read(
    endpoint: &Endpoint,
    body: &[u8],
    asked: &Text,
) -> std::result::Result<Reply, String> {
    #[derive(Deserialize)]
    struct Told {
        #[serde(default)]
        model: Option<String>,
        choices: Vec<Choice>,
    }
    #[derive(Deserialize)]
    struct Choice {
        #[serde(default)]
        text: Option<String>,
        #[serde(default)]
        message: Option<Message>,
        #[serde(default)]
        finish_reason: Option<String>,
    }
    #[derive(Deserialize)]
    struct Message {
        #[serde(default)]
        content: Option<String>,
    }
    let told: Told = serde_json::from_slice(body)
        .map_err(|error| format!("its answer is no answer: {error}"))?;
    let usage = wire::usage::read(endpoint, body).ok().flatten();
    let usage = usage.ok_or("its answer does not tell its tokens")?;
    let choice = told.choices.into_iter().next();
    let choice = choice.ok_or("its answer has no text")?;
    let message = choice.message.and_then(|message| message.content);
    let mut text = choice.text.or(message).unwrap_or_default();
    let mut ending = match choice.finish_reason.as_deref() {
        Some("length") => Ending::Length,
        _ => Ending::End,
    };
    if let Some(end) = end(&text, &asked.sampling) {
        text.truncate(end);
        ending = Ending::Stop;
    }
    Ok(Reply {
        revision: told.model,
        written: Written {
            text,
            ending,
            read: usage.input,
            tokens: usage.output,
        },
        usage,
    })
}

/// Where a text ends by its own rule: after the first of the texts that end it, or before it.
fn end(text: &str, how: &Sampling) -> Option<usize> {
    let stops = how.stop.iter().filter(|stop| !stop.is_empty());
    let found = stops.filter_map(|stop| Some((text.find(stop.as_str())?, stop.len())));
    let (at, length) = found.min()?;
    Some(if how.keep_stop { at + length } else { at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(prompt: Prompt, sampling: Sampling) -> Text {
        Text {
            prompt,
            sampling,
            seed: 7,
        }
    }

    #[test]
    fn raw_texts_and_messages_go_to_their_endpoints() {
        let raw = Prompt::Text {
            text: "a".to_owned(),
        };
        let stops = Sampling {
            stop: vec!["}".to_owned()],
            ..Sampling::default()
        };
        let (endpoint, sent) = body("m", &text(raw.clone(), stops.clone()));
        assert_eq!(endpoint, Endpoint::Completions);
        let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(
            (&sent["prompt"], &sent["stop"][0]),
            (&"a".into(), &"}".into())
        );
        let keeps = Sampling {
            keep_stop: true,
            ..stops
        };
        let (_, sent) = body("m", &text(raw, keeps));
        let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
        assert!(sent["stop"].is_null());
        let messages = Prompt::Messages {
            messages: Vec::new(),
        };
        let (endpoint, _) = body("m", &text(messages, Sampling::default()));
        assert_eq!(endpoint, Endpoint::Chat);
    }

    #[test]
    fn an_answer_is_cut_where_its_own_rule_ends_it() {
        let told = |answer: &str, keep_stop: bool| {
            let how = Sampling {
                stop: vec!["\n".to_owned(), "}".to_owned()],
                keep_stop,
                ..Sampling::default()
            };
            let asked = text(
                Prompt::Messages {
                    messages: Vec::new(),
                },
                how,
            );
            let body = serde_json::json!({
                "model": "m-1",
                "choices": [{"message": {"content": answer}, "finish_reason": "length"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            });
            read(&Endpoint::Chat, body.to_string().as_bytes(), &asked).unwrap()
        };
        let whole = told("{1} and", true);
        assert_eq!(whole.written.text, "{1}");
        assert_eq!(whole.written.ending, Ending::Stop);
        assert_eq!(whole.revision.as_deref(), Some("m-1"));
        assert_eq!((whole.usage.input, whole.usage.output), (3, 2));
        assert_eq!(told("{1} and", false).written.text, "{1");
        let cut = told("and", true).written;
        assert_eq!((cut.text.as_str(), cut.ending), ("and", Ending::Length));
        let no_answer = read(
            &Endpoint::Chat,
            b"{\"choices\": []}",
            &text(
                Prompt::Text {
                    text: String::new(),
                },
                Sampling::default(),
            ),
        );
        assert!(no_answer.unwrap_err().contains("tokens"));
    }
}
