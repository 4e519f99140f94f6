//! A settings file of any content is settled or refused with a place in it, never a panic.
#![no_main]

// The binary keeps its settings to itself; the same files are compiled here once more.
#[path = "../../crates/stillhouse/src/settings/mod.rs"]
#[expect(dead_code, unused_imports, reason = "written for the binary")]
mod settings;

use libfuzzer_sys::fuzz_target;
use settings::{Outside, settle};
use std::path::PathBuf;

fuzz_target!(|data: &[u8]| {
    let path: PathBuf = std::env::temp_dir().join(format!("settings-{}.toml", std::process::id()));
    std::fs::write(&path, data).expect("the temporary folder can be written");
    let outside = Outside {
        config: Some(path),
        processors: 2,
        ..Outside::default()
    };
    match settle(&outside) {
        Ok(settled) => assert!(!settled.report.lines.is_empty()),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.is_empty());
            let _ = error.hint();
        }
    }
});
