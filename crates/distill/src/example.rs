//! For unit tests: one run file, and changes of it. Nothing here is shipped.

use std::path::Path;

use crate::spec::Spec;

/// A run file that is good. Faults are looked for by the numbers of its lines.
pub(crate) const RUN_FILE: &str = r#"
[run]
name = "r"
grant = "gt"
[student]
model = "s.gguf"
tuning = { kind = "full" }
[teacher]
name = "t"
[data]
items = "i.jsonl"
holdout = "h.jsonl"
student = "{text}"
[stages.on_policy]
steps = 4
learning = { batch = 2, rate = { rate = 1e-3 }, loss = { kind = "reverse_kl" } }
[evaluate]
scorer = { kind = "exact" }
[budget]
dollars = 1
tokens = 1000
"#;

/// The run file with texts put in the places of others, read.
pub(crate) fn run_file(changes: &[(&str, &str)]) -> Spec {
    let mut text = RUN_FILE.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from:?} is not in the file");
        text = text.replace(from, to);
    }
    crate::file::parse(Path::new("x"), &text).expect("the changes leave it good")
}
