//! A verb's input out of names and texts, as queries and forms have them, by the verb's schema;
//! and the check of an input against it, which names the field that is wrong.
//!
//! The verb itself judges values; here it is only whether they are of the right kind.

use operations::Error;
use serde_json::{Map, Value};

/// What a field holds, as far as its text has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    List,
    Object,
}

/// The schema of a field without the `null` of what may be missing.
pub(crate) fn inner(schema: &Value) -> &Value {
    let options = schema.get("anyOf").and_then(Value::as_array);
    let is_null = |option: &&Value| option.get("type").and_then(Value::as_str) != Some("null");
    options
        .and_then(|options| options.iter().find(is_null))
        .unwrap_or(schema)
}

/// What a field of this schema holds.
pub(crate) fn kind(schema: &Value) -> Kind {
    let schema = inner(schema);
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter_map(Value::as_str);
            names.find(|name| *name != "null")
        }
        _ => None,
    };
    match named {
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Boolean,
        Some("array") => Kind::List,
        Some("object") => Kind::Object,
        _ => Kind::Text,
    }
}

/// Whether a field of this schema may be `null`.
pub(crate) fn may_be_null(schema: &Value) -> bool {
    let null = Value::from("null");
    let in_type = schema.get("type").and_then(Value::as_array);
    let in_any = schema.get("anyOf").and_then(Value::as_array);
    in_type.is_some_and(|names| names.contains(&null))
        || in_any.is_some_and(|options| options.iter().any(|one| one.get("type") == Some(&null)))
}

/// The values that a text may have, where these are listed.
pub(crate) fn choices(schema: &Value) -> Vec<&str> {
    let schema = inner(schema);
    if let Some(Value::Array(values)) = schema.get("enum") {
        return values.iter().filter_map(Value::as_str).collect();
    }
    let one_of = schema.get("oneOf").and_then(Value::as_array);
    let options = one_of.into_iter().flatten();
    options
        .flat_map(|option| match (option.get("const"), option.get("enum")) {
            (Some(Value::String(name)), _) => vec![name.as_str()],
            (_, Some(Value::Array(names))) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        })
        .collect()
}

/// The input that these names and texts mean. `limits.concurrency` is a field of a field; a list
/// is the same name again, or texts between commas; an empty text leaves an optional field out.
///
/// # Errors
/// A name that the schema has not, a text that is not of its kind, a name twice.
pub(crate) fn from_pairs<'a>(
    schema: &Value,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Value, Error> {
    let mut input = Map::new();
    for (name, text) in pairs {
        put(schema, &mut input, name, name, text)?;
    }
    Ok(Value::Object(input))
}

fn put(
    schema: &Value,
    into: &mut Map<String, Value>,
    whole: &str,
    name: &str,
    text: &str,
) -> Result<(), Error> {
    let (first, rest) = match name.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (name, None),
    };
    let Some(field) = inner(schema)
        .get("properties")
        .and_then(|all| all.get(first))
    else {
        return Err(unknown(schema, whole));
    };
    if let Some(rest) = rest {
        let below = into
            .entry(first)
            .or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(below) = below else {
            return Err(Error::invalid(whole, "it is no part of an object"));
        };
        let put = put(field, below, whole, rest, text);
        if below.is_empty() {
            // Nothing was said in it: it is left out, as its fields are.
            into.remove(first);
        }
        return put;
    }
    if text.is_empty() && !(kind(field) == Kind::Text && is_required(schema, first)) {
        return Ok(());
    }
    if kind(field) == Kind::List {
        let items = inner(field).get("items").unwrap_or(&Value::Null);
        let list = into
            .entry(first)
            .or_insert_with(|| Value::Array(Vec::new()));
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        for part in parts {
            let item = read(items, whole, part)?;
            if let Value::Array(list) = list {
                list.push(item);
            }
        }
        return Ok(());
    }
    let value = read(field, whole, text)?;
    match into.insert(first.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(Error::invalid(whole, "it is there more than once")),
    }
}

fn read(schema: &Value, name: &str, text: &str) -> Result<Value, Error> {
    let wrong = |what: &str| Error::invalid(name, format!("`{text}` is not {what}"));
    match kind(schema) {
        Kind::Text => Ok(text.into()),
        Kind::Integer => match (text.parse::<u64>(), text.parse::<i64>()) {
            (Ok(number), _) => Ok(number.into()),
            (_, Ok(number)) => Ok(number.into()),
            _ => Err(wrong("a whole number")),
        },
        Kind::Number => {
            let number = text
                .parse::<f64>()
                .ok()
                .and_then(serde_json::Number::from_f64);
            number.map(Value::Number).ok_or_else(|| wrong("a number"))
        }
        Kind::Boolean => match text {
            "true" | "on" | "1" => Ok(true.into()),
            "false" | "off" | "0" => Ok(false.into()),
            _ => Err(wrong("`true` or `false`")),
        },
        Kind::List | Kind::Object => {
            serde_json::from_str(text).map_err(|error| Error::invalid(name, error))
        }
    }
}

/// Whether an input has only fields of the schema, those that have to be, each of its kind.
///
/// # Errors
/// The first field that is wrong, by its whole name.
pub(crate) fn check(schema: &Value, input: &Value) -> Result<(), Error> {
    check_at(schema, input, "")
}

fn check_at(schema: &Value, value: &Value, at: &str) -> Result<(), Error> {
    let named = if at.is_empty() { "input" } else { at };
    if value.is_null() && may_be_null(schema) {
        return Ok(());
    }
    let wrong = |what: &str| Err(Error::invalid(named, format!("it has to be {what}")));
    let bare = inner(schema);
    match (kind(schema), value) {
        (Kind::Object, Value::Object(fields)) => check_fields(bare, fields, at),
        (Kind::Object, _) => wrong("an object"),
        (Kind::List, Value::Array(items)) => {
            let of = bare.get("items").unwrap_or(&Value::Null);
            items.iter().try_for_each(|item| check_at(of, item, named))
        }
        (Kind::List, _) => wrong("a list"),
        (Kind::Integer, Value::Number(number)) => {
            let is_whole = number.is_i64() || number.is_u64();
            let least = bare.get("minimum").and_then(Value::as_f64);
            let is_less = least.is_some_and(|least| number.as_f64().is_some_and(|n| n < least));
            match (is_whole, is_less) {
                (true, false) => Ok(()),
                (true, true) => wrong(&format!("{} or more", least.unwrap_or_default())),
                (false, _) => wrong("a whole number"),
            }
        }
        (Kind::Integer, _) => wrong("a whole number"),
        (Kind::Number, value) if !value.is_number() => wrong("a number"),
        (Kind::Boolean, value) if !value.is_boolean() => wrong("true or false"),
        (Kind::Text, value) => check_text(bare, value, named),
        _ => Ok(()),
    }
}

fn check_text(schema: &Value, value: &Value, at: &str) -> Result<(), Error> {
    let known = choices(schema);
    let is_text = schema.get("type").is_some() || !known.is_empty();
    match value {
        Value::String(text) if known.is_empty() || known.contains(&text.as_str()) => Ok(()),
        Value::String(text) => {
            let message = format!("there is no `{text}`; there are {}", known.join(", "));
            Err(Error::invalid(at, message))
        }
        // A schema without a type takes more than one; the verb knows.
        _ if !is_text => Ok(()),
        _ => Err(Error::invalid(at, "it has to be a text")),
    }
}

fn check_fields(schema: &Value, fields: &Map<String, Value>, at: &str) -> Result<(), Error> {
    let whole = |name: &str| match at {
        "" => name.to_owned(),
        at => format!("{at}.{name}"),
    };
    let is_open = schema.get("additionalProperties") != Some(&Value::Bool(false));
    let properties = schema.get("properties");
    for (name, value) in fields {
        match properties.and_then(|all| all.get(name)) {
            Some(field) => check_at(field, value, &whole(name))?,
            None if is_open => {}
            None => return Err(unknown(schema, &whole(name))),
        }
    }
    let needed = schema.get("required").and_then(Value::as_array);
    let mut needed = needed.into_iter().flatten().filter_map(Value::as_str);
    match needed.find(|name| !fields.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::invalid(&whole(name), "it is missing")),
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    let needed = inner(schema).get("required").and_then(Value::as_array);
    needed.is_some_and(|needed| needed.iter().any(|one| one == name))
}

fn unknown(schema: &Value, name: &str) -> Error {
    let known = inner(schema).get("properties").and_then(Value::as_object);
    let known: Vec<&str> = known
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let hint = match known.is_empty() {
        true => "there are no fields".to_owned(),
        false => format!("there are {}", known.join(", ")),
    };
    Error::invalid(name, "there is no such field").with_hint(hint)
}

#[cfg(test)]
mod tests;
