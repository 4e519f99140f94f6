//! What chat and completion requests have in common: how tokens are chosen, and usage chunks.

use crate::error::ApiError;
use crate::fields::{Fields, wrong_value};

/// How tokens are chosen. `None` leaves it to the model's default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// 0 (greedy) to 2.
    pub temperature: Option<f64>,
    /// The probability mass that is kept, above 0 and up to 1.
    pub top_p: Option<f64>,
    /// How many tokens are kept; not of OpenAI, but of most other servers.
    pub top_k: Option<u32>,
    /// The least probability that is kept, as a part of the highest; likewise.
    pub min_p: Option<f64>,
    /// Above 0, 1 for none; likewise.
    pub repetition_penalty: Option<f64>,
    /// The seed.
    pub seed: Option<i64>,
    /// Texts that end the answer, without being part of it; none is empty.
    pub stop: Vec<String>,
    /// -2 to 2.
    pub presence_penalty: f64,
    /// -2 to 2.
    pub frequency_penalty: f64,
    /// Token ids and what is added to their logits, -100 to 100.
    pub logit_bias: Vec<(u32, f64)>,
}

impl Sampling {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let top_p = fields.number("top_p", 0.0, 1.0)?;
        if top_p == Some(0.0) {
            return Err(wrong_value("top_p".into(), "a number above 0 and up to 1"));
        }
        let repetition_penalty = fields.number("repetition_penalty", 0.0, 10.0)?;
        if repetition_penalty == Some(0.0) {
            let expected = "a number above 0 and up to 10";
            return Err(wrong_value("repetition_penalty".into(), expected));
        }
        // Some clients send -1 for no bound at all.
        let top_k = match fields.get::<i64>("top_k", "an integer")? {
            None | Some(-1 | 0) => None,
            Some(top_k) => Some(
                u32::try_from(top_k)
                    .map_err(|_| wrong_value("top_k".into(), "an integer of at least 1"))?,
            ),
        };
        Ok(Self {
            temperature: fields.number("temperature", 0.0, 2.0)?,
            top_p,
            top_k,
            min_p: fields.number("min_p", 0.0, 1.0)?,
            repetition_penalty,
            seed: fields.get("seed", "an integer")?,
            stop: stop(fields)?,
            presence_penalty: fields.number("presence_penalty", -2.0, 2.0)?.unwrap_or(0.0),
            frequency_penalty: fields
                .number("frequency_penalty", -2.0, 2.0)?
                .unwrap_or(0.0),
            logit_bias: logit_bias(fields)?,
        })
    }
}

fn stop(fields: &Fields<'_>) -> Result<Vec<String>, ApiError> {
    const EXPECTED: &str = "a string or a list of strings, none of them empty";
    let texts = match fields.raw("stop") {
        None => return Ok(Vec::new()),
        Some(raw) if raw.get().starts_with('"') => fields
            .text("stop")?
            .map(|text| vec![text])
            .unwrap_or_default(),
        Some(_) => fields
            .get::<Vec<String>>("stop", EXPECTED)?
            .unwrap_or_default(),
    };
    if texts.iter().any(String::is_empty) {
        return Err(wrong_value("stop".into(), EXPECTED));
    }
    Ok(texts)
}

fn logit_bias(fields: &Fields<'_>) -> Result<Vec<(u32, f64)>, ApiError> {
    const EXPECTED: &str = "an object from token ids to numbers from -100 to 100";
    let entries = fields
        .get::<std::collections::BTreeMap<u32, f64>>("logit_bias", EXPECTED)?
        .unwrap_or_default();
    if entries
        .values()
        .any(|bias| !(-100.0..=100.0).contains(bias))
    {
        return Err(wrong_value("logit_bias".into(), EXPECTED));
    }
    Ok(entries.into_iter().collect())
}

/// Whether a stream is to end with a usage chunk.
pub(super) fn include_usage(fields: &Fields<'_>) -> Result<bool, ApiError> {
    match fields.object("stream_options")? {
        Some(options) => options.flag("include_usage"),
        None => Ok(false),
    }
}
