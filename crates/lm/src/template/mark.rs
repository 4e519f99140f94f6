//! Breaks the spelling of special tokens in what a user wrote: a mark (a noncharacter of Unicode
//! that no message holds) is put after the first character of anything that is, or at the end of a
//! string could become, such a spelling. The tokenizer drops the mark once special tokens are found.

use minijinja::Value;
use minijinja::value::ValueKind;

/// Noncharacters that Unicode reserves for such internal use.
const MARKS: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';

/// A mark that is in none of the values.
pub(super) fn unused<'a>(values: impl Iterator<Item = &'a Value>) -> Option<char> {
    let mut used = 0u32;
    values.for_each(|v| strings(v, &mut |s| note(s, &mut used)));
    (0u32..)
        .zip(MARKS)
        .find(|(bit, _)| used & (1 << bit) == 0)
        .map(|(_, mark)| mark)
}

fn note(text: &str, used: &mut u32) {
    for c in text.chars().filter(|c| MARKS.contains(c)) {
        *used |= 1 << (u32::from(c) - u32::from(*MARKS.start()));
    }
}

/// Calls `each` with every string in a value, keys too.
fn strings(value: &Value, each: &mut impl FnMut(&str)) {
    if let Some(text) = value.as_str() {
        each(text);
    }
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Map) {
        return;
    }
    for item in value.try_iter().into_iter().flatten() {
        strings(&item, each);
        if value.kind() == ValueKind::Map
            && let Ok(inner) = value.get_item(&item)
        {
            strings(&inner, each);
        }
    }
}

/// The value with its strings marked, keys too.
pub(super) fn insert(value: &Value, mark: char, spellings: &[&str]) -> Value {
    let again = |v: &Value| insert(v, mark, spellings);
    match value.kind() {
        ValueKind::String => match value.as_str() {
            Some(text) => Value::from(marked(text, mark, spellings)),
            None => value.clone(),
        },
        ValueKind::Seq => value
            .try_iter()
            .into_iter()
            .flatten()
            .map(|v| again(&v))
            .collect(),
        ValueKind::Map => {
            let keys = value.try_iter().into_iter().flatten();
            Value::from_pairs(
                keys.map(|k| (again(&k), again(&value.get_item(&k).unwrap_or_default()))),
            )
        }
        _ => value.clone(),
    }
}

fn marked(text: &str, mark: char, spellings: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        out.push(c);
        let rest = &text[at..];
        let could_be = |s: &&str| s.starts_with(c) && (rest.starts_with(*s) || s.starts_with(rest));
        if spellings.iter().any(could_be) {
            out.push(mark);
        }
    }
    out
}
