use super::*;

/// Every verb is there with each of its fields, in the path, the query or the body, described.
#[test]
fn every_verb_is_described_with_each_field() {
    let document = document();
    for verb in VERBS.iter() {
        let name = format!("{} {}", verb.noun, verb.verb);
        let operation = &document["paths"][verb.path][verb.method.to_lowercase()];
        assert_eq!(operation["summary"], verb.summary, "{name}");
        let parameters = operation["parameters"].as_array().unwrap();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        for field in (verb.fields)() {
            let as_parameter = parameters.iter().find(|one| one["name"] == *field);
            let as_body = body["properties"].get(*field);
            let about = match (as_parameter, as_body) {
                (Some(one), None) => &one["description"],
                (None, Some(one)) => &one["description"],
                (both, _) => panic!("{name}: `{field}` is there {}", both.map_or(0, |_| 2)),
            };
            assert!(
                about.as_str().is_some_and(|about| !about.is_empty()),
                "{name} {field}"
            );
        }
        for role in verb.roles {
            let roles = operation["x-roles"].as_array().unwrap();
            assert!(roles.iter().any(|one| one == role.name()), "{name}");
        }
        assert!(operation["responses"]["403"].is_object(), "{name}");
    }
}

/// What is referred to is there.
#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(to)) = fields.get("$ref") {
                    found.push(to.clone());
                }
                fields.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    walk(&document, &mut found);
    assert!(!found.is_empty());
    for to in found {
        let pointer = to.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{to}");
    }
}
