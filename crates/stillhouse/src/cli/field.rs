//! The fields of a verb's input as arguments: one each, of the same name, made from the input's
//! schema. Nothing here knows a verb but by the tables of exceptions.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use operations::Verb;
use serde_json::{Map, Value};

use super::door;
use crate::failure::Result;

/// Objects whose fields stand alone: `limits.concurrency` is `--concurrency`. A field of another
/// object has both names: `spend.dollars` is `--spend-dollars`.
const PLAIN: [&str; 1] = ["limits"];

/// Fields that are written without their name, beside those in the path of the verb's route.
const POSITIONAL: [(&str, &str, &str); 5] = [
    ("account", "create", "name"),
    ("distill", "clean", "run"),
    ("ledger", "backup", "to"),
    ("operator", "create", "name"),
    ("organization", "create", "name"),
];

/// Other names of fields.
const ALIASES: [(&str, &str); 1] = [("teachers", "teacher")];

/// A field of an input.
struct Field {
    /// Its name, after that of the object that it is in.
    path: Vec<String>,
    help: String,
    shape: Shape,
    is_required: bool,
}

enum Shape {
    Text,
    Path,
    Number,
    /// Whether it is there.
    Flag,
    /// Has to be said.
    Switch,
    Choice(Vec<PossibleValue>),
    Texts,
    Choices(Vec<PossibleValue>),
}

impl Field {
    fn id(&self) -> String {
        self.path.join(".")
    }

    fn argument(&self, verb: &Verb) -> Arg {
        let mut arg = Arg::new(self.id())
            .help(&self.help)
            .required(self.is_required);
        let name = self.path[0].as_str();
        let is_positional = verb.path_fields().any(|field| field == name)
            || POSITIONAL.contains(&(verb.noun, verb.verb, name));
        if !is_positional {
            let plain = self.path.len() > 1 && PLAIN.contains(&name);
            let long = self.path[usize::from(plain)..].join("-").replace('_', "-");
            arg = arg.long(long).value_name(self.value_name());
        }
        for (_, alias) in ALIASES.iter().filter(|(field, _)| *field == name) {
            arg = arg.visible_alias(*alias);
        }
        match &self.shape {
            // An order may begin with a minus.
            Shape::Text => arg.allow_hyphen_values(name == "sort"),
            Shape::Path => arg.value_parser(value_parser!(PathBuf)),
            Shape::Number => arg.value_parser(value_parser!(u64)),
            Shape::Flag => arg.action(ArgAction::SetTrue).value_name(None::<&str>),
            Shape::Switch => arg.value_parser(value_parser!(bool)),
            Shape::Choice(values) => arg.value_parser(PossibleValuesParser::new(values.clone())),
            Shape::Texts => arg.action(ArgAction::Append).value_delimiter(','),
            Shape::Choices(values) => arg
                .action(ArgAction::Append)
                .value_delimiter(',')
                .value_parser(PossibleValuesParser::new(values.clone())),
        }
    }

    fn value_name(&self) -> String {
        match self.shape {
            Shape::Number => "N".to_owned(),
            _ => self.path[self.path.len() - 1].to_uppercase(),
        }
    }

    fn value(&self, given: &ArgMatches) -> Result<Option<Value>> {
        let id = self.id();
        let texts = || {
            let all = given.get_many::<String>(&id)?;
            Some(all.map(|text| Value::from(text.as_str())).collect())
        };
        Ok(match &self.shape {
            Shape::Text | Shape::Choice(_) => given
                .get_one::<String>(&id)
                .map(|text| text.as_str().into()),
            Shape::Path => match given.get_one::<PathBuf>(&id) {
                Some(path) => Some(door::absolute(path)?.to_string_lossy().into()),
                None => None,
            },
            Shape::Number => given.get_one::<u64>(&id).map(|number| (*number).into()),
            Shape::Flag => given.get_flag(&id).then_some(Value::Bool(true)),
            Shape::Switch => given.get_one::<bool>(&id).map(|is| (*is).into()),
            Shape::Texts | Shape::Choices(_) => texts(),
        })
    }
}

/// An argument for each field of the verb's input.
pub(super) fn arguments(verb: &Verb) -> Vec<Arg> {
    fields(verb)
        .iter()
        .map(|field| field.argument(verb))
        .collect()
}

/// The input, of what was given. What was not is left to the verb.
///
/// # Errors
/// A path without a working folder to start from.
pub(super) fn input(verb: &Verb, given: &ArgMatches) -> Result<Value> {
    let mut input = Map::new();
    for field in fields(verb) {
        let Some(value) = field.value(given)? else {
            continue;
        };
        match field.path.as_slice() {
            [name] => drop(input.insert(name.clone(), value)),
            [object, name, ..] => {
                let empty = || Value::Object(Map::new());
                let object = input.entry(object.as_str()).or_insert_with(empty);
                object[name.as_str()] = value;
            }
            [] => {}
        }
    }
    Ok(Value::Object(input))
}

fn fields(verb: &Verb) -> Vec<Field> {
    let schema = (verb.input)().to_value();
    let mut fields = Vec::new();
    for name in (verb.fields)() {
        let property = &schema["properties"][name];
        let is_required = is_in(&schema["required"], name);
        match property["properties"].as_object() {
            Some(inner) => {
                let nested = |(inner, property): (&String, &Value)| {
                    let path = vec![(*name).to_owned(), inner.clone()];
                    field(path, property, false)
                };
                fields.extend(inner.iter().map(nested));
            }
            None => fields.push(field(vec![(*name).to_owned()], property, is_required)),
        }
    }
    fields
}

fn is_in(list: &Value, name: &str) -> bool {
    let list = list.as_array();
    list.is_some_and(|list| list.iter().any(|one| one == name))
}

fn field(path: Vec<String>, property: &Value, is_required: bool) -> Field {
    let mut help = property["description"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if let Some(sorts) = property["x-sorts"].as_array() {
        let sorts: Vec<&str> = sorts.iter().filter_map(Value::as_str).collect();
        help = format!("{help} One of {}", sorts.join(", "));
    }
    Field {
        path,
        help: help.trim_end_matches('.').replace('\n', " "),
        shape: shape(property, is_required),
        is_required,
    }
}

fn shape(property: &Value, is_required: bool) -> Shape {
    if let Some(values) = choices(property) {
        return Shape::Choice(values);
    }
    let is = |kind: &str| property["type"] == kind || is_in(&property["type"], kind);
    if is("array") {
        return match choices(&property["items"]) {
            Some(values) => Shape::Choices(values),
            None => Shape::Texts,
        };
    }
    match (is("boolean"), is("integer")) {
        (true, _) if is_required => Shape::Switch,
        (true, _) => Shape::Flag,
        (_, true) => Shape::Number,
        _ if property["format"] == "path" => Shape::Path,
        _ => Shape::Text,
    }
}

/// The values of an enumeration, also of one that may be left out.
fn choices(property: &Value) -> Option<Vec<PossibleValue>> {
    if let Some(either) = property["anyOf"].as_array() {
        return either.iter().find_map(choices);
    }
    let value = |one: &Value| {
        let help = one["description"].as_str().unwrap_or_default().to_owned();
        Some(PossibleValue::new(one["const"].as_str()?.to_owned()).help(help))
    };
    if let Some(values) = property["oneOf"].as_array() {
        return values.iter().map(value).collect();
    }
    let values = property["enum"].as_array()?.iter();
    Some(
        values
            .filter_map(Value::as_str)
            .map(|name| PossibleValue::new(name.to_owned()))
            .collect(),
    )
}
