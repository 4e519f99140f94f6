//! From what was typed to the verb's input. What is left empty is left out, so that the verb's own
//! defaults hold; what can't be read as its kind is a fault at its field.

use serde_json::{Map, Value};

use super::{Fault, Field, Shape};
use crate::page::query::Pairs;

/// The object that these fields make.
pub(super) fn object(fields: &[Field], typed: &Pairs) -> Result<Value, Vec<Fault>> {
    let (mut object, mut faults) = (Map::new(), Vec::new());
    for field in fields {
        match value(field, typed) {
            Ok(None) => {}
            Ok(Some(value)) => {
                object.insert(last(&field.name).to_owned(), value);
            }
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() {
        Ok(Value::Object(object))
    } else {
        Err(faults)
    }
}

fn value(field: &Field, typed: &Pairs) -> Result<Option<Value>, Vec<Fault>> {
    let text = typed.get(&field.name);
    let fault = |message: &str| {
        let field = field.name.clone();
        Err(vec![Fault {
            field,
            message: message.to_owned(),
        }])
    };
    match (&field.shape, text) {
        (Shape::Group(inner), _) => group(field, inner, typed),
        (Shape::Tick, text) => Ok(text.map(|text| Value::Bool(text != "false"))),
        (Shape::Choices(_), _) => Ok(list(typed.all(&field.name))),
        (Shape::Texts, Some(text)) => Ok(list(text.lines())),
        (_, None) if field.is_needed => fault("this is needed"),
        (_, None) => Ok(None),
        (Shape::Maybe, Some(text)) => Ok(Some(Value::Bool(text == "true"))),
        (Shape::Whole | Shape::Pick(_), Some(text)) => {
            match text.replace([',', '_', ' '], "").parse::<u64>() {
                Ok(number) => Ok(Some(Value::from(number))),
                Err(_) => fault("write a whole number, such as 60"),
            }
        }
        (_, Some(text)) => Ok(Some(Value::from(text))),
    }
    .and_then(|value| match (value, &field.shape) {
        (None, Shape::Texts | Shape::Choices(_)) if field.is_needed => fault("name at least one"),
        (value, _) => Ok(value),
    })
}

/// A group is there when something was said in it beyond what holds anyway.
fn group(field: &Field, inner: &[Field], typed: &Pairs) -> Result<Option<Value>, Vec<Fault>> {
    let is_said = |field: &Field| {
        let text = typed.get(&field.name);
        text.is_some() && text != field.default.as_deref()
    };
    match field.is_needed || any(inner, &is_said) {
        true => object(inner, typed).map(Some),
        false => Ok(None),
    }
}

fn any(fields: &[Field], is_said: &impl Fn(&Field) -> bool) -> bool {
    fields.iter().any(|field| match &field.shape {
        Shape::Group(inner) => any(inner, is_said),
        _ => is_said(field),
    })
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Value> {
    let texts: Vec<&str> = texts
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect();
    (!texts.is_empty()).then(|| Value::from(texts))
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
