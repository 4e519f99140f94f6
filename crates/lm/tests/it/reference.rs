//! The checked-in reference files; made by `bench/reference/lm_reference.py`.

use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads `tests/reference/NAME`.
pub(crate) fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference")
        .join(name);
    let text = std::fs::read_to_string(&path).expect("the reference file is checked in");
    serde_json::from_str(&text).expect("the reference file has this shape")
}

/// Cases of a test: many under `make soak`.
pub(crate) fn cases(few: u64, many: u64) -> u64 {
    if std::env::var_os("STILLHOUSE_SOAK").is_some_and(|v| v == "1") {
        many
    } else {
        few
    }
}
