use serde_json::json;

use super::*;

fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name"],
        "properties": {
            "name": { "type": "string" },
            "limit": { "type": ["integer", "null"], "minimum": 0 },
            "share": { "type": "number" },
            "all": { "type": "boolean" },
            "models": { "type": ["array", "null"], "items": { "type": "string" } },
            "state": { "anyOf": [
                { "oneOf": [{ "const": "active" }, { "const": "closed" }] },
                { "type": "null" },
            ] },
            "limits": { "type": "object", "additionalProperties": false, "properties": {
                "concurrency": { "type": ["integer", "null"], "minimum": 0 },
            } },
        },
    })
}

#[test]
fn texts_become_what_the_schema_says() {
    let pairs = [
        ("name", "a"),
        ("limit", "5"),
        ("share", "0.5"),
        ("all", "on"),
        ("models", "m, n"),
        ("models", "o"),
        ("state", "closed"),
        ("limits.concurrency", "3"),
    ];
    let read = from_pairs(&schema(), pairs).unwrap();
    let meant = json!({
        "name": "a", "limit": 5, "share": 0.5, "all": true, "models": ["m", "n", "o"],
        "state": "closed", "limits": { "concurrency": 3 },
    });
    assert_eq!(read, meant);
    check(&schema(), &read).unwrap();
}

#[test]
fn empty_texts_leave_out_what_may_be_missing() {
    let pairs = [("name", ""), ("limit", ""), ("limits.concurrency", "")];
    assert_eq!(from_pairs(&schema(), pairs).unwrap(), json!({ "name": "" }));
}

#[test]
fn what_is_wrong_is_named() {
    for (pairs, field) in [
        ([("name", "a"), ("limit", "x")], "limit"),
        ([("name", "a"), ("limit", "1.5")], "limit"),
        ([("name", "a"), ("all", "maybe")], "all"),
        ([("name", "a"), ("name", "b")], "name"),
        ([("name", "a"), ("nam", "b")], "nam"),
        ([("name", "a"), ("limits.x", "1")], "limits.x"),
        ([("name", "a"), ("name.x", "1")], "name.x"),
    ] {
        let error = from_pairs(&schema(), pairs).unwrap_err();
        assert!(
            matches!(&error, Error::Invalid { field: at, .. } if at == field),
            "{error:?}"
        );
    }
    for (input, field) in [
        (json!({}), "name"),
        (json!([]), "input"),
        (json!({ "name": 1 }), "name"),
        (json!({ "name": "a", "limit": -1 }), "limit"),
        (json!({ "name": "a", "limit": 0.5 }), "limit"),
        (json!({ "name": "a", "limit": "5" }), "limit"),
        (json!({ "name": "a", "share": "5" }), "share"),
        (json!({ "name": "a", "all": 1 }), "all"),
        (json!({ "name": "a", "models": "m" }), "models"),
        (json!({ "name": "a", "models": [1] }), "models"),
        (json!({ "name": "a", "state": "gone" }), "state"),
        (json!({ "name": "a", "limits": { "x": 1 } }), "limits.x"),
        (
            json!({ "name": "a", "limits": { "concurrency": "1" } }),
            "limits.concurrency",
        ),
        (json!({ "name": "a", "y": 1 }), "y"),
    ] {
        let error = check(&schema(), &input).unwrap_err();
        assert!(
            matches!(&error, Error::Invalid { field: at, .. } if at == field),
            "{input}: {error:?}"
        );
    }
}
