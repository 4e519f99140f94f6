//! Pages that do something: a form made from the verb's input, for what can't be taken back with
//! what it will hit, and what comes of it. One way for every verb that changes anything.

use maud::{Markup, html};
use operations::{Error, Verb};
use serde_json::Value;

use super::form::{Fault, Form, Look};
use super::part::note::{note, problem, sentence};
use super::part::sheet::{Sheet, sheet};
use super::part::tile::Mood;
use super::query::Pairs;
use super::visit::{Answer, Visit};

/// What comes after a verb was done.
pub(crate) type Then<'a> = Box<dyn Fn(&Value) -> Answer + 'a>;

/// A page that does something.
pub(crate) struct Act<'a> {
    /// The verb: noun and verb, parted by a space.
    pub(crate) verb: &'static str,
    /// The page's title.
    pub(crate) title: String,
    /// The rooms above it.
    pub(crate) above: Vec<(&'a str, String)>,
    /// The form.
    pub(crate) form: Form,
    /// The button.
    pub(crate) button: &'a str,
    /// What it will hit, for what can't be taken back; empty else.
    pub(crate) hits: Markup,
    /// Where to go without doing it.
    pub(crate) back: String,
    /// What comes after.
    pub(crate) then: Then<'a>,
}

/// The verb of this name and its summary.
pub(crate) fn known(name: &str) -> Option<&'static Verb> {
    let (noun, verb) = name.split_once(' ')?;
    operations::verb(noun, verb)
}

/// Goes to `path` and says there that `verb` was done.
pub(crate) fn done(path: &str, verb: &str) -> Answer {
    let query = Pairs::default().with("done", &verb.replace(' ', "."));
    Answer::see(query.href(path))
}

/// The empty form of a verb, to be filled in by the page.
pub(crate) fn form(name: &str) -> Form {
    known(name).map(Form::of).unwrap_or_default()
}

/// Shows the form, or does what was sent.
pub(crate) fn act(visit: &Visit<'_>, act: &Act<'_>) -> Answer {
    let Some(verb) = known(act.verb) else {
        return super::fault::missing(visit);
    };
    if !verb.is_for(visit.role) {
        return super::fault::forbidden(visit, verb);
    }
    let Some(typed) = &visit.form else {
        return Answer::page(200, show(visit, act, verb, &visit.query, &[], None));
    };
    let input = match act.form.read(typed) {
        Ok(input) => input,
        Err(faults) => return Answer::page(400, show(visit, act, verb, typed, &faults, None)),
    };
    match visit.verbs.call(verb.noun, verb.verb, input) {
        Ok(output) => (act.then)(&output),
        Err(error) => {
            let status = crate::problem::status(&error).as_u16();
            let faults = faults(&error);
            Answer::page(status, show(visit, act, verb, typed, &faults, Some(&error)))
        }
    }
}

/// A value that can't be stands at its field as well.
fn faults(error: &Error) -> Vec<Fault> {
    match error {
        Error::Invalid { field, message, .. } => vec![Fault {
            field: field.clone(),
            message: message.clone(),
        }],
        _ => vec![Fault {
            field: String::new(),
            message: String::new(),
        }],
    }
}

fn show(
    visit: &Visit<'_>,
    act: &Act<'_>,
    verb: &Verb,
    typed: &Pairs,
    faults: &[Fault],
    error: Option<&Error>,
) -> Markup {
    let is_final = !act.hits.0.is_empty();
    let look = Look {
        action: "",
        csrf: visit.csrf,
        button: act.button,
        is_final,
        back: &act.back,
        typed,
        faults,
    };
    let body = html! {
        @if let Some(error) = error { (problem(error)) }
        @else if !faults.is_empty() { (note(Mood::Bad, &html! { p { strong { "Some fields can't be read. Nothing was changed." } } })) }
        @if is_final { (note(Mood::Warn, &act.hits)) }
        div class="card" { div class="body" { (act.form.show(&look)) } }
    };
    let page = Sheet {
        title: &act.title,
        above: act.above.clone(),
        lead: html! { (sentence(verb.summary)) },
        body: html! { div class="narrow" { (body) } },
        ..Sheet::default()
    };
    sheet(visit, &page)
}
