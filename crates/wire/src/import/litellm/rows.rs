//! Rows of a table, from the API's JSON, a table's dump as JSON, or as CSV with a heading: each a
//! map of column to value. PostgreSQL's arrays and booleans are understood in CSV.

use serde_json::{Map, Value};

use super::Error;

/// One row.
pub(super) type Row = Map<String, Value>;

/// Reads rows of `what` (`keys` or `teams`), which is also the name of the list in the API's
/// answer.
pub(super) fn read(what: &'static str, text: &str) -> Result<Vec<Row>, Error> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let wrong = |why: String| Error::Rows { what, why };
    if !text.starts_with(['[', '{']) {
        return from_csv(text).map_err(wrong);
    }
    let mut read: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    read.sort_all_objects();
    let list = match read {
        Value::Array(list) => list,
        Value::Object(mut object) => match object.remove(what) {
            Some(Value::Array(list)) => list,
            _ => return Err(wrong(format!("there is no list `{what}` in it"))),
        },
        _ => return Err(wrong("it is no list".into())),
    };
    let row = |value: Value| match value {
        Value::Object(row) => Ok(row),
        Value::String(_) => Err(wrong(
            "it lists names only; ask with return_full_object=true".into(),
        )),
        _ => Err(wrong("a row is no object".into())),
    };
    list.into_iter().map(row).collect()
}

fn from_csv(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = records(text)?.into_iter();
    let heading = lines.next().unwrap_or_default();
    if !heading
        .iter()
        .any(|name| name == "token" || name == "team_id")
    {
        return Err("it is neither JSON nor CSV with a column `token` or `team_id`".into());
    }
    let row = |cells: Vec<String>| {
        if cells.len() != heading.len() {
            return Err(format!(
                "a row has {} cells, not {}",
                cells.len(),
                heading.len()
            ));
        }
        let pairs = heading.iter().cloned().zip(cells.into_iter().map(cell));
        Ok(pairs.collect())
    };
    lines.map(row).collect()
}

/// Cells by RFC 4180; empty lines are left out.
fn records(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut records = Vec::new();
    let (mut record, mut cell) = (Vec::new(), String::new());
    let (mut quoted, mut letters) = (false, text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !quoted && letters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            other => cell.push(other),
        }
    }
    if quoted {
        return Err("a quoted cell does not end".into());
    }
    if !cell.is_empty() || !record.is_empty() {
        record.push(cell);
        records.push(record);
    }
    records.retain(|record| record.len() > 1 || record.iter().any(|cell| !cell.is_empty()));
    Ok(records)
}

fn cell(text: String) -> Value {
    match text.as_str() {
        "" | "NULL" | "\\N" => Value::Null,
        array if array.starts_with('{') && array.ends_with('}') && !array.contains(':') => {
            let inner = &array[1..array.len() - 1];
            let names = inner.split(',').map(|name| name.trim_matches('"'));
            let names = names.filter(|name| !name.is_empty());
            Value::Array(names.map(Value::from).collect())
        }
        // Whether it is a number or a yes is for who asks to say: a team's id may be digits.
        _ => Value::String(text),
    }
}

/// A text that is not empty.
pub(super) fn text<'a>(row: &'a Row, key: &str) -> Option<&'a str> {
    row.get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// A number, also one that is written as a text.
pub(super) fn number(row: &Row, key: &str) -> Option<f64> {
    match row.get(key)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

/// A whole number that is not negative; fractions are rounded down.
pub(super) fn count(row: &Row, key: &str) -> Option<u64> {
    let number = number(row, key)?;
    (0.0..9e15).contains(&number).then_some(number as u64)
}

/// Whether it says yes.
pub(super) fn is_true(row: &Row, key: &str) -> bool {
    match row.get(key) {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(text)) => matches!(text.as_str(), "t" | "true" | "TRUE"),
        _ => false,
    }
}

/// A list of texts.
pub(super) fn texts(row: &Row, key: &str) -> Vec<String> {
    let list = row.get(key).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_of_a_table() {
        let table = "token,models,blocked,max_budget,metadata\r\nab,\"{gpt-4o,\"\"x y\"\"}\",f,1.5,\"{\"\"a\"\": 1}\"\r\n\r\ncd,{},t,,\n";
        let rows = read("keys", table).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(texts(&rows[0], "models"), ["gpt-4o", "x y"]);
        assert_eq!(number(&rows[0], "max_budget"), Some(1.5));
        assert!(rows[0]["metadata"].is_string() && rows[1]["max_budget"].is_null());
        assert!(is_true(&rows[1], "blocked") && !is_true(&rows[0], "blocked"));
        let rows = read("teams", "team_id,team_alias,rpm_limit\n2024,t,60\n").unwrap();
        let (id, name) = (text(&rows[0], "team_id"), text(&rows[0], "team_alias"));
        assert_eq!((id, name), (Some("2024"), Some("t")));
        assert_eq!(count(&rows[0], "rpm_limit"), Some(60));
        for bad in [
            "",
            "hello",
            "token,b\n1",
            "token\n\"x",
            "{}",
            "[1]",
            "[\"abc\"]",
            "{\"keys\":3}",
        ] {
            assert!(read("keys", bad).is_err(), "{bad}");
        }
    }
}
