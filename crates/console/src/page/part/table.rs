//! Lists as tables: sorted, filtered and turned over by the address alone, so that every view can
//! be kept, sent and gone back to.

use maud::{Markup, html};

use super::text::count;
use crate::page::query::Pairs;

/// A column.
pub(crate) struct Column {
    /// Its heading.
    pub(crate) name: &'static str,
    /// The field by which the verb sorts it; empty where it can't.
    pub(crate) sort: &'static str,
    /// Whether it holds figures, which stand right.
    pub(crate) is_figure: bool,
    /// Whether the largest is wanted first.
    pub(crate) is_down: bool,
}

/// A column of text.
pub(crate) const fn text(name: &'static str, sort: &'static str) -> Column {
    Column {
        name,
        sort,
        is_figure: false,
        is_down: false,
    }
}

/// A column of figures.
pub(crate) const fn figure(name: &'static str, sort: &'static str) -> Column {
    Column {
        name,
        sort,
        is_figure: true,
        is_down: true,
    }
}

/// A column of bars.
pub(crate) const fn bars(name: &'static str, sort: &'static str) -> Column {
    Column {
        name,
        sort,
        is_figure: false,
        is_down: true,
    }
}

/// The head of a table; `path` and `query` are where the reader is.
pub(crate) fn head(columns: &[Column], path: &str, query: &Pairs) -> Markup {
    let sorted = query.get("sort").unwrap_or_default();
    html! {
        thead { tr {
            @for column in columns {
                @let direction = direction(column, sorted);
                th scope="col" class=[column.is_figure.then_some("num")] aria-sort=[direction] {
                    @if column.sort.is_empty() {
                        @if column.name.is_empty() { span class="hide" { "Actions" } } @else { (column.name) }
                    } @else {
                        a href=(query.without(&["after"]).with("sort", &next(column, direction)).href(path)) {
                            (column.name) (arrow(direction))
                        }
                    }
                }
            }
        } }
    }
}

fn direction(column: &Column, sorted: &str) -> Option<&'static str> {
    match sorted.strip_prefix('-') {
        _ if column.sort.is_empty() => None,
        Some(field) => (field == column.sort).then_some("descending"),
        None => (sorted == column.sort).then_some("ascending"),
    }
}

/// Figures are wanted largest first, text from A on; a second time turns it round.
fn next(column: &Column, direction: Option<&str>) -> String {
    let is_down = match direction {
        None => column.is_down,
        Some(direction) => direction == "ascending",
    };
    format!("{}{}", if is_down { "-" } else { "" }, column.sort)
}

fn arrow(direction: Option<&str>) -> Markup {
    let path = match direction {
        Some("descending") => "M2 3.5l3 3.5 3-3.5z",
        Some(_) => "M2 6.5l3-3.5 3 3.5z",
        None => return html! {},
    };
    html! { svg width="10" height="10" viewBox="0 0 10 10" fill="currentColor" aria-hidden="true" { path d=(path) {} } }
}

/// A table that scrolls by itself where it is too wide.
pub(crate) fn table(name: &str, head: &Markup, rows: &Markup) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(name) {
            table { (head) tbody { (rows) } }
        }
    }
}

/// Where a reader is in a list, and the way on. `next` is the verb's cursor.
pub(crate) fn pager(
    path: &str,
    query: &Pairs,
    shown: usize,
    total: u64,
    next: Option<&str>,
) -> Markup {
    let is_later = query.get("after").is_some();
    html! {
        nav class="pager" aria-label="Pages" {
            span { (count(shown as u64)) " of " (count(total)) }
            span class="acts" {
                @if is_later { a class="button tight" href=(query.without(&["after"]).href(path)) { "First page" } }
                @if let Some(next) = next { a class="button tight" rel="next" href=(query.with("after", next).href(path)) { "Next page" } }
            }
        }
    }
}

/// A choice between views that differ in one field of the address.
pub(crate) fn switch(
    path: &str,
    query: &Pairs,
    field: &str,
    choices: &[(&str, &str)],
    chosen: &str,
) -> Markup {
    html! {
        nav class="switch" aria-label=(super::text::words(field)) {
            @for (value, name) in choices {
                a href=(query.without(&["after"]).with(field, value).href(path)) aria-current=[(*value == chosen).then_some("true")] { (name) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_is_in_the_address() {
        let query = Pairs::read("search=a%26b&sort=-keys&after=zzz");
        let html = head(
            &[text("Name", "name"), figure("Keys", "keys"), text("", "")],
            "/accounts",
            &query,
        );
        let html = html.into_string();
        assert!(
            html.contains(r#"href="/accounts?search=a%26b&amp;sort=name""#),
            "{html}"
        );
        assert!(
            html.contains(r#"href="/accounts?search=a%26b&amp;sort=keys""#),
            "{html}"
        );
        assert_eq!(html.matches("aria-sort").count(), 1);
        assert!(html.contains(r#"aria-sort="descending""#));
    }

    #[test]
    fn the_way_on_keeps_the_rest() {
        let query = Pairs::read("sort=name&after=a");
        let html = pager("/keys", &query, 100, 1234, Some("b c")).into_string();
        assert!(html.contains("100 of 1,234"), "{html}");
        assert!(
            html.contains(r#"href="/keys?sort=name&amp;after=b%20c""#),
            "{html}"
        );
        assert!(html.contains(r#"href="/keys?sort=name""#), "{html}");
    }
}
