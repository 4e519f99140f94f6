//! The description of the API (OpenAPI 3.1), made from the same table as its routes.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use operations::{VERBS, Verb};
use serde_json::{Map, Value, json};

use super::{BASE, asks_by_query, is_job, tag};
use crate::input;

mod parts;

/// `GET /api/v1/openapi.json`: for everybody; it tells shapes, no facts.
pub(super) async fn get() -> Response {
    static WRITTEN: LazyLock<Vec<u8>> = LazyLock::new(|| {
        // Plain data with text keys: writing it to memory can't fail.
        serde_json::to_vec_pretty(&document()).unwrap_or_default()
    });
    let content = [(header::CONTENT_TYPE, "application/json")];
    (content, WRITTEN.as_slice()).into_response()
}

/// The description of the admin API: OpenAPI 3.1.
pub fn document() -> Value {
    let mut paths = Map::new();
    for verb in VERBS.iter() {
        put(&mut paths, verb.path, verb.method, operation(verb));
    }
    for (path, method, operation) in parts::beside_the_verbs() {
        put(&mut paths, path, method, operation);
    }
    let mut tags: Vec<&str> = VERBS.iter().map(|verb| verb.noun).collect();
    tags.push("exchange");
    tags.sort_unstable();
    tags.dedup();
    let tags: Vec<Value> = tags.iter().map(|noun| json!({ "name": noun })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stillhouse admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": parts::DESCRIPTION,
        },
        "servers": [{ "url": BASE }],
        "security": [{ "token": [] }, { "session": [] }],
        "tags": tags,
        "paths": paths,
        "components": parts::components(),
    })
}

fn put(paths: &mut Map<String, Value>, path: &str, method: &str, operation: Value) {
    let methods = paths
        .entry(path)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(methods) = methods {
        methods.insert(method.to_lowercase(), operation);
    }
}

fn operation(verb: &'static Verb) -> Value {
    let schema = (verb.input)().to_value();
    let roles: Vec<&str> = verb.roles.iter().map(|role| role.name()).collect();
    let mut operation = json!({
        "operationId": format!("{}_{}", verb.noun, verb.verb),
        "summary": verb.summary,
        "description": format!("Roles: {}.", roles.join(", ")),
        "tags": [verb.noun],
        "x-roles": roles,
        "parameters": parameters(verb, &schema),
        "responses": responses(verb, &schema),
    });
    if !asks_by_query(verb) {
        operation["requestBody"] = body(verb, schema);
    }
    operation
}

fn parameters(verb: &Verb, schema: &Value) -> Vec<Value> {
    let in_path: Vec<&str> = verb.path_fields().collect();
    let fields = (verb.fields)().iter().filter_map(|name| {
        let field = schema.get("properties")?.get(*name)?;
        let place = match in_path.contains(name) {
            true => "path",
            false if asks_by_query(verb) => "query",
            false => return None,
        };
        Some(parameter(name, place, field, is_required(schema, name)))
    });
    let mut parameters: Vec<Value> = fields.collect();
    if tag::takes_revision(schema) {
        parameters.push(json!({ "$ref": "#/components/parameters/IfMatch" }));
    }
    if verb.method != "GET" {
        parameters.push(json!({ "$ref": "#/components/parameters/Csrf" }));
    }
    parameters
}

/// The parameters of the live exchanges.
fn filters() -> Vec<Value> {
    let schema = crate::live::filters();
    let fields = schema.get("properties").and_then(Value::as_object);
    let fields = fields.into_iter().flatten();
    fields
        .map(|(name, field)| parameter(name, "query", field, false))
        .collect()
}

fn parameter(name: &str, place: &str, field: &Value, required: bool) -> Value {
    let mut schema = input::inner(field).clone();
    // In a query what is missing is left out, never `null`.
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [one] = kinds.as_slice() {
            schema["type"] = one.clone();
        }
    }
    let about = field.get("description").cloned();
    if let Value::Object(schema) = &mut schema {
        schema.remove("description");
        schema.remove("default");
    }
    json!({
        "name": name,
        "in": place,
        "required": required,
        "description": about,
        "schema": schema,
    })
}

/// The input without what is in the path.
fn body(verb: &Verb, mut schema: Value) -> Value {
    let in_path: Vec<&str> = verb.path_fields().collect();
    bare(&mut schema);
    if let Some(Value::Object(fields)) = schema.get_mut("properties") {
        fields.retain(|name, _| !in_path.contains(&name.as_str()));
    }
    let mut required = false;
    if let Some(Value::Array(names)) = schema.get_mut("required") {
        names.retain(|name| name.as_str().is_none_or(|name| !in_path.contains(&name)));
        required = !names.is_empty();
    }
    json!({ "required": required, "content": { "application/json": { "schema": schema } } })
}

fn bare(schema: &mut Value) {
    if let Value::Object(schema) = schema {
        schema.remove("$schema");
        schema.remove("title");
    }
}

fn responses(verb: &Verb, schema: &Value) -> Value {
    let mut said = (verb.output)().to_value();
    bare(&mut said);
    let has = |name: &str| {
        said.get("properties")
            .is_some_and(|all| all.get(name).is_some())
    };
    let mut headers = Map::new();
    if has("revision") {
        headers.insert(
            "ETag".into(),
            json!({ "$ref": "#/components/headers/ETag" }),
        );
    }
    if has("next") && schema["properties"].get("after").is_some() {
        headers.insert(
            "Link".into(),
            json!({ "$ref": "#/components/headers/Link" }),
        );
    }
    let mut responses = Map::new();
    match is_job(verb) {
        true => responses.insert("202".into(), parts::verification("It was started.")),
        false => responses.insert(
            "200".into(),
            json!({
                "description": "It was done.",
                "headers": headers,
                "content": { "application/json": { "schema": said } },
            }),
        ),
    };
    let mut refused = vec!["400", "401", "403", "404", "409", "500", "503"];
    if tag::takes_revision(schema) {
        refused.push("412");
    }
    if !asks_by_query(verb) {
        refused.extend(["413", "415"]);
    }
    for status in refused {
        let answer = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.insert(status.into(), answer);
    }
    Value::Object(responses)
}

fn is_required(schema: &Value, name: &str) -> bool {
    let names = schema.get("required").and_then(Value::as_array);
    names.is_some_and(|names| names.iter().any(|one| one == name))
}

#[cfg(test)]
mod tests;
