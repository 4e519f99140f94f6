//! The tests of `wire` from outside: golden files, bodies read like Python reads them, splices
//! that change nothing else, and bytes of strangers.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test's helper fails the test, and reads golden files and Python's answers"
)]

mod generate;
mod golden;
mod litellm;
mod logs;
mod python;
mod score;
mod splices;
mod strangers;

/// How many cases: few by default, all with `STILLHOUSE_SOAK=1`.
fn cases(few: u64, all: u64) -> u64 {
    if std::env::var("STILLHOUSE_SOAK").is_ok_and(|soak| soak == "1") {
        all
    } else {
        few
    }
}
