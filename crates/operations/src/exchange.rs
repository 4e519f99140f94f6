//! Exchanges and refusals as they are shown: a row of facts, never text; filters; and the newest
//! as they come.

mod filter;
mod row;
mod tail;

pub use filter::{Class, Filter, What};
pub use row::{Kind, Row, Usage};
pub use tail::{Newest, newest};
