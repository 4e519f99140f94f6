//! Reading what verbs say. Pages know a verb by its JSON, as every client of the admin API does;
//! what is missing or `null` is empty, so that a page never fails for one field. Tests check that
//! every name that is asked for here is in the verb's schema.

use serde_json::Value;

/// Fields of an answer.
pub(crate) trait Said {
    /// The field itself; `null` where it is missing.
    fn at(&self, name: &str) -> &Value;
    /// A text; empty where there is none.
    fn text(&self, name: &str) -> &str;
    /// A text that may be missing.
    fn maybe(&self, name: &str) -> Option<&str>;
    /// A whole number; 0 where there is none.
    fn number(&self, name: &str) -> u64;
    /// A whole number that may be missing.
    fn maybe_number(&self, name: &str) -> Option<u64>;
    /// Whether it is so.
    fn is(&self, name: &str) -> bool;
    /// The items of a list.
    fn list(&self, name: &str) -> &[Value];
    /// The texts of a list.
    fn texts(&self, name: &str) -> Vec<&str>;
}

impl Said for Value {
    fn at(&self, name: &str) -> &Value {
        #[cfg(test)]
        missing::note(self, name);
        self.get(name).unwrap_or(&Value::Null)
    }

    fn text(&self, name: &str) -> &str {
        self.at(name).as_str().unwrap_or_default()
    }

    fn maybe(&self, name: &str) -> Option<&str> {
        self.at(name).as_str()
    }

    fn number(&self, name: &str) -> u64 {
        self.at(name).as_u64().unwrap_or_default()
    }

    fn maybe_number(&self, name: &str) -> Option<u64> {
        self.at(name).as_u64()
    }

    fn is(&self, name: &str) -> bool {
        self.at(name).as_bool().unwrap_or_default()
    }

    fn list(&self, name: &str) -> &[Value] {
        self.at(name)
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    fn texts(&self, name: &str) -> Vec<&str> {
        self.list(name).iter().filter_map(Value::as_str).collect()
    }
}

/// In tests: the names that pages asked for in vain.
#[cfg(test)]
pub(crate) mod missing {
    use std::cell::RefCell;

    use serde_json::Value;

    thread_local! {
        static NAMES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) fn note(value: &Value, name: &str) {
        // Nothing has no fields, and is asked for them; a number or a text never should be.
        let lacks = match value {
            Value::Null => false,
            Value::Object(object) => !object.contains_key(name),
            _ => true,
        };
        if lacks {
            NAMES.with_borrow_mut(|names| names.push(name.to_owned()));
        }
    }

    pub(crate) fn take() -> Vec<String> {
        NAMES.take()
    }
}
