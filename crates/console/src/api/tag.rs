//! Revisions as HTTP has them: `ETag` on what is shown, `If-Match` on what is changed.

use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The field of inputs and outputs that `If-Match` and `ETag` stand for.
const REVISION: &str = "revision";

/// The tag of what is shown, where that is one thing.
pub(super) fn of(said: &Value) -> Option<HeaderValue> {
    let revision = said.get(REVISION)?.as_u64()?;
    HeaderValue::from_str(&format!("\"{revision}\"")).ok()
}

/// Whether the verb takes a revision.
pub(super) fn takes_revision(schema: &Value) -> bool {
    let fields = schema.get("properties");
    fields.is_some_and(|fields| fields.get(REVISION).is_some())
}

/// Puts what `If-Match` says into the input.
///
/// # Errors
/// It is no tag of ours, the verb takes none, or the body says another.
pub(super) fn put_revision(
    schema: &Value,
    headers: &HeaderMap,
    given: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    let mut tags = headers.get_all(header::IF_MATCH).iter();
    let Some(tag) = tags.next() else {
        return Ok(());
    };
    let wrong = |what: &str| Err(Refusal::invalid("If-Match", what));
    if !takes_revision(schema) {
        return wrong("this verb takes no revision");
    }
    let text = tag.to_str().unwrap_or_default().trim();
    if tags.next().is_some() || text.contains(',') {
        return wrong("one tag is possible");
    }
    if text == "*" {
        return Ok(());
    }
    let number = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .and_then(|text| text.parse::<u64>().ok());
    let Some(number) = number else {
        return wrong("it has to be an ETag of this API, such as \"17\"");
    };
    match given.insert(REVISION.to_owned(), number.into()) {
        Some(said) if said.as_u64() != Some(number) => {
            wrong("it is not the `revision` of the body")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn put(tag: &str, body: Value) -> Result<Value, Refusal> {
        let schema = json!({ "properties": { "revision": { "type": "integer" } } });
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_str(tag).unwrap());
        let Value::Object(mut given) = body else {
            panic!("{body} is no object");
        };
        put_revision(&schema, &headers, &mut given)?;
        Ok(Value::Object(given))
    }

    #[test]
    fn a_tag_is_a_revision() {
        assert_eq!(of(&json!({ "revision": 17 })).unwrap(), "\"17\"");
        assert_eq!(of(&json!({ "name": "a" })), None);
        assert_eq!(put("\"17\"", json!({})).unwrap(), json!({ "revision": 17 }));
        assert_eq!(put("*", json!({})).unwrap(), json!({}));
        let same = json!({ "revision": 17 });
        assert_eq!(put("\"17\"", same.clone()).unwrap(), same);
        for tag in ["17", "W/\"17\"", "\"x\"", "\"1\", \"2\"", ""] {
            assert!(put(tag, json!({})).is_err(), "{tag}");
        }
        assert!(put("\"17\"", json!({ "revision": 18 })).is_err());
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_static("\"1\""));
        assert!(put_revision(&json!({}), &headers, &mut Map::new()).is_err());
    }
}
