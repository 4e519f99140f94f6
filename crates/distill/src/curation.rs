//! Curation in a run: rows before anything is spent on them, collected answers before they are
//! learnt. Both as [`crate::curate`] says, with a reason for each that left. Pure.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use trainer::protocol::{Answered, Ending, Item, Prompt};

use crate::curate::{self, Check, CurateError, Duplicates, Funnel, Leakage, Private, Settings};

/// A row that left, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The item's id.
    pub item: String,
    /// `not_answered`, or a [`curate::Reason`].
    pub reason: String,
    /// What was found.
    pub detail: String,
}

/// What curation made of collected answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Curated {
    /// Items with the answers to learn.
    pub kept: Vec<Item>,
    /// The others.
    pub left: Vec<Left>,
    /// How many left where.
    pub funnel: Funnel,
}

/// The lines of `rows` that stay, held against the hold-out; the others are made empty, so that
/// lines keep their numbers. `template` names the fields that are asked where the settings don't.
///
/// # Errors
/// Settings that can't be used, a hold-out that can't be read.
pub fn rows(
    settings: &Settings,
    template: &str,
    holdout: &str,
    rows: &str,
) -> Result<(String, Funnel), CurateError> {
    let mut settings = settings.clone();
    if settings.text.is_empty() {
        settings.text = fields(template);
    }
    // One part: a run's hold-out is a file of its own.
    settings.splits = Vec::new();
    let full = |line: &&str| !line.trim().is_empty();
    let (held, all) = (holdout.lines().filter(full), rows.lines().filter(full));
    let curated = curate::curate(settings, held, all, &mut |_| {})?;
    let mut fates = curated.fates.iter();
    let mut text = String::with_capacity(rows.len());
    for line in rows.lines() {
        if full(&line) && fates.next().is_some_and(|fate| fate.part.is_some()) {
            text.push_str(line);
        }
        text.push('\n');
    }
    Ok((text, curated.funnel))
}

/// Sorts collected answers out. Without settings only what was not finished, says nothing, is there
/// twice or stands in the hold-out leaves. `checked` has each item's text in the field that the
/// check of the settings looks at, where it looks at one.
///
/// # Errors
/// Settings that can't be used.
pub fn answers(
    settings: Option<&Settings>,
    (items, holdout): (&[Item], &[Item]),
    answers: &[Answered],
    checked: &BTreeMap<String, String>,
) -> Result<Curated, CurateError> {
    let settings = of_answers(settings);
    let field = settings.check.as_ref().and_then(Check::field);
    let field = field.map(str::to_owned);
    let answers: HashMap<&str, &Answered> = answers.iter().map(|a| (a.item.as_str(), a)).collect();
    let row = |item: &Item, answer: Option<&Answered>| {
        let cut = answer.is_some_and(|answer| answer.ending == Some(Ending::Length));
        let mut row = serde_json::json!({
            "id": item.id,
            "prompt": text_of(&item.student),
            "answer": answer.map(|answer| &answer.text),
            "finish_reason": cut.then_some("length"),
        });
        if let (Some(field), Some(text)) = (&field, checked.get(&item.id)) {
            row[field] = text.as_str().into();
        }
        row.to_string()
    };
    let held: Vec<String> = holdout.iter().map(|item| row(item, None)).collect();
    let (mut asked, mut lines, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        match answers.get(item.id.as_str()) {
            Some(answer) => {
                asked.push((item, *answer));
                lines.push(row(item, Some(answer)));
            }
            None => left.push(Left {
                item: item.id.clone(),
                reason: "not_answered".into(),
                detail: String::new(),
            }),
        }
    }
    let (held, lines) = (
        held.iter().map(String::as_str),
        lines.iter().map(String::as_str),
    );
    let curated = curate::curate(settings, held, lines, &mut |_| {})?;
    let mut kept = Vec::new();
    for ((item, answer), fate) in asked.into_iter().zip(curated.fates) {
        match fate.reasons.first() {
            None => kept.push(Item {
                answer: Some(answer.text.clone()),
                ..item.clone()
            }),
            Some(reason) => left.push(Left {
                item: item.id.clone(),
                reason: reason.name().into(),
                detail: fate.detail,
            }),
        }
    }
    Ok(Curated {
        kept,
        left,
        funnel: curated.funnel,
    })
}

/// Rows were held against each other and the hold-out before they were asked, by their own fields;
/// prompts carry the task's wording, so that here only whole texts count.
fn of_answers(settings: Option<&Settings>) -> Settings {
    let given = settings.cloned().unwrap_or_else(|| Settings {
        private: Vec::<Private>::new(),
        refusals: false,
        ..Settings::default()
    });
    Settings {
        text: Vec::new(),
        group: None,
        duplicates: Duplicates {
            near: 1.0,
            cluster: 1.0,
        },
        leakage: Leakage {
            words: usize::MAX,
            likeness: 1.0,
            contained: 1.0,
            ..given.leakage
        },
        balance: None,
        splits: Vec::new(),
        ..given
    }
}

/// The fields that a template names.
fn fields(template: &str) -> Vec<String> {
    let plain = template.replace("{{", "").replace("}}", "");
    let after = plain.split('{').skip(1);
    let named = after.filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()));
    let mut names: Vec<String> = Vec::new();
    for name in named {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A prompt's text.
fn text_of(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Text { text } => text.clone(),
        Prompt::Messages { messages } => {
            let contents = messages.iter().map(|message| message.content.as_str());
            contents.collect::<Vec<_>>().join("\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, text: &str) -> Item {
        Item {
            id: id.into(),
            student: Prompt::Text { text: text.into() },
            teacher: None,
            taught_by: None,
            answer: None,
            rejected: None,
        }
    }

    fn answer(id: &str, text: &str, ending: Ending) -> Answered {
        Answered {
            item: id.into(),
            sample: 0,
            text: text.into(),
            ending: Some(ending),
            prompt_tokens: 1,
            tokens: 1,
            logprob: -1.0,
        }
    }

    #[test]
    fn each_answer_that_left_has_its_reason() {
        let items = [
            item("a", "x"),
            item("b", "x "),
            item("c", "y"),
            item("d", "z"),
            item("e", "u"),
            item("f", "v"),
            item("g", "w"),
        ];
        let given = [
            answer("a", "1", Ending::End),
            answer("b", "1", Ending::End),
            answer("c", "2", Ending::Length),
            answer("d", " ", Ending::End),
            answer("e", "3", Ending::Stop),
            answer("g", "As an AI, I can't.", Ending::End),
        ];
        let holdout = [item("h", "u")];
        let sorted = |settings| {
            let of = (items.as_slice(), holdout.as_slice());
            let curated = answers(settings, of, &given, &BTreeMap::new()).unwrap();
            let mut left: Vec<(String, String)> = curated
                .left
                .into_iter()
                .map(|l| (l.item, l.reason))
                .collect();
            left.sort();
            (
                curated
                    .kept
                    .into_iter()
                    .map(|item| item.id)
                    .collect::<Vec<_>>(),
                left,
            )
        };
        let (kept, left) = sorted(None);
        // Which of the twins stays is decided by their digests.
        assert!(kept == ["a", "g"] || kept == ["b", "g"], "{kept:?}");
        let twin = if kept[0] == "a" { "b" } else { "a" };
        let reason = |id: &str, reason: &str| (id.to_owned(), reason.to_owned());
        let common = [
            reason(twin, "duplicate"),
            reason("c", "finish"),
            reason("d", "length"),
            reason("e", "leakage"),
            reason("f", "not_answered"),
        ];
        assert_eq!(left, common);
        let (kept, left) = sorted(Some(&Settings::default()));
        assert_eq!(kept.len(), 1);
        assert_eq!(left[5], reason("g", "refusal"));
    }

    #[test]
    fn collected_answers_are_held_against_what_their_rows_expect() {
        let items = [item("a", "x"), item("b", "y"), item("c", "z")];
        let given = [
            answer("a", "1", Ending::End),
            answer("b", "1", Ending::End),
            answer("c", "1", Ending::End),
        ];
        let settings = Settings {
            check: Some(Check::Expected {
                field: "right".into(),
                rule: crate::measure::Rule::Exact,
            }),
            ..Settings::default()
        };
        let expected = |(id, text): (&str, &str)| (id.to_owned(), text.to_owned());
        let checked = [("a", "1"), ("b", "2")].map(expected).into();
        let curated = answers(Some(&settings), (&items, &[]), &given, &checked).unwrap();
        let kept: Vec<&str> = curated.kept.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(kept, ["a"]);
        let why = |id: &str| {
            let left = curated.left.iter().find(|left| left.item == id).unwrap();
            (left.reason.clone(), left.detail.clone())
        };
        assert_eq!(why("b").0, "check");
        assert!(why("b").1.contains("does not agree with `right`"));
        assert!(why("c").1.contains("no field `right`"));
    }

    #[test]
    fn rows_that_leave_keep_their_lines() {
        let text =
            "{\"id\":\"a\",\"s\":\"one wolf\"}\n\nno json\n{\"id\":\"b\",\"s\":\"two wolves\"}\n";
        let holdout = "{\"id\":\"h\",\"s\":\"Two  wolves\"}\n";
        let (kept, funnel) = rows(&Settings::default(), "{{}} {s}:", holdout, text).unwrap();
        assert_eq!(kept, "{\"id\":\"a\",\"s\":\"one wolf\"}\n\n\n\n");
        assert_eq!((funnel.rows, funnel.kept), (3, 1));
        assert_eq!(fields("{{x}} {a} and {b}, {a}"), ["a", "b"]);
    }
}
