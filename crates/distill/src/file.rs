//! The run file: read, checked, and its paths made whole. Each error names the line and the key,
//! and says what would be right where that can be guessed.

use std::ops::Range;
use std::path::{Path, PathBuf};

use record::KeySecret;

use crate::curate::Curator;
use crate::error::{Error, Result};
use crate::measure::{Scorer, ScorerError};
use crate::spec::Spec;

pub(crate) mod stage;
mod teachers;

/// Reads a run file. Paths in it are below the folder that it lies in.
///
/// # Errors
/// [`Error::Spec`]; the file can't be read.
pub fn read(file: &Path) -> Result<Spec> {
    let text = std::fs::read_to_string(file).map_err(Error::io(file))?;
    let mut spec = parse(file, &text)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let whole = |path: &mut PathBuf| -> Result<()> {
        let joined = folder.join(&*path);
        *path = std::path::absolute(&joined).map_err(Error::io(&joined))?;
        Ok(())
    };
    whole(&mut spec.student.model)?;
    whole(&mut spec.data.items)?;
    whole(&mut spec.data.holdout)?;
    let further = spec.teachers.iter_mut();
    for teacher in std::iter::once(&mut spec.teacher).chain(further) {
        if let Some(model) = &mut teacher.model {
            whole(model)?;
        }
    }
    Ok(spec)
}

/// Reads a run file's text.
///
/// # Errors
/// [`Error::Spec`].
pub fn parse(file: &Path, text: &str) -> Result<Spec> {
    let spec: Spec = toml::from_str(text).map_err(|error| {
        let what = error.message().to_owned();
        let hint = nearest(&what);
        wrong(file, (text, error.span()), what, hint)
    })?;
    check(&spec).map_err(|(key, what, hint)| {
        let what = format!("`{key}` {what}");
        wrong(
            file,
            (text, place(text, key)),
            what,
            hint.map(str::to_owned),
        )
    })?;
    teachers::check(&spec, text)
        .map_err(|(span, what, hint)| wrong(file, (text, span), what, hint))?;
    staged(file, text, &spec)?;
    usable(&spec).map_err(|(key, what)| wrong(file, (text, place(text, key)), what, None))?;
    Ok(spec)
}

/// Looks at settings whose teachers are settled: what the file alone did not show.
///
/// # Errors
/// [`Error::Spec`], at the file's line; the file can't be read.
pub fn check_settled(file: &Path, spec: &Spec) -> Result<()> {
    let text = std::fs::read_to_string(file).map_err(Error::io(file))?;
    staged(file, &text, spec)
}

/// Looks at the stages, with what is known of the teachers.
fn staged(file: &Path, text: &str, spec: &Spec) -> Result<()> {
    stage::check(spec).map_err(|fault| {
        let what = format!("`{}`: {}", fault.key, fault.what);
        let at = stage::place(text, fault.stage, fault.key);
        wrong(file, (text, at), what, Some(fault.hint.to_owned()))
    })
}

/// What only shows when it is made ready: patterns, schemas, shares.
fn usable(spec: &Spec) -> std::result::Result<(), (&'static str, String)> {
    match Scorer::new(&spec.evaluate.scorer) {
        Ok(_) | Err(ScorerError::Perplexity) => {}
        Err(error) => return Err(("scorer", error.to_string())),
    }
    let Some(settings) = spec.curate.clone() else {
        return Ok(());
    };
    let curator = Curator::new(settings);
    curator.map_err(|error| ("curate", error.to_string()))?;
    Ok(())
}

type Fault = (&'static str, &'static str, Option<&'static str>);

/// What the types cannot say.
fn check(spec: &Spec) -> std::result::Result<(), Fault> {
    let stages = [&spec.stages.cold_start, &spec.stages.on_policy];
    if stages.iter().all(|stage| stage.is_none()) {
        let hint = "give [stages.on_policy], [stages.cold_start] or both";
        return Err(("stages", "is empty: nothing would be learnt", Some(hint)));
    }
    if spec.run.until.is_some() {
        let hint = "`stillhouse distill plan` stops after the plan";
        return Err(("until", "is not for the run file", Some(hint)));
    }
    for stage in stages.into_iter().flatten() {
        if stage.steps == 0 || stage.steps > trainer::protocol::MOST_STEPS {
            return Err(("steps", "is not between 1 and 1,000,000", None));
        }
        if stage.checkpoint_every == 0 {
            return Err(("checkpoint_every", "is 0: nothing could be resumed", None));
        }
        if stage.learning.batch == 0 || stage.learning.samples == 0 {
            return Err(("batch", "or `samples` is 0", None));
        }
        if stage.sampling.max_tokens == 0 {
            return Err(("max_tokens", "is 0", None));
        }
    }
    if spec.run.grant.len() > KeySecret::SHOWN && spec.run.grant.starts_with(KeySecret::GRANT) {
        let hint = "a token is a secret: write its first 12 letters, or the grant's id";
        return Err(("grant", "is a whole token", Some(hint)));
    }
    if spec.run.name.trim().is_empty() || spec.run.name.len() > 200 {
        return Err(("name", "is empty or longer than 200 bytes", None));
    }
    if spec.budget.tokens == 0 {
        let hint = "say how many tokens the teacher may score or write";
        return Err(("tokens", "is 0: nothing could be learnt", Some(hint)));
    }
    Ok(())
}

/// Where a key stands first in the text.
fn place(text: &str, key: &str) -> Option<Range<usize>> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start().trim_start_matches('[');
        let is = bare.strip_prefix(key).is_some_and(|rest| {
            let next = rest.trim_start().chars().next();
            matches!(next, Some('=' | '.' | ']'))
        });
        if is {
            return Some(at..at + line.len());
        }
        at += line.len();
    }
    None
}

/// Where a key stands in the table whose header is there.
fn within(text: &str, header: &Range<usize>, key: &str) -> Option<Range<usize>> {
    let table = text.get(header.end..)?;
    let end = table.find("\n[").map_or(table.len(), |end| end + 1);
    let found = place(&table[..end], key)?;
    Some(header.end + found.start..header.end + found.end)
}

/// `unknown field `x`, expected one of `a`, `b``: the known name that is likest to it.
fn nearest(message: &str) -> Option<String> {
    let mut names = message.split('`').skip(1).step_by(2);
    let name = names.next().filter(|_| message.starts_with("unknown"))?;
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    let best = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.8).then(|| format!("did you mean `{best}`?"))
}

fn wrong(
    file: &Path,
    (text, span): (&str, Option<Range<usize>>),
    what: String,
    hint: Option<String>,
) -> Error {
    let start = span.map_or(0, |span| span.start).min(text.len());
    let line = text.as_bytes()[..start]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count();
    Error::Spec {
        file: file.to_owned(),
        line: line + 1,
        // A message repeats what was written, and that may be a token.
        what: KeySecret::hidden(&what),
        hint: hint.map(|hint| KeySecret::hidden(&hint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::RUN_FILE as GOOD;

    #[test]
    fn a_good_file_is_read_and_comes_back_from_json() {
        let spec = parse(Path::new("x"), GOOD).unwrap();
        assert_eq!(spec.budget.dollars.0.to_string(), "1.00");
        assert_eq!(spec.stages.on_policy.as_ref().unwrap().checkpoint_every, 10);
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), spec);
    }

    #[test]
    fn the_demonstrations_file_is_good_and_has_the_prompts_that_were_measured() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench/distill/");
        let text = |name: &str| std::fs::read_to_string(format!("{folder}{name}")).unwrap();
        let spec = parse(Path::new("x"), &text("demo.toml").replace("SEED", "1")).unwrap();
        assert_eq!(spec.data.student, text("student.txt"));
        assert_eq!(spec.data.teacher.unwrap(), text("teacher.txt"));
    }

    #[test]
    fn faults_are_named_by_line_and_key() {
        for (from, to, says, hint) in [
            (
                "steps = 4",
                "step = 4",
                "x:15: unknown field `step`",
                Some("`steps`"),
            ),
            ("steps = 4", "steps = 0", "x:15: `steps` is not", None),
            (
                "tokens = 1000",
                "tokens = 0",
                "x:21: `tokens` is 0",
                Some("teacher"),
            ),
            ("dollars = 1", "dollars = \"x\"", "x:20: ", None),
            ("name = \"t\"", "", "x:8: missing field `name`", None),
            (
                "kind = \"exact\"",
                "kind = \"regex\", pattern = \"(\"",
                "x:18: the scorer's pattern can't be used",
                None,
            ),
            (
                "kind = \"exact\"",
                "kind = \"json_schema\", schema = { type = \"objekt\" }",
                "x:18: the JSON schema can't be used",
                None,
            ),
            (
                "kind = \"exact\"",
                "kind = \"json_schema\", schema = '{\"type\": '",
                "x:18: the JSON schema is no JSON",
                None,
            ),
            (
                "[budget]",
                "[curate]\nduplicates = { near = 0.1 }\n[budget]",
                "x:19: duplicates.near is 0.1",
                None,
            ),
        ] {
            let text = GOOD.replace(from, to);
            let error = parse(Path::new("x"), &text).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            if let Some(hint) = hint {
                assert!(error.hint().unwrap().contains(hint), "{error:?}");
            }
        }
    }

    #[test]
    fn losses_that_lack_what_they_need_are_named_by_line() {
        const ON: &str =
            "learning = { batch = 2, rate = { rate = 1e-3 }, loss = { kind = \"reverse_kl\" } }";
        let grpo = "learning = { batch = 2, samples = 4, rate = { rate = 1e-3 }, loss = { kind = \"grpo\" } }";
        let reward = "\nreward = { scorer = { kind = \"exact\" } }";
        let good = GOOD.replace(ON, &format!("{grpo}{reward}"));
        let spec = parse(Path::new("x"), &good).unwrap();
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), spec);
        let tables = "[stages.cold_start]\nsteps = 1\n";
        let cold = GOOD.replace(
            "[stages.on_policy]",
            &format!("{tables}{grpo}\n[stages.on_policy]"),
        );
        for (text, says) in [
            (GOOD.replace(ON, grpo), "x:14: `reward`: is left out"),
            (
                good.replace("samples = 4", "samples = 1"),
                "x:16: `samples`: one answer",
            ),
            (
                good.replace("samples = 4, ", ""),
                "x:14: `samples`: one answer",
            ),
            (
                good.replace("\"exact\"", "\"perplexity\""),
                "x:17: `reward`: a perplexity",
            ),
            (
                good.replace("\"exact\"", "\"regex\", pattern = \"(\""),
                "x:17: `reward`: the scorer's",
            ),
            (
                GOOD.replace(ON, &format!("{ON}{reward}")),
                "x:17: `reward`: is given",
            ),
            (
                good.replace("\"grpo\"", "{ grpo = { low = -1 } }"),
                "x:16: `loss`: grpo's ratio",
            ),
            (
                GOOD.replace("\"reverse_kl\"", "\"reverse_kl\", support = { draws = 50 }"),
                "x:16: `support`: draws from the teacher",
            ),
            (
                GOOD.replace("\"reverse_kl\"", "\"dpo\""),
                "x:14: `samples`: one answer",
            ),
            (
                good.replace("\"grpo\"", "{ dpo = { beta = 0 } }"),
                "x:16: `loss`: dpo's beta",
            ),
            (
                GOOD.replace("\"reverse_kl\"", "\"uld\", support = { teacher = 5 }"),
                "x:16: `support`: uld looks at both",
            ),
            (
                GOOD.replace("\"reverse_kl\"", "\"uld\", temperature = 2.0"),
                "x:16: `loss`: uld is of temperature 1",
            ),
            (cold, "x:16: `loss`: grpo is of the student's own"),
        ] {
            let error = parse(Path::new("x"), &text).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn a_token_in_the_file_is_not_said_again() {
        let secret = KeySecret::new(KeySecret::GRANT, [7; 32]);
        let token = secret.reveal();
        for (from, to) in [
            ("grant = \"gt\"", format!("grant = \"{token}\"")),
            ("grant = \"gt\"", format!("grant = {token}")),
            ("grant = \"gt\"", format!("grant = [\"{token}\"]")),
            (
                "grant = \"gt\"",
                format!("grant = \"gt\"\nseed = \"{token}\""),
            ),
            ("grant = \"gt\"", format!("grant = \"gt\"\n{token} = 1")),
            ("kind = \"exact\"", format!("kind = \"{token}\"")),
            ("dollars = 1", format!("dollars = \"{token}\"")),
            ("grant = \"gt\"", token.to_owned()),
        ] {
            let error = parse(Path::new("x"), &GOOD.replace(from, &to)).unwrap_err();
            let said = format!("{error} {:?}", error.hint());
            assert!(!said.contains(&token[13..]), "{said}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        /// Whatever is done to a file, it is read or refused with a line of it; what is read comes
        /// back from JSON.
        #[test]
        fn no_file_breaks_the_reader(
            at in 0..GOOD.len(), length in 0..80usize,
            put in "[ -~\n\\t\"'={}\\[\\]]{0,20}|[0-9]{1,25}|\\PC{0,12}",
        ) {
            let end = (at + length).min(GOOD.len());
            let text = format!("{}{put}{}", &GOOD[..at], &GOOD[end..]);
            match parse(Path::new("x"), &text) {
                Ok(spec) => {
                    let json = serde_json::to_string(&spec).unwrap();
                    proptest::prop_assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), spec);
                }
                Err(Error::Spec { line, .. }) => {
                    proptest::prop_assert!(line >= 1 && line <= text.lines().count() + 1);
                }
                Err(other) => proptest::prop_assert!(false, "{other}"),
            }
        }
    }
}
