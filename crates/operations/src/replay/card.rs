//! The guard's card: the shipped one, or a file that `guard fit` wrote.

use std::path::Path;

use guard::card::Card;

use crate::error::{Error, Result};

/// Reads a card.
pub(super) fn read(file: Option<&Path>) -> Result<Card> {
    let Some(path) = file else {
        return Card::shipped().map_err(|error| Error::invalid("card", error));
    };
    let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, &error))?;
    Card::decode(&text).map_err(|error| {
        let told = Error::invalid("card", format!("{}: {error}", path.display()));
        told.with_hint("make one by: stillhouse guard fit")
    })
}
