//! From a schema to fields. Schemas come from our own code, so that only the shapes that are made
//! there are known; another is read as text, and the verb itself judges it.

use serde_json::Value;

use super::Choice;
use crate::input::{self, Kind};

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// Its name with the names above it.
    pub(crate) name: String,
    /// Its name in words.
    pub(crate) label: String,
    /// What it means.
    pub(crate) help: String,
    /// Whether it must be given.
    pub(crate) is_needed: bool,
    /// What holds where nothing is given, as it is typed.
    pub(crate) default: Option<String>,
    /// How it is asked for.
    pub(crate) shape: Shape,
}

/// How a field is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// A line.
    Text,
    /// A whole number from 0 on.
    Whole,
    /// Yes or no.
    Tick,
    /// Yes, no, or nothing said.
    Maybe,
    /// One of these.
    Choice(Vec<Choice>),
    /// One of these numbers.
    Pick(Vec<Choice>),
    /// Any of these.
    Choices(Vec<Choice>),
    /// A line each.
    Texts,
    /// Fields within.
    Group(Vec<Field>),
}

/// The fields of an object's schema, those of `order` first.
pub(crate) fn fields(schema: &Value, order: &[&str]) -> Vec<Field> {
    within(schema, order, "")
}

fn within(schema: &Value, order: &[&str], above: &str) -> Vec<Field> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let needed = texts(schema.get("required"));
    let place = |name: &str| {
        order
            .iter()
            .position(|known| *known == name)
            .unwrap_or(order.len())
    };
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort_by(|a, b| place(a).cmp(&place(b)).then(a.cmp(b)));
    let one = |name: &String| {
        let schema = &properties[name];
        let whole = if above.is_empty() {
            name.clone()
        } else {
            format!("{above}.{name}")
        };
        field(whole, name, schema, needed.contains(&name.as_str()))
    };
    names.into_iter().map(one).collect()
}

fn field(name: String, last: &str, schema: &Value, is_needed: bool) -> Field {
    let (real, is_nullable) = (input::inner(schema), input::may_be_null(schema));
    let help = [schema, real]
        .into_iter()
        .find_map(|schema| schema.get("description")?.as_str());
    let shape = shape(real, &name, is_nullable);
    let default = match schema.get("default") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
        Some(_) => None,
    };
    Field {
        label: crate::page::part::text::words(last),
        help: help.unwrap_or_default().replace('\n', " "),
        is_needed: is_needed && !is_nullable,
        default,
        shape,
        name,
    }
}

fn shape(schema: &Value, name: &str, is_nullable: bool) -> Shape {
    if let Some(choices) = choices(schema) {
        return Shape::Choice(choices);
    }
    match input::kind(schema) {
        Kind::Boolean if is_nullable => Shape::Maybe,
        Kind::Boolean => Shape::Tick,
        Kind::Integer => Shape::Whole,
        Kind::Object => Shape::Group(within(schema, &[], name)),
        Kind::List => match schema.get("items").and_then(choices) {
            Some(choices) => Shape::Choices(choices),
            None => Shape::Texts,
        },
        Kind::Text | Kind::Number => Shape::Text,
    }
}

/// The values of an enum, each with what it means where that is documented.
fn choices(schema: &Value) -> Option<Vec<Choice>> {
    if let Some(values) = schema.get("enum") {
        let words = |value: &str| (value.to_owned(), crate::page::part::text::words(value));
        return Some(texts(Some(values)).into_iter().map(words).collect());
    }
    let each = schema.get("oneOf")?.as_array()?;
    let mut all = Vec::new();
    for one in each {
        match one.get("const").and_then(Value::as_str) {
            Some(value) => {
                let words = crate::page::part::text::words(value);
                let says = one.get("description").and_then(Value::as_str);
                let label = says.map_or(words.clone(), |says| {
                    format!("{words}: {}", says.replace('\n', " "))
                });
                all.push((value.to_owned(), label));
            }
            // Values without a documentation of their own are kept together.
            None => all.extend(choices(one)?),
        }
    }
    Some(all)
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    let items = value.and_then(Value::as_array);
    items
        .map(|items| items.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// The field of this whole name.
pub(super) fn find<'a>(fields: &'a mut [Field], name: &str) -> Option<&'a mut Field> {
    for field in fields {
        if field.name == name {
            return Some(field);
        }
        if let Shape::Group(inner) = &mut field.shape
            && let Some(found) = find(inner, name)
        {
            return Some(found);
        }
    }
    None
}
