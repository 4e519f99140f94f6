//! Lists as a whole: all pages are asked for, unless the caller named a size or a place.

use operations::Verb;
use serde_json::Value;

use super::door;
use crate::failure::Result;
use crate::settings::Settings;

/// The most rows that a list gives at once.
const MOST: u64 = 1000;

/// Calls a verb; of a list, until there is no next page.
///
/// # Errors
/// The verb's, or the way's.
pub(super) fn whole(settings: &Settings, verb: &Verb, mut input: Value) -> Result<Value> {
    let fields = (verb.fields)();
    let is_list = ["limit", "after", "sort"]
        .iter()
        .all(|field| fields.contains(field));
    let said = |field: &str| input.get(field).is_some_and(|value| !value.is_null());
    if !is_list || said("limit") || said("after") {
        return door::call(settings, verb, input);
    }
    input["limit"] = MOST.into();
    door::with(settings, verb, |call| {
        let mut all = call(input.clone())?;
        while let Some(next) = all.get("next").filter(|next| next.is_string()) {
            input["after"] = next.clone();
            append(&mut all, call(input.clone())?);
        }
        Ok(all)
    })
}

/// Rows are added; all else is as the newest page has it.
fn append(all: &mut Value, page: Value) {
    let (Value::Object(all), Value::Object(page)) = (all, page) else {
        return;
    };
    for (name, value) in page {
        match (all.get_mut(&name), value) {
            (Some(Value::Array(rows)), Value::Array(more)) => rows.extend(more),
            (_, value) => drop(all.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_become_one() {
        let mut all = json!({ "keys": [1, 2], "next": "a", "total": 3 });
        append(&mut all, json!({ "keys": [3], "next": null, "total": 4 }));
        assert_eq!(all, json!({ "keys": [1, 2, 3], "next": null, "total": 4 }));
    }
}
