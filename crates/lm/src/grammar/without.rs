//! The same interface in an engine built without the feature `grammar`: there are no grammars.

use crate::{Error, Result, Tokenizer};

/// Makes grammars; there are none in this build.
#[derive(Debug)]
pub enum Grammars {}

/// An answer's form; there is none in this build.
#[derive(Debug, Clone)]
pub enum Grammar {}

impl Grammars {
    /// # Errors
    /// [`Error::Unsupported`], always.
    pub fn new(_tokenizer: &Tokenizer) -> Result<Self> {
        let why = "answers of a given form: the engine was built without the feature grammar";
        Err(Error::Unsupported(why.into()))
    }

    /// # Errors
    /// None: there is no value to call it on.
    pub fn json_schema(&self, _schema: &str) -> Result<Grammar> {
        match *self {}
    }

    /// # Errors
    /// None: there is no value to call it on.
    pub fn json_object(&self) -> Result<Grammar> {
        match *self {}
    }
}

impl Grammar {
    pub(crate) fn mask(&mut self, _logits: &mut [f32]) -> Result<()> {
        match *self {}
    }

    pub(crate) fn push(&mut self, _token: u32) -> Result<()> {
        match *self {}
    }
}
