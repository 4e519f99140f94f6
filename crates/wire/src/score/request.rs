//! A request to `/v1/score` as a value, bounded before anything is computed.

use bytes::Bytes;
use record::{CapabilitySet, ScoreAccess};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::fields::{Fields, wrong_type, wrong_value};
use crate::json;
use crate::openai::Prompt;

/// Most items of a request.
pub const MOST_ITEMS: usize = 1024;
/// Most tokens of all items together.
pub const MOST_TOKENS: usize = 1 << 18;
/// Most likely tokens a position (`top_k`), and most ids a position (`ids_at`).
pub const MOST_NAMED: u32 = 1000;
/// Most log-probabilities of an answer: at each position its token's, `top_k` and `ids_at`.
pub const MOST_VALUES: usize = 1_000_000;
/// The lowest temperature.
pub const LEAST_TEMPERATURE: f64 = 0.01;
/// The highest temperature.
pub const MOST_TEMPERATURE: f64 = 100.0;

const TEXT_OR_IDS: &str = "an object with either `ids` or `text`";
const ID_LISTS: &str = "a list of lists of token ids, one for each token from `from` on";

/// A text to score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreItem {
    /// Its token ids, or its text; not empty.
    pub text: Prompt,
    /// The first token that is scored, at least 1: before the first is nothing.
    pub from: u32,
    /// Most likely tokens told at each position.
    pub top_k: u32,
    /// Further ids whose log-probabilities are told: one list a position, or none at all.
    pub ids_at: Vec<Vec<u32>>,
    /// Whether the mass is told that neither `top_k` nor `ids_at` names.
    pub tail: bool,
    /// Divides the logits; `None` is 1.
    pub temperature: Option<f32>,
}

impl ScoreItem {
    /// All tokens of these but the first, and nothing but their own log-probabilities.
    pub fn of_ids(ids: Vec<u32>) -> Self {
        Self {
            text: Prompt::Tokens(ids),
            from: 1,
            top_k: 0,
            ids_at: Vec::new(),
            tail: false,
            temperature: None,
        }
    }

    /// Its tokens, or the most that its text can have: one a byte.
    pub fn worst_tokens(&self) -> usize {
        match &self.text {
            Prompt::Tokens(ids) => ids.len(),
            Prompt::Text(text) => text.len(),
        }
    }

    /// Log-probabilities that it asks for, for a text at most.
    fn worst_values(&self) -> usize {
        let positions = self.worst_tokens().saturating_sub(self.from as usize);
        let named: usize = self.ids_at.iter().map(Vec::len).sum();
        positions
            .saturating_mul(1 + self.top_k as usize)
            .saturating_add(named)
    }

    fn read(path: String, raw: &RawValue) -> Result<Self, ApiError> {
        let fields = Fields::of_object(path.clone(), raw)?;
        let ids = fields.get::<Vec<u32>>("ids", "a list of token ids")?;
        let text = match (ids, fields.text("text")?) {
            (Some(ids), None) => Prompt::Tokens(ids),
            (None, Some(text)) => Prompt::Text(text),
            _ => return Err(wrong_type(path, TEXT_OR_IDS)),
        };
        let temperature = fields.number("temperature", LEAST_TEMPERATURE, MOST_TEMPERATURE)?;
        let item = Self {
            text,
            from: fields.integer("from", 1, u32::MAX)?.unwrap_or(1),
            top_k: fields.integer("top_k", 0, MOST_NAMED)?.unwrap_or(0),
            ids_at: fields
                .get::<Vec<Vec<u32>>>("ids_at", ID_LISTS)?
                .unwrap_or_default(),
            tail: fields.flag("tail")?,
            temperature: temperature.map(|t| t as f32).filter(|&t| t != 1.0),
        };
        item.check(&path)?;
        Ok(item)
    }

    fn check(&self, path: &str) -> Result<(), ApiError> {
        let name = |field: &str| format!("{path}.{field}");
        let own = match &self.text {
            Prompt::Tokens(_) => "ids",
            Prompt::Text(_) => "text",
        };
        if self.worst_tokens() == 0 {
            let message = format!("'{}' is empty: there is nothing to score.", name(own));
            return Err(ApiError::invalid(name(own), "empty_item", message));
        }
        if self
            .ids_at
            .iter()
            .any(|ids| ids.len() > MOST_NAMED as usize)
        {
            let expected = format!("at most {MOST_NAMED} ids at a position");
            return Err(wrong_value(name("ids_at"), &expected));
        }
        if let Prompt::Tokens(ids) = &self.text {
            self.check_length(path, ids.len())?;
        }
        Ok(())
    }

    /// Checks what depends on the number of tokens, which of a text its tokenizer tells.
    ///
    /// # Errors
    /// 400 with the field at fault; `path` is the item's, such as `items[0]`.
    pub fn check_length(&self, path: &str, tokens: usize) -> Result<(), ApiError> {
        let from = self.from as usize;
        if from >= tokens {
            let message = format!(
                "'{path}.from' is {from}, but the item has {tokens} tokens: nothing would be \
                 scored. The first token that can be scored is 1."
            );
            let param = format!("{path}.from");
            return Err(ApiError::invalid(param, "invalid_value", message));
        }
        let positions = tokens - from;
        if !self.ids_at.is_empty() && self.ids_at.len() != positions {
            let message = format!(
                "'{path}.ids_at' has {} lists for {positions} scored tokens ({tokens} tokens, \
                 from {from}): give one list for each, or none at all.",
                self.ids_at.len()
            );
            let param = format!("{path}.ids_at");
            return Err(ApiError::invalid(param, "invalid_value", message));
        }
        Ok(())
    }
}

/// A request to `/v1/score`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreRequest {
    /// The model asked for.
    pub model: String,
    /// What to score, at least one.
    pub items: Vec<ScoreItem>,
}

impl ScoreRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 with the field at fault, also for what is beyond the bounds.
    pub fn read(body: &[u8]) -> Result<Self, ApiError> {
        let fields = Fields::of_body(body)?;
        fields.refuse(&["stream"], "Scores come whole; leave `stream` out.")?;
        let model = fields.need("model", "a string")?;
        let listed = fields.list("items")?;
        if listed.is_empty() {
            return Err(wrong_value("items".into(), "a list of at least one item"));
        }
        if listed.len() > MOST_ITEMS {
            let expected = format!("at most {MOST_ITEMS} items; split the request");
            return Err(wrong_value("items".into(), &expected));
        }
        let items = listed
            .into_iter()
            .map(|(path, raw)| ScoreItem::read(path, raw))
            .collect::<Result<Vec<_>, _>>()?;
        let request = Self { model, items };
        let too_many = |most: usize, what: &str| {
            wrong_value(
                "items".into(),
                &format!("at most {most} {what}; split the request"),
            )
        };
        if request.worst_tokens() > MOST_TOKENS as u64 {
            return Err(too_many(MOST_TOKENS, "tokens in all items together"));
        }
        let values = request.items.iter().map(ScoreItem::worst_values);
        if values.fold(0, usize::saturating_add) > MOST_VALUES {
            return Err(too_many(MOST_VALUES, "log-probabilities in an answer"));
        }
        Ok(request)
    }

    /// The body, for a server that has this endpoint.
    pub fn bytes(&self) -> Bytes {
        json::bytes(&Body {
            model: &self.model,
            items: self.items.iter().map(Item::from).collect(),
        })
    }

    /// Tokens of all items; of a text the most that it can have.
    pub fn worst_tokens(&self) -> u64 {
        self.items
            .iter()
            .map(|item| item.worst_tokens() as u64)
            .sum()
    }

    /// The first field that asks for more than this set gives.
    pub fn beyond(&self, set: &CapabilitySet) -> Option<&'static str> {
        let most = match set.scores {
            ScoreAccess::None => return Some("items"),
            ScoreAccess::Topk | ScoreAccess::Given => set.top_logprobs.unwrap_or(0),
        };
        if self.items.iter().any(|item| item.top_k > most) {
            return Some("top_k");
        }
        let given = self.items.iter().any(|item| !item.ids_at.is_empty());
        (given && set.scores < ScoreAccess::Given).then_some("ids_at")
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<&'a [u32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    from: u32,
    top_k: u32,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ids_at: &'a [Vec<u32>],
    tail: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
}

impl<'a> From<&'a ScoreItem> for Item<'a> {
    fn from(item: &'a ScoreItem) -> Self {
        let (ids, text) = match &item.text {
            Prompt::Tokens(ids) => (Some(ids.as_slice()), None),
            Prompt::Text(text) => (None, Some(text.as_str())),
        };
        Self {
            ids,
            text,
            from: item.from,
            top_k: item.top_k,
            ids_at: &item.ids_at,
            tail: item.tail,
            temperature: item.temperature,
        }
    }
}
