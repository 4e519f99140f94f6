//! The frame of every page: the way around, where the reader is, and the page's matter.

use maud::{DOCTYPE, Markup, html};

use super::icon::{Icon, icon, mark};
use super::note::note;
use super::tile::Mood;
use crate::assets;
use crate::page::visit::Visit;

/// A page's own matter.
#[derive(Default)]
pub(crate) struct Sheet<'a> {
    /// Its title and first heading.
    pub(crate) title: &'a str,
    /// The rooms above it: name and address.
    pub(crate) above: Vec<(&'a str, String)>,
    /// What it is for, in a sentence; may be empty.
    pub(crate) lead: Markup,
    /// What can be done here.
    pub(crate) acts: Markup,
    /// Whether it is asked for again every few seconds where no script follows it.
    pub(crate) is_moving: bool,
    /// The rest.
    pub(crate) body: Markup,
}

/// A room in the way around.
struct Place(&'static str, &'static str, Icon);

const PLACES: [(&str, &[Place]); 6] = [
    (
        "",
        &[
            Place("/", "Overview", Icon::Overview),
            Place("/live", "Live traffic", Icon::Live),
        ],
    ),
    (
        "Customers",
        &[
            Place("/organizations", "Organisations", Icon::Organization),
            Place("/accounts", "Accounts", Icon::Account),
            Place("/keys", "Keys", Icon::Key),
            Place("/grants", "Grants", Icon::Grant),
            Place("/plans", "Plans", Icon::Plan),
        ],
    ),
    (
        "Serving",
        &[
            Place("/models", "Models", Icon::Model),
            Place("/upstreams", "Upstreams", Icon::Upstream),
        ],
    ),
    ("Distillation", &[Place("/runs", "Runs", Icon::Run)]),
    (
        "Ledger",
        &[
            Place("/ledger", "Chain", Icon::Chain),
            Place("/cost", "Cost", Icon::Cost),
            Place("/upkeep", "Upkeep", Icon::Upkeep),
        ],
    ),
    (
        "House",
        &[
            Place("/operators", "Operators", Icon::Operator),
            Place("/tokens", "API tokens", Icon::Token),
            Place("/settings", "Settings", Icon::Settings),
            Place("/import", "Import", Icon::Import),
        ],
    ),
];

/// A whole page for somebody who is signed in.
pub(crate) fn sheet(visit: &Visit<'_>, sheet: &Sheet<'_>) -> Markup {
    document(
        sheet.title,
        visit.theme,
        sheet.is_moving,
        &html! {
            a class="skip" href="#main" { "Skip to content" }
            div class="top" {
                (brand())
                a class="button tight" href="#menu" { "Menu" }
            }
            div class="frame" {
                (side(visit))
                main class="main" id="main" tabindex="-1" {
                    (crumbs(sheet))
                    div class="head" {
                        div { h1 { (sheet.title) } @if !sheet.lead.0.is_empty() { p class="lead" { (sheet.lead) } } }
                        @if !sheet.acts.0.is_empty() { div class="acts" { (sheet.acts) } }
                    }
                    @if let Some(done) = visit.query.get("done").and_then(crate::page::verbs::done) {
                        (note(Mood::Ok, &html! { p { (done) } }))
                    }
                    (sheet.body)
                    footer class="foot" { span { "Times are UTC." } a href="/api/v1/openapi.json" { "Admin API" } }
                }
            }
        },
    )
}

/// A page for somebody who is not: a door.
pub(crate) fn door(title: &str, body: &Markup) -> Markup {
    document(
        title,
        "auto",
        false,
        &html! {
            main class="door" id="main" { div class="card" { (brand()) h1 { (title) } (body) } }
        },
    )
}

fn document(title: &str, theme: &str, is_moving: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en-GB" data-theme=(theme) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Stillhouse" }
                link rel="icon" href=(assets::url("icon.svg"));
                link rel="stylesheet" href=(assets::url("console.css"));
                script src=(assets::url("console.js")) defer {}
                @if is_moving { noscript { meta http-equiv="refresh" content="3"; } }
            }
            body { (body) }
        }
    }
}

fn brand() -> Markup {
    html! { a class="brand" href="/" { (mark(22)) "Stillhouse" } }
}

fn side(visit: &Visit<'_>) -> Markup {
    html! {
        nav class="side" id="menu" aria-label="Rooms" {
            div class="row" { (brand()) a class="button tight close" href="#" { "Close" } }
            @for (title, places) in &PLACES {
                @if !title.is_empty() { h2 { (title) } }
                ul {
                    @for Place(href, name, picture) in *places {
                        li { a href=(href) aria-current=[is_here(visit.path, href).then_some("page")] { (icon(*picture, 16)) (name) } }
                    }
                }
            }
            (who(visit))
        }
    }
}

fn who(visit: &Visit<'_>) -> Markup {
    html! {
        div class="who" {
            div class="name" { (visit.name) }
            div class="row" {
                span class="muted small" { (super::text::words(visit.role.name())) }
                form method="post" action="/sign-out" {
                    input type="hidden" name="csrf" value=(visit.csrf);
                    button class="plain" { "Sign out" }
                }
            }
            form method="post" action="/theme" class="row" {
                input type="hidden" name="csrf" value=(visit.csrf);
                input type="hidden" name="back" value=(visit.query.href(visit.path));
                span class="muted small" id="theme" { "Theme" }
                div class="switch" role="group" aria-labelledby="theme" {
                    @for (value, name) in [("auto", "Auto"), ("light", "Light"), ("dark", "Dark")] {
                        button name="theme" value=(value) aria-pressed=(if value == visit.theme { "true" } else { "false" }) { (name) }
                    }
                }
            }
        }
    }
}

fn is_here(path: &str, href: &str) -> bool {
    match path.strip_prefix(href) {
        _ if href == "/" => path == "/",
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

fn crumbs(sheet: &Sheet<'_>) -> Markup {
    html! {
        @if !sheet.above.is_empty() { nav class="crumbs" aria-label="Where you are" {
            ol { @for (name, href) in &sheet.above { li { a href=(href) { (name) } } } }
        } }
    }
}
