//! The objects of `/v1/models`, which OpenAI's and Anthropic's SDKs both ask for.

use bytes::Bytes;
use record::Time;
use serde::Serialize;

use crate::error::Dialect;
use crate::json;

/// A model as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model<'a> {
    /// The name by which it is asked.
    pub id: &'a str,
    /// When it was made or first served.
    pub created: Time,
    /// Who runs it.
    pub owned_by: &'a str,
    /// Tokens that it can hold, where that is known (vLLM's field).
    pub max_model_len: Option<u64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Object<'a> {
    OpenAi {
        id: &'a str,
        object: &'static str,
        created: u64,
        owned_by: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_model_len: Option<u64>,
    },
    Anthropic {
        #[serde(rename = "type")]
        kind: &'static str,
        id: &'a str,
        display_name: &'a str,
        created_at: String,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum List<'a> {
    OpenAi {
        object: &'static str,
        data: Vec<Object<'a>>,
    },
    Anthropic {
        data: Vec<Object<'a>>,
        has_more: bool,
        first_id: Option<&'a str>,
        last_id: Option<&'a str>,
    },
}

fn object<'a>(dialect: Dialect, model: &Model<'a>) -> Object<'a> {
    match dialect {
        Dialect::OpenAi => Object::OpenAi {
            id: model.id,
            object: "model",
            created: model.created.seconds(),
            owned_by: model.owned_by,
            max_model_len: model.max_model_len,
        },
        Dialect::Anthropic => Object::Anthropic {
            kind: "model",
            id: model.id,
            display_name: model.id,
            created_at: model.created.rfc3339(),
        },
    }
}

/// One model.
pub fn model(dialect: Dialect, one: &Model<'_>) -> Bytes {
    json::bytes(&object(dialect, one))
}

/// The list of models, in one page.
pub fn models(dialect: Dialect, all: &[Model<'_>]) -> Bytes {
    let data = all.iter().map(|one| object(dialect, one)).collect();
    json::bytes(&match dialect {
        Dialect::OpenAi => List::OpenAi {
            object: "list",
            data,
        },
        Dialect::Anthropic => List::Anthropic {
            data,
            has_more: false,
            first_id: all.first().map(|one| one.id),
            last_id: all.last().map(|one| one.id),
        },
    })
}
