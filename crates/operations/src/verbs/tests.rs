use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

#[test]
fn every_verb_has_a_place_of_its_own() {
    let mut names = BTreeSet::new();
    let mut places = BTreeSet::new();
    for verb in VERBS.iter() {
        let name = format!("{} {}", verb.noun, verb.verb);
        assert!(names.insert(name.clone()), "{name} is there twice");
        // `{account}` and `{key}` in the same place would be one route.
        let shape: Vec<&str> = verb
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { "{}" } else { part })
            .collect();
        let place = (verb.method, shape.join("/"));
        assert!(places.insert(place.clone()), "{name}: {place:?} is taken");
        assert!(
            verb.path.starts_with('/') && !verb.path.ends_with('/'),
            "{name}"
        );
        let methods: &[&str] = match verb.changes {
            true => &["POST", "PATCH", "DELETE"],
            false => &["GET", "POST"],
        };
        assert!(methods.contains(&verb.method), "{name}: {}", verb.method);
        assert!(verb.summary.ends_with('.'), "{name}: {}", verb.summary);
        assert!(verb.is_for(Role::Admin), "{name}: an admin may do all");
    }
}

#[test]
fn every_input_has_a_schema_of_all_its_fields() {
    for verb in VERBS.iter() {
        let name = format!("{} {}", verb.noun, verb.verb);
        let schema = (verb.input)().to_value();
        let empty = serde_json::Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let (told, known): (BTreeSet<&str>, BTreeSet<&str>) = (
            (verb.fields)().iter().copied().collect(),
            properties.keys().map(String::as_str).collect(),
        );
        assert_eq!(told, known, "{name}");
        for field in verb.path_fields() {
            let property = &schema["properties"][field];
            let kind = property["type"].as_str();
            assert!(
                matches!(kind, Some("string" | "integer")),
                "{name}: `{field}` is in the path: {property}"
            );
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            assert!(required.contains(&Value::from(field)), "{name}: `{field}`");
        }
        for (field, property) in properties {
            assert!(
                property["description"].is_string(),
                "{name}: `{field}` is not described: {property}"
            );
        }
        assert_eq!(schema["additionalProperties"], false, "{name}");
        for schema in [&schema, &(verb.output)().to_value()] {
            assert!(!schema.to_string().contains("$ref"), "{name}: {schema}");
        }
    }
}

#[test]
fn fields_come_in_the_order_of_their_declaration() {
    let verb = verb("key", "create").unwrap();
    assert_eq!((verb.fields)()[..3], ["account", "name", "expires"]);
}
