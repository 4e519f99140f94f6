//! What pages are made of: small functions from plain values to HTML. Every text that comes from
//! outside is escaped by `maud`; no part knows a verb, and none carries a style of its own.

pub(crate) mod code;
pub(crate) mod course;
pub(crate) mod icon;
pub(crate) mod list;
pub(crate) mod note;
pub(crate) mod plot;
pub(crate) mod scale;
pub(crate) mod sheet;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod tile;
