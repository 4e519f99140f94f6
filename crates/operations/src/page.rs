//! Lists in pages: order, cursor, and how much there is.
//!
//! A cursor holds the order, and key and id of the last row that was shown. The next page begins
//! behind that place, so that what comes or goes between two pages neither loses a row that stays
//! nor shows it twice. All rows are looked at for each page, but only one page is ever kept.
//!
//! Each list declares `limit`, `after`, `sort`, and `next` and `total`, by itself: `serde` can't
//! both flatten a shared struct and refuse unknown fields, and the command line reads the names of
//! the fields in their order, which flattening hides.

use std::borrow::Cow;

use record::Id;
use record::id::Kind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Rows on a page where nothing is said.
const USUAL: u32 = 100;
/// The most rows on a page.
pub(crate) const MOST: u32 = 1000;

/// What a row is ordered by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Key<'a> {
    Number(u64),
    Text(Cow<'a, str>),
}

impl<'a> Key<'a> {
    /// A name; upper and lower case are the same.
    pub(crate) fn name(text: &'a str) -> Self {
        Self::Text(match text.chars().any(char::is_uppercase) {
            true => Cow::Owned(text.to_lowercase()),
            false => Cow::Borrowed(text),
        })
    }
}

/// The part of a list that is asked for, checked.
pub(crate) struct Asked<I> {
    limit: usize,
    /// The field that rows are ordered by; one of those that were offered.
    pub(crate) sort: &'static str,
    descending: bool,
    after: Option<(Key<'static>, I)>,
}

/// A part of a list.
pub(crate) struct Cut<R> {
    pub(crate) rows: Vec<R>,
    /// The cursor of the next page, where there is one.
    pub(crate) next: Option<String>,
    /// How many rows there are, on all pages.
    pub(crate) total: u64,
}

impl<R> Cut<R> {
    /// The same page of other rows.
    pub(crate) fn map<T>(self, change: impl FnMut(R) -> T) -> Cut<T> {
        Cut {
            rows: self.rows.into_iter().map(change).collect(),
            next: self.next,
            total: self.total,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Cursor<'a, I> {
    sort: Cow<'a, str>,
    key: Key<'a>,
    id: I,
}

impl<I: Ord + Clone + Serialize + DeserializeOwned> Asked<I> {
    /// Reads what a caller asked for. The first of `sorts` is the usual one.
    pub(crate) fn new(
        limit: Option<u32>,
        after: &Option<String>,
        sort: &Option<String>,
        sorts: &[&'static str],
    ) -> Result<Self> {
        let written = sort.as_deref().unwrap_or(sorts[0]);
        let (name, descending) = match written.strip_prefix('-') {
            Some(name) => (name, true),
            None => (written, false),
        };
        let sort = sorts.iter().find(|known| **known == name).ok_or_else(|| {
            let hint = format!(
                "there are: {}; a `-` before it turns the order around",
                sorts.join(", ")
            );
            Error::invalid("sort", format!("there is no order by `{name}`")).with_hint(hint)
        })?;
        let mut asked = Self {
            limit: size(limit)?,
            sort,
            descending,
            after: None,
        };
        asked.after = match after {
            Some(text) => Some(asked.read_cursor(text)?),
            None => None,
        };
        Ok(asked)
    }

    /// Takes the page out of all rows that pass the filter, in whatever order they come.
    pub(crate) fn cut<'a, R>(
        &self,
        rows: impl Iterator<Item = R>,
        place: impl Fn(&R) -> (Key<'a>, I),
    ) -> Cut<R> {
        let order = |one: &(Key<'a>, I), other: &(Key<'a>, I)| match self.descending {
            true => other.cmp(one),
            false => one.cmp(other),
        };
        let mut total = 0;
        let mut kept: Vec<((Key<'a>, I), R)> = Vec::new();
        for row in rows {
            total += 1;
            let place = place(&row);
            if let Some(after) = &self.after
                && order(&place, after).is_le()
            {
                continue;
            }
            kept.push((place, row));
            // One more than a page is kept, which tells that there is a next one.
            if kept.len() > 2 * self.limit + 1 {
                kept.select_nth_unstable_by(self.limit, |one, other| order(&one.0, &other.0));
                kept.truncate(self.limit + 1);
            }
        }
        kept.sort_unstable_by(|one, other| order(&one.0, &other.0));
        let more = kept.len() > self.limit;
        kept.truncate(self.limit);
        let last = kept.last().filter(|_| more);
        let next = last.map(|((key, id), _)| self.cursor(key, id));
        let rows = kept.into_iter().map(|(_, row)| row).collect();
        Cut { rows, next, total }
    }

    fn cursor(&self, key: &Key<'_>, id: &I) -> String {
        let cursor = Cursor {
            sort: self.written().into(),
            key: key.clone(),
            id: id.clone(),
        };
        write_cursor(&cursor)
    }

    fn read_cursor(&self, text: &str) -> Result<(Key<'static>, I)> {
        let cursor: Cursor<'static, I> = read_cursor(text)?;
        if cursor.sort != self.written() {
            let message = format!("it goes on with a list in the order of `{}`", cursor.sort);
            return Err(Error::invalid("after", message).with_hint("keep the order, or start anew"));
        }
        Ok((cursor.key, cursor.id))
    }

    fn written(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.sort)
    }
}

/// How many rows go on a page.
pub(crate) fn size(limit: Option<u32>) -> Result<usize> {
    let limit = limit.unwrap_or(USUAL);
    match (1..=MOST).contains(&limit) {
        true => Ok(limit as usize),
        false => Err(Error::invalid(
            "limit",
            format!("1 to {MOST} rows go on a page"),
        )),
    }
}

/// A cursor as text that needs no escaping anywhere.
pub(crate) fn write_cursor(cursor: &impl Serialize) -> String {
    hex::encode(serde_json::to_vec(cursor).unwrap_or_default())
}

/// Reads a cursor back.
pub(crate) fn read_cursor<T: DeserializeOwned>(text: &str) -> Result<T> {
    let bytes = hex::decode(text).ok();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    cursor.ok_or_else(|| {
        Error::invalid("after", "this is no cursor")
            .with_hint("take it from the `next` of the page before, or leave it out to start anew")
    })
}

/// A search: the whole id, or text somewhere in a name, upper and lower case the same. Nothing
/// finds everything.
pub(crate) struct Search<K> {
    id: Option<Id<K>>,
    text: Option<String>,
}

impl<K: Kind> Search<K> {
    pub(crate) fn new(text: &Option<String>) -> Self {
        let text = text.as_deref().map(str::trim);
        let text = text.filter(|text| !text.is_empty());
        Self {
            id: text.and_then(|text| text.parse().ok()),
            text: text.map(str::to_lowercase),
        }
    }

    /// Whether this is its id, or one of the texts has it.
    pub(crate) fn finds(&self, id: Id<K>, texts: &[&str]) -> bool {
        let Some(wanted) = &self.text else {
            return true;
        };
        self.id == Some(id) || texts.iter().any(|text| has(text, wanted))
    }
}

fn has(text: &str, lowered: &str) -> bool {
    if text.is_ascii() {
        let wanted = lowered.as_bytes();
        let mut places = text.as_bytes().windows(wanted.len());
        return places.any(|place| place.eq_ignore_ascii_case(wanted));
    }
    text.to_lowercase().contains(lowered)
}

#[cfg(test)]
mod tests;
