//! What is told beside the page's matter: what was done, what went wrong and what to do about it,
//! and what to do where there is nothing yet.

use maud::{Markup, html};
use operations::Error;

use super::icon::{Icon, icon};
use super::tile::Mood;

/// A note. Urgent ones are read out at once.
pub(crate) fn note(mood: Mood, body: &Markup) -> Markup {
    let (picture, role) = match mood {
        Mood::Ok => (Icon::Good, "status"),
        Mood::Warn => (Icon::Warn, "status"),
        Mood::Bad => (Icon::Bad, "alert"),
        Mood::Info | Mood::Calm => (Icon::Info, "note"),
    };
    html! {
        div class={ "note-box " (mood.class()) } role=(role) { (icon(picture, 16)) div { (body) } }
    }
}

/// Why a verb was not done, and what to do.
pub(crate) fn problem(error: &Error) -> Markup {
    note(
        Mood::Bad,
        &html! {
            p { strong { (sentence(&error.to_string())) } }
            @if let Some(hint) = error.hint() { p class="hint" { (sentence(hint)) } }
        },
    )
}

/// A message of the code begins in lower case and has no full stop: here it is read as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut out: String = match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => return String::new(),
    };
    if !out.ends_with(['.', '!', '?', ':']) {
        out.push('.');
    }
    out
}

/// A room with nothing in it yet: what belongs here, and how to begin.
pub(crate) fn empty(picture: Icon, title: &str, says: &str, acts: &Markup) -> Markup {
    html! {
        div class="empty" {
            (icon(picture, 28))
            h3 { (title) }
            p { (says) }
            @if !acts.0.is_empty() { div class="acts" { (acts) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_read_as_sentences() {
        let error = Error::invalid("name", "a <b> is no name").with_hint("write one");
        let html = problem(&error).into_string();
        assert!(html.contains("`name`: a &lt;b&gt; is no name."), "{html}");
        assert!(html.contains("Write one."), "{html}");
        assert!(html.contains(r#"role="alert""#));
    }
}
