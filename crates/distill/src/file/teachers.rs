//! What the types cannot say of a run file's teachers. Each fault is told at its line.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{place, within};
use crate::spec::{Spec, Teacher};

/// Where, what, and what to do.
pub(super) type Fault = (Option<Range<usize>>, String, Option<String>);

fn fault(at: Option<Range<usize>>, what: impl Into<String>, hint: &str) -> Fault {
    (at, what.into(), Some(hint.to_owned()))
}

/// A teacher's place in the file: `[teacher]`, or the `number`th of `[[teachers]]`, from 1.
fn at(text: &str, number: usize, key: &str) -> Option<Range<usize>> {
    let (header, nth) = match number.checked_sub(1) {
        None => ("[teacher]", 0),
        Some(nth) => ("[[teachers]]", nth),
    };
    let mut start = 0;
    let mut headers = text.split_inclusive('\n').filter_map(|line| {
        let bare: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let range = start..start + line.len();
        start = range.end;
        bare.starts_with(header).then_some(range)
    });
    match headers.nth(nth) {
        Some(header) => within(text, &header, key).or(Some(header)),
        // Written in one line.
        None => place(text, header.trim_matches(['[', ']'])),
    }
}

/// Looks at the teachers as they are written.
pub(super) fn check(spec: &Spec, text: &str) -> Result<(), Fault> {
    if spec.teacher.rows.is_some() {
        let hint = "move it to [[teachers]]";
        let what = "`rows` is not for [teacher], which takes what no other one takes";
        return Err(fault(at(text, 0, "rows"), what, hint));
    }
    let mut names = BTreeSet::new();
    for (number, teacher) in spec.all_teachers().enumerate() {
        let place = |key: &str| at(text, number, key);
        if teacher.served.is_some() || teacher.share.is_some() {
            let key = if teacher.served.is_some() {
                "served"
            } else {
                "share"
            };
            let hint = "name the model of the settings by `name`";
            let what = format!("`{key}` is not for the run file");
            return Err(fault(place(key), what, hint));
        }
        if !names.insert(&teacher.name) {
            let what = format!("`name` is there twice: {}", teacher.name);
            let hint = "give each teacher its own name, as the grant has it";
            return Err(fault(place("name"), what, hint));
        }
        if number > 0 {
            routed(teacher).map_err(|(what, hint)| fault(place("rows"), what, hint))?;
        }
    }
    Ok(())
}

fn routed(teacher: &Teacher) -> Result<(), (&'static str, &'static str)> {
    const HINT: &str = "rows = { field = \"domain\", is = [\"code\"] }";
    match &teacher.rows {
        None => Err(("`rows` is missing: it would take no row", HINT)),
        Some(rows) if rows.is.is_empty() => Err(("`is` is empty: it would take no row", HINT)),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::error::Error;
    use crate::file::{check_settled, parse};
    use crate::spec::Served;

    const GOOD: &str = r#"[run]
name = "r"
grant = "gt"
[student]
model = "s.gguf"
[data]
items = "i.jsonl"
holdout = "h.jsonl"
student = "{text}"
teacher = "say {text}"
[teacher]
name = "general"
model = "g.gguf"
[[teachers]]
name = "coder"
model = "c.gguf"
rows = { field = "domain", is = ["code"] }
[[teachers]]
name = "poet"
rows = { field = "domain", is = ["verse"] }
[stages.on_policy]
steps = 4
learning = { batch = 2, rate = { rate = 1e-3 }, loss = { kind = "reverse_kl" } }
[evaluate]
scorer = { kind = "exact" }
[budget]
dollars = 1
tokens = 1000
"#;

    fn told(error: Error) -> (usize, String, String) {
        let hint = error.hint().unwrap().to_owned();
        match error {
            Error::Spec { line, what, .. } => (line, what, hint),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn faults_of_teachers_are_named_by_their_line() {
        let spec = parse(Path::new("x"), GOOD).unwrap();
        assert_eq!(spec.teachers_named(), "general, coder, poet");
        for (from, to, line, says) in [
            (
                "\"poet\"",
                "\"general\"",
                19,
                "`name` is there twice: general",
            ),
            ("\"poet\"", "\"coder\"", 19, "`name` is there twice: coder"),
            ("[\"verse\"]", "[]", 20, "`is` is empty"),
            (
                "rows = { field = \"domain\", is = [\"verse\"] }",
                "",
                18,
                "`rows` is missing",
            ),
            (
                "\"g.gguf\"",
                "\"g\"\nrows = { field = \"x\", is = [\"y\"] }",
                14,
                "not for [teacher]",
            ),
            (
                "\"c.gguf\"",
                "\"c\"\nshare = { digest = \"\", items = 1, holdout = 1 }",
                17,
                "`share` is not for the run file",
            ),
        ] {
            let told = told(parse(Path::new("x"), &GOOD.replacen(from, to, 1)).unwrap_err());
            assert!(told.0 == line && told.1.contains(says), "{told:?}");
        }
    }

    #[test]
    fn one_elsewhere_tells_no_whole_distribution() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run.toml");
        let settled = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let mut spec = parse(&file, text).unwrap();
            // As the settings' models of these names would be.
            for teacher in std::iter::once(&mut spec.teacher).chain(&mut spec.teachers) {
                let served = teacher.model.is_none().then(|| Served {
                    upstream: "elsewhere".into(),
                    model: teacher.name.clone(),
                    prices: record::Prices::default(),
                });
                teacher.served = served;
            }
            check_settled(&file, &spec)
        };
        let (line, what, hint) = told(settled(GOOD).unwrap_err());
        assert!(
            line == 21 && what.contains("the teacher `poet`: a served teacher gives no whole"),
            "{line} {what}"
        );
        assert!(hint.contains("student = 20"), "{hint}");
        for fine in [
            GOOD.replace(
                "\"reverse_kl\"",
                "\"reverse_kl\", support = { student = 20 }",
            ),
            GOOD.replace("\"reverse_kl\"", "\"k1\""),
            GOOD.replace("\"poet\"", "\"poet\"\nmodel = \"p.gguf\""),
            // Texts alone are learnt.
            GOOD.replace("on_policy", "cold_start")
                .replace("reverse_kl", "cross_entropy"),
        ] {
            settled(&fine).unwrap();
        }
        let general = GOOD.replace("model = \"g.gguf\"\n", "");
        assert_eq!(told(settled(&general).unwrap_err()).0, 20);
    }
}
