//! Settings: `show`. They are written in a file, in variables and in flags; nothing is set here.

use record::Actor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::house::House;
use crate::verbs::Nothing;

/// A setting as it was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// Its key, as the file would have it.
    pub key: String,
    /// Its value; of a secret, the place where it is read from.
    pub value: String,
    /// Where it was said: `default`, a file and line, `env NAME` or `flag --NAME`.
    pub from: String,
}

/// What `show` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// In the order of the file's sections.
    pub settings: Vec<Setting>,
}

/// Every setting in force, and where it was said.
///
/// # Errors
/// None so far.
pub fn show(house: &House, _: &Actor, _: Nothing) -> Result<Settings> {
    Ok(Settings {
        settings: house.serving.settings(),
    })
}
