//! Whole answers of every endpoint, to pieces; and the items that the Responses API has on both
//! sides.

use std::borrow::Cow;

use record::{Endpoint, Part, SaidAnswer, Speaker};

use super::Pieces;
use super::raw::Raw;

pub(super) fn read<'a>(endpoint: &Endpoint, body: Raw<'a>, said: &mut SaidAnswer<'a>) {
    let known = body.members(|key, value| match (key, endpoint) {
        ("choices", Endpoint::Chat | Endpoint::Completions | Endpoint::Listed(_)) => {
            choices(value, said);
        }
        ("output", Endpoint::Responses) => {
            said.choices = 1;
            let mut pieces = pieces(said, 0);
            let list = value.items(|raw| {
                let mut kind = Cow::Borrowed("");
                raw.members(|key, value| {
                    if key == "type" {
                        kind = value.text().unwrap_or_default();
                    }
                });
                item(&mut pieces, kind.as_ref(), raw);
            });
            if !list {
                pieces.unread();
            }
        }
        ("status", Endpoint::Responses) => {
            said.full += u32::from(value.json() == "\"incomplete\"");
        }
        ("content", Endpoint::Messages) => {
            said.choices = 1;
            pieces(said, 0).content(value);
        }
        ("stop_reason", Endpoint::Messages) => {
            said.full += u32::from(value.json() == "\"max_tokens\"");
        }
        ("data", Endpoint::Embeddings) => said.choices = value.len(),
        _ => {}
    });
    if !known {
        said.unread = said.unread.saturating_add(1);
    }
}

fn pieces<'p, 'a>(said: &'p mut SaidAnswer<'a>, turn: u32) -> Pieces<'p, 'a> {
    Pieces {
        out: &mut said.pieces,
        unread: &mut said.unread,
        speaker: Speaker::Assistant,
        turn,
    }
}

fn choices<'a>(raw: Raw<'a>, said: &mut SaidAnswer<'a>) {
    let mut turn = 0_u32;
    let list = raw.items(|choice| {
        let object = choice.members(|key, value| match key {
            "message" | "delta" => {
                let mut pieces = pieces(said, turn);
                if !pieces.chat(value) {
                    pieces.unread();
                }
            }
            "text" => pieces(said, turn).text(Part::Text, value),
            "finish_reason" => {
                said.full = said
                    .full
                    .saturating_add(u32::from(value.json() == "\"length\""));
            }
            "logprobs" => said.logprobs |= !value.is_null(),
            _ => {}
        });
        if !object {
            said.unread = said.unread.saturating_add(1);
        }
        turn = turn.saturating_add(1);
    });
    said.choices = turn;
    if !list {
        said.unread = said.unread.saturating_add(1);
    }
}

/// An item of the Responses API: a message, a call and its result, reasoning, or one of the kinds
/// that have no text.
pub(super) fn item<'a>(pieces: &mut Pieces<'_, 'a>, kind: &str, raw: Raw<'a>) {
    let part = match kind {
        "message" => {
            if !pieces.chat(raw) {
                pieces.unread();
            }
            return;
        }
        "function_call" | "custom_tool_call" => {
            pieces.speaker = Speaker::Assistant;
            pieces.function(raw);
            return;
        }
        "function_call_output" | "custom_tool_call_output" => {
            pieces.speaker = Speaker::Tool;
            Part::Text
        }
        "reasoning" => {
            pieces.speaker = Speaker::Assistant;
            Part::Reasoning
        }
        _ => return pieces.unread(),
    };
    raw.members(|key, value| match (key, part) {
        ("output", Part::Text) => pieces.content(value),
        ("summary" | "content", Part::Reasoning) => pieces.content(value),
        _ => {}
    });
}
