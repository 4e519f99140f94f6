//! One call of a verb: its input out of path, query, body and `If-Match`, its answer with `ETag`
//! and the link to the next page.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use operations::Verb;
use serde_json::{Map, Value};

use super::{asks_by_query, tag};
use crate::auth::Caller;
use crate::refusal::Refusal;
use crate::state::App;
use crate::{body, input};

const JSON: &str = "application/json";

/// Calls a verb.
///
/// # Errors
/// The caller's role, an input that can't be, or the verb's.
pub(super) async fn answer(
    verb: &'static Verb,
    State(app): State<App>,
    Caller(viewer): Caller,
    Path(path): Path<BTreeMap<String, String>>,
    request: Request,
) -> Result<Response, Refusal> {
    // Who may not call it learns nothing of its input.
    viewer.may(verb)?;
    let (parts, body) = request.into_parts();
    let schema = (verb.input)().to_value();
    let mut given = query(verb, &schema, &parts.uri)?;
    if parts.method != Method::GET {
        add(&mut given, posted(&parts.headers, body).await?)?;
    }
    let in_path = path
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    add(&mut given, object(input::from_pairs(&schema, in_path)?))?;
    tag::put_revision(&schema, &parts.headers, &mut given)?;
    let given = Value::Object(given);
    input::check(&schema, &given)?;
    let said = app.call(&viewer, verb, given).await?;
    Ok(shown(&parts, &said))
}

fn query(verb: &Verb, schema: &Value, uri: &Uri) -> Result<Map<String, Value>, Refusal> {
    let text = uri.query().unwrap_or_default();
    let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
    if let Some((name, _)) = pairs.first()
        && !asks_by_query(verb)
    {
        return Err(Refusal::invalid(name, "it belongs into the body"));
    }
    let pairs = pairs.iter().map(|(name, text)| (&**name, &**text));
    Ok(object(input::from_pairs(schema, pairs)?))
}

async fn posted(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Refusal> {
    let bytes = body::whole(body).await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let content = headers.get(header::CONTENT_TYPE);
    let content = content.and_then(|content| content.to_str().ok());
    let media = content.and_then(|content| content.split(';').next());
    if media.map(str::trim) != Some(JSON) {
        return Err(Refusal::Media(JSON));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::invalid("input", "it has to be an object")),
        Err(error) => Err(Refusal::invalid("input", error)),
    }
}

/// A field is said in one place only.
fn add(given: &mut Map<String, Value>, more: Map<String, Value>) -> Result<(), Refusal> {
    for (name, value) in more {
        if given.contains_key(&name) {
            return Err(Refusal::invalid(&name, "it is there more than once"));
        }
        given.insert(name, value);
    }
    Ok(())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn shown(parts: &Parts, said: &Value) -> Response {
    let etag = tag::of(said);
    let known = parts.headers.get(header::IF_NONE_MATCH);
    let is_known = known.is_some() && known == etag.as_ref() && parts.method == Method::GET;
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        // Plain data with text keys: writing it to memory can't fail.
        false => (
            [(header::CONTENT_TYPE, JSON)],
            serde_json::to_vec(said).unwrap_or_default(),
        )
            .into_response(),
    };
    let headers = response.headers_mut();
    if let Some(etag) = etag {
        headers.insert(header::ETAG, etag);
    }
    if let Some(link) = next(&parts.uri, said) {
        headers.insert(header::LINK, link);
    }
    response
}

/// The link to the next page of a list: the same query, after the last row.
fn next(uri: &Uri, said: &Value) -> Option<HeaderValue> {
    let cursor = said.get("next")?.as_str()?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    let asked = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    for (name, value) in asked.filter(|(name, _)| name != "after") {
        query.append_pair(&name, &value);
    }
    let query = query.append_pair("after", cursor).finish();
    HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_next_page_is_the_same_question() {
        let uri = Uri::from_static("/api/v1/accounts?sort=-name&after=x&search=a%20b");
        let link = next(&uri, &json!({ "next": "y/1" })).unwrap();
        assert_eq!(
            link,
            "</api/v1/accounts?sort=-name&search=a+b&after=y%2F1>; rel=\"next\""
        );
        assert_eq!(next(&uri, &json!({ "next": null })), None);
        assert_eq!(next(&uri, &json!({ "next": 5 })), None);
    }
}
