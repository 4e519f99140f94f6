//! Facts of one thing, and cards around parts of a page.

use maud::{Markup, html};

/// Names with values.
pub(crate) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        dl class="facts" {
            @for (name, value) in rows { div { dt { (name) } dd { (value) } } }
        }
    }
}

/// A part of a page with a heading; what stands beside the heading may be empty.
pub(crate) fn card(title: &str, beside: &Markup, body: &Markup) -> Markup {
    html! {
        section class="card" aria-label=(title) {
            header { h2 { (title) } (beside) }
            div class="body" { (body) }
        }
    }
}

/// The same around a table or a list, which reach its edges.
pub(crate) fn flush(title: &str, beside: &Markup, body: &Markup) -> Markup {
    html! {
        section class="card" aria-label=(title) {
            header { h2 { (title) } (beside) }
            (body)
        }
    }
}

/// A link, or only its text where there is nowhere to go.
pub(crate) fn link(href: &str, text: &str) -> Markup {
    html! { @if href.is_empty() { (text) } @else { a href=(href) { (text) } } }
}
