//! The house itself: settings as they are settled and from where, taking them in anew, and what is
//! brought along from elsewhere.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::upkeep::outcome;
use crate::page::act::{Act, act, form};
use crate::page::part::icon::Icon;
use crate::page::part::list::flush;
use crate::page::part::note::empty;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{head, table, text};
use crate::page::part::tile::label;
use crate::page::query::Pairs;
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

/// Settings.
pub(super) fn settings(visit: &Visit<'_>, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] => Some(show(visit)),
        ["reload"] => Some(reload(visit)),
        _ => None,
    }
}

fn show(visit: &Visit<'_>) -> Answer {
    let said = match visit.main("settings show", json!({})) {
        Ok(said) => said,
        Err(answer) => return *answer,
    };
    let rows = said.list("settings");
    // A section is what stands before the first point of a name.
    let section = |row: &Value| {
        row.text("key")
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let mut sections: Vec<String> = rows.iter().map(section).collect();
    sections.dedup();
    let body = html! {
        @if rows.is_empty() {
            section class="card" aria-label="Settings" { (empty(Icon::Settings, "No settings", "Without a settings file everything holds by default.", &html! {})) }
        }
        @for name in &sections {
            @let own: Vec<&Value> = rows.iter().filter(|row| section(row) == *name).collect();
            (flush(name, &html! {}, &part(visit, &own)))
        }
    };
    let page = Sheet {
        title: "Settings",
        lead: html! { "As they are settled now, and from where. They are written in the settings file; secrets are never shown." },
        acts: html! { a class="button" href="/settings/reload" { "Reload…" } },
        body: html! { div class="stack" { (body) } },
        ..Sheet::default()
    };
    Answer::page(200, sheet(visit, &page))
}

fn part(visit: &Visit<'_>, rows: &[&Value]) -> Markup {
    let columns = [text("Setting", ""), text("Value", ""), text("From", "")];
    let lines = html! {
        @for row in rows {
            tr {
                th scope="row" class="mono small" { (row.text("key")) }
                td class="wrap" { (row.text("value")) }
                td { (label(row.text("from"))) }
            }
        }
    };
    table(
        "Settings",
        &head(&columns, visit.path, &Pairs::default()),
        &lines,
    )
}

fn reload(visit: &Visit<'_>) -> Answer {
    let page = Act {
        verb: "server reload",
        title: "Reload settings".to_owned(),
        above: vec![("Settings", "/settings".to_owned())],
        form: form("server reload"),
        button: "Reload now",
        hits: html! {},
        back: "/settings".to_owned(),
        then: Box::new(|said| outcome(visit, "Settings reloaded", said)),
    };
    act(visit, &page)
}

/// Import from LiteLLM.
pub(super) fn import(visit: &Visit<'_>) -> Answer {
    let page = Act {
        verb: "import litellm",
        title: "Import from LiteLLM".to_owned(),
        above: Vec::new(),
        form: form("import litellm").long("config").long("keys"),
        button: "Import",
        hits: html! {},
        back: "/".to_owned(),
        then: Box::new(|said| outcome(visit, "Imported", said)),
    };
    act(visit, &page)
}
