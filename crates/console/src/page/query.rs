//! Names and values of a query or a form (`application/x-www-form-urlencoded`), in order: read,
//! changed in one place, and written again, so that a page's whole state fits in its address.

use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode,
};

/// Names with values, in the order in which they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl FromIterator<(String, String)> for Pairs {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().take(MOST).collect())
    }
}

/// More than any form of ours has; the rest of a longer one is not read.
const MOST: usize = 400;

impl Pairs {
    /// Reads a query or a form. What can't be decoded is kept as it was written.
    pub(crate) fn read(text: &str) -> Self {
        form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect()
    }

    /// The first value of this name that is not blank.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name)
            .map(str::trim)
            .find(|value| !value.is_empty())
    }

    /// Every value of this name.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let known = self.0.iter().filter(move |(known, _)| known == name);
        known.map(|(_, value)| value.as_str())
    }

    /// Every pair.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The same pairs with one value for this name; none where that is empty.
    #[must_use]
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs = self.without(&[name]);
        if !value.is_empty() {
            pairs.0.push((name.to_owned(), value.to_owned()));
        }
        pairs
    }

    /// The same pairs without these names.
    #[must_use]
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter();
        Self(
            kept.filter(|(known, _)| !names.contains(&known.as_str()))
                .cloned()
                .collect(),
        )
    }

    /// An address: the path, and `?` with the pairs where there are any.
    pub(crate) fn href(&self, path: &str) -> String {
        let mut href = path.to_owned();
        for (index, (name, value)) in self.iter().enumerate() {
            href.push(if index == 0 { '?' } else { '&' });
            href.extend(encode(name));
            href.push('=');
            href.extend(encode(value));
        }
        href
    }
}

/// A path of these segments, each encoded.
pub(crate) fn path(segments: &[&str]) -> String {
    segments
        .iter()
        .map(|segment| format!("/{}", encode(segment)))
        .collect()
}

/// The segments of a path, decoded.
pub(crate) fn segments(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect()
}

/// All but RFC 3986's unreserved letters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ENCODED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_changes_and_writes() {
        let pairs = Pairs::read("sort=-name&search=a+b%26c&x=%zz&&flag");
        assert_eq!(pairs.get("search"), Some("a b&c"));
        assert_eq!(pairs.get("x"), Some("%zz"));
        assert_eq!(pairs.get("flag"), None);
        let next = pairs.with("sort", "name").without(&["x", "flag"]);
        assert_eq!(next.href("/keys"), "/keys?search=a%20b%26c&sort=name");
        assert_eq!(next.with("sort", "").without(&["search"]).href("/"), "/");
        assert_eq!(segments("/models/a%2Fb+c/"), ["models", "a/b+c"]);
        assert_eq!(path(&["models", "a/b"]), "/models/a%2Fb");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_reads_back(name in ".{1,20}", value in ".{1,40}") {
            let pairs = Pairs::default().with(&name, &value);
            let href = pairs.href("/p");
            prop_assert!(href.is_ascii());
            prop_assert_eq!(Pairs::read(&href[3..]), pairs);
        }

        #[test]
        fn any_text_reads(text in ".{0,80}") {
            let _ = Pairs::read(&text).href("/");
        }
    }
}
