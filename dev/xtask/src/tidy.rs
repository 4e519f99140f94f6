//! `tidy`: what neither the compiler nor clippy checks. Every file says what it is for, no file
//! is too long, nothing panics by accident, and rooms touch only what `ARROWS` lets them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The most lines of a file without its tests.
const MOST_LINES: usize = 600;
const TESTS_FROM: &str = "#[cfg(test)]";
/// What must not stand outside tests: the words that are looked for, not uses of them.
const FORBIDDEN: [&str; 5] = [
    ".unwrap()",
    "todo!(",
    "unimplemented!(",
    "dbg!(",
    "#[allow(",
];

/// Which rooms a room may touch. Tests may touch more: only what is shipped is checked.
const ARROWS: [(&str, &[&str]); 13] = [
    ("record", &[]),
    ("wire", &["record"]),
    ("ledger", &["record"]),
    ("guard", &["record"]),
    ("lm", &[]),
    ("upstream", &["record", "wire"]),
    ("local", &["record", "wire", "upstream", "lm"]),
    ("trainer", &["record", "lm"]),
    (
        "gateway",
        &["record", "wire", "guard", "upstream", "ledger"],
    ),
    (
        "distill",
        &["record", "wire", "ledger", "upstream", "trainer"],
    ),
    (
        "operations",
        &[
            "record", "wire", "ledger", "guard", "upstream", "gateway", "distill",
        ],
    ),
    ("console", &["record", "operations"]),
    (
        "stillhouse",
        &[
            "record",
            "wire",
            "ledger",
            "guard",
            "lm",
            "upstream",
            "local",
            "trainer",
            "gateway",
            "distill",
            "operations",
            "console",
        ],
    ),
];

/// Checks all, and tells all that is wrong.
pub(crate) fn check() -> Result<()> {
    // Asked for when it runs: a build folder may be shared by several checkouts.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run it by `cargo run -p xtask`")?;
    let root = Path::new(&here).join("../..");
    let mut faults = Vec::new();
    for file in files(&root)? {
        let text = std::fs::read_to_string(root.join(&file))
            .with_context(|| format!("reading {}", file.display()))?;
        check_file(&file, &text, &mut faults);
    }
    check_arrows(&root, &mut faults)?;
    match faults.is_empty() {
        true => Ok(()),
        false => bail!("{} faults:\n{}", faults.len(), faults.join("\n")),
    }
}

/// Rust files that git knows or would take in.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "*.rs",
        ])
        .current_dir(root)
        .output()
        .context("running git")?;
    if !listed.status.success() {
        bail!("git: {}", String::from_utf8_lossy(&listed.stderr));
    }
    let names = String::from_utf8(listed.stdout).context("names of files")?;
    // A file that was removed and not committed yet is still listed.
    Ok(names
        .lines()
        .map(PathBuf::from)
        .filter(|name| root.join(name).exists())
        .collect())
}

fn check_file(file: &Path, text: &str, faults: &mut Vec<String>) {
    let name = file.display();
    // Unit tests that moved out of a file are for what that file is for.
    let of_a_file = file.ends_with("tests.rs");
    if !of_a_file && !text.lines().take(5).any(|line| line.starts_with("//!")) {
        faults.push(format!("{name}: does not open with what it is for (//!)"));
    }
    if of_a_file || is_test(file) {
        return;
    }
    let kept: Vec<&str> = text
        .lines()
        .take_while(|line| line.trim() != TESTS_FROM)
        .collect();
    if kept.len() > MOST_LINES {
        faults.push(format!(
            "{name}: {} lines without tests, {MOST_LINES} at most",
            kept.len()
        ));
    }
    for (number, line) in kept.iter().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        for forbidden in FORBIDDEN.into_iter().filter(|text| code.contains(text)) {
            // This very list is no use of them.
            if !code.contains(&format!("\"{forbidden}\"")) {
                faults.push(format!("{name}:{}: {forbidden}", number + 1));
            }
        }
    }
}

fn is_test(file: &Path) -> bool {
    let in_folder = |wanted: &[&str]| {
        file.components()
            .any(|part| wanted.iter().any(|name| part.as_os_str() == *name))
    };
    in_folder(&["tests", "benches", "fuzz", "examples", "bench"])
}

fn check_arrows(root: &Path, faults: &mut Vec<String>) -> Result<()> {
    for room in std::fs::read_dir(root.join("crates"))? {
        let manifest = room?.path().join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest)
            .with_context(|| format!("reading {}", manifest.display()))?;
        let table: toml::Table = text.parse()?;
        let name = table.get("package").and_then(|package| package.get("name"));
        let name = name.and_then(toml::Value::as_str).unwrap_or_default();
        let Some((_, may)) = ARROWS.iter().find(|(room, _)| *room == name) else {
            faults.push(format!(
                "{}: the room is not in tidy's table `ARROWS`",
                manifest.display()
            ));
            continue;
        };
        let touched = table.get("dependencies").and_then(toml::Value::as_table);
        for other in touched.into_iter().flat_map(toml::Table::keys) {
            let is_room = ARROWS.iter().any(|(room, _)| room == other);
            let is_dev = root.join("dev").join(other).exists();
            if is_dev || (is_room && !may.contains(&other.as_str())) {
                faults.push(format!("{name} must not touch {other}"));
            }
        }
    }
    Ok(())
}
