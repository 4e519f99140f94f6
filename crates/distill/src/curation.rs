//! Collected answers become rows to learn from: what was not finished, says nothing, is there
//! twice or stands in the hold-out leaves, each with its reason. Pure.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use trainer::protocol::{Answered, Ending, Item, Prompt};

/// A row that left, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The item's id.
    pub item: String,
    /// `not_answered`, `cut`, `empty`, `duplicate` or `holdout`.
    pub reason: String,
}

/// What curation made of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Curated {
    /// Items with the answers to learn.
    pub kept: Vec<Item>,
    /// The others.
    pub left: Vec<Left>,
}

/// Sorts rows out, in their order.
pub fn curate(items: &[Item], answers: &[Answered], holdout: &[Item]) -> Curated {
    let asked = |item: &Item| text_of(&item.student);
    let held: HashSet<String> = holdout.iter().map(asked).collect();
    let answers: std::collections::HashMap<&str, &Answered> =
        answers.iter().map(|a| (a.item.as_str(), a)).collect();
    let mut seen = HashSet::new();
    let mut curated = Curated {
        kept: Vec::new(),
        left: Vec::new(),
    };
    for item in items {
        let reason = match answers.get(item.id.as_str()) {
            None => Some("not_answered"),
            Some(a) if a.ending == Some(Ending::Length) => Some("cut"),
            Some(a) if a.text.trim().is_empty() => Some("empty"),
            Some(_) if held.contains(&asked(item)) => Some("holdout"),
            Some(a) if !seen.insert((asked(item), a.text.clone())) => Some("duplicate"),
            Some(a) => {
                curated.kept.push(Item {
                    answer: Some(a.text.clone()),
                    ..item.clone()
                });
                None
            }
        };
        if let Some(reason) = reason {
            curated.left.push(Left {
                item: item.id.clone(),
                reason: reason.to_owned(),
            });
        }
    }
    curated
}

/// A prompt's text, white space made even.
fn text_of(prompt: &Prompt) -> String {
    let text = match prompt {
        Prompt::Text { text } => text.clone(),
        Prompt::Messages { messages } => {
            let contents = messages.iter().map(|message| message.content.as_str());
            contents.collect::<Vec<_>>().join("\n")
        }
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_that_left_has_its_reason() {
        let item = |id: &str, text: &str| Item {
            id: id.into(),
            student: Prompt::Text { text: text.into() },
            teacher: None,
            answer: None,
        };
        let answer = |id: &str, text: &str, ending| Answered {
            item: id.into(),
            sample: 0,
            text: text.into(),
            ending: Some(ending),
            prompt_tokens: 1,
            tokens: 1,
            logprob: -1.0,
        };
        let items = [
            item("a", "x"),
            item("b", "x "),
            item("c", "y"),
            item("d", "z"),
            item("e", "u"),
            item("f", "v"),
        ];
        let answers = [
            answer("a", "1", Ending::End),
            answer("b", "1", Ending::End),
            answer("c", "2", Ending::Length),
            answer("d", " ", Ending::End),
            answer("e", "3", Ending::Stop),
        ];
        let curated = curate(&items, &answers, &[item("h", "u")]);
        let kept: Vec<_> = curated.kept.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(kept, ["a"]);
        let left = curated.left.iter();
        let left: Vec<_> = left.map(|l| (l.item.as_str(), l.reason.as_str())).collect();
        assert_eq!(
            left,
            [
                ("b", "duplicate"),
                ("c", "cut"),
                ("d", "empty"),
                ("e", "holdout"),
                ("f", "not_answered")
            ]
        );
    }
}
