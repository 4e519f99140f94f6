//! A validator of the JSON-schema keywords that the tests use, and no more. It is not the library
//! that writes the answers, so that this does not judge itself.

use serde_json::{Value, json};

/// Whether a value is valid; `root` is for references.
pub(crate) fn valid(root: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(path) = schema["$ref"].as_str() {
        let target = root.pointer(&path[1..]).unwrap();
        return valid(root, target, value);
    }
    let kind = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some(other) => panic!("{other}"),
    };
    let listed = schema["enum"]
        .as_array()
        .is_none_or(|all| all.contains(value));
    let constant = schema.get("const").is_none_or(|only| only == value);
    let any = schema["anyOf"].as_array();
    let one = any.is_none_or(|all| all.iter().any(|s| valid(root, s, value)));
    let inside = match value {
        Value::Number(n) => within(schema, n.as_f64().unwrap(), "minimum", "maximum"),
        Value::String(text) => valid_text(schema, text),
        Value::Array(items) => valid_list(root, schema, items),
        Value::Object(fields) => valid_object(root, schema, fields),
        _ => true,
    };
    kind && listed && constant && one && inside
}

fn within(schema: &Value, size: f64, least: &str, most: &str) -> bool {
    let number = |name: &str| schema[name].as_f64();
    number(least).is_none_or(|n| size >= n) && number(most).is_none_or(|n| size <= n)
}

fn valid_text(schema: &Value, text: &str) -> bool {
    let pattern = schema["pattern"].as_str().is_none_or(|pattern| {
        assert_eq!(pattern, "^[A-Z]{3}-[0-9]{2}$");
        let b = text.as_bytes();
        b.len() == 6
            && b[..3].iter().all(u8::is_ascii_uppercase)
            && b[3] == b'-'
            && b[4..].iter().all(u8::is_ascii_digit)
    });
    let format = schema["format"].as_str().is_none_or(|format| {
        assert_eq!(format, "date");
        text.len() == 10 && text.split('-').map(str::len).eq([4, 2, 2])
    });
    within(
        schema,
        text.chars().count() as f64,
        "minLength",
        "maxLength",
    ) && pattern
        && format
}

fn valid_list(root: &Value, schema: &Value, items: &[Value]) -> bool {
    let first = schema["prefixItems"].as_array();
    let each = |(i, item): (usize, &Value)| match first.and_then(|first| first.get(i)) {
        Some(schema) => valid(root, schema, item),
        None => match &schema["items"] {
            Value::Bool(may) => *may,
            rest => valid(root, rest, item),
        },
    };
    within(schema, items.len() as f64, "minItems", "maxItems") && items.iter().enumerate().all(each)
}

fn valid_object(root: &Value, schema: &Value, fields: &serde_json::Map<String, Value>) -> bool {
    let required = schema["required"].as_array();
    let there = |name: &Value| fields.contains_key(name.as_str().unwrap());
    required.is_none_or(|names| names.iter().all(there))
        && fields
            .iter()
            .all(|(name, field)| match schema["properties"].get(name) {
                Some(schema) => valid(root, schema, field),
                None => schema["additionalProperties"] != json!(false),
            })
}
