//! Pages that list: filters made from the verb's input, a table, and the way to the next page.
//! The address holds the whole state; the verb bounds the work.

use maud::{Markup, html};
use operations::{Error, Verb};
use serde_json::Value;

use super::act::known;
use super::form::{Field, Form, Shape, fields};
use super::part::note::problem;
use super::part::sheet::{Sheet, sheet};
use super::part::table::{Column, head, pager, table};
use super::part::text::words;
use super::query::Pairs;
use super::said::Said;
use super::visit::{Answer, Visit};

/// A list.
pub(crate) struct Listing<'a> {
    /// The verb: noun and verb, parted by a space.
    pub(crate) verb: &'static str,
    /// The field of its output that holds the rows.
    pub(crate) rows: &'static str,
    /// The page's title.
    pub(crate) title: &'a str,
    /// What these things are, in a sentence.
    pub(crate) lead: &'a str,
    /// What can be done here.
    pub(crate) acts: Markup,
    /// The columns.
    pub(crate) columns: &'a [Column],
    /// A row.
    pub(crate) row: &'a dyn Fn(&Value) -> Markup,
    /// What stands here where there is nothing at all.
    pub(crate) empty: Markup,
}

/// How many rows a page has where nothing is said: few enough for a quick page.
const ROWS: &str = "50";
/// The most rows: a page stays under 100 KiB.
const SIZES: [&str; 3] = ["25", "50", "75"];

/// Shows a list.
pub(crate) fn listing(visit: &Visit<'_>, list: &Listing<'_>) -> Answer {
    let Some(verb) = known(list.verb) else {
        return super::fault::missing(visit);
    };
    if !verb.is_for(visit.role) {
        return super::fault::forbidden(visit, verb);
    }
    let said = ask(visit, verb, &bounded(&visit.query));
    let status = said
        .as_ref()
        .map_or_else(|error| crate::problem::status(error).as_u16(), |_| 200);
    let filters = filters(visit, (verb.input)().as_value(), (verb.fields)());
    let body = html! {
        @match &said {
            Err(error) => { (problem(error)) section class="card" aria-label=(list.title) { (filters) } },
            Ok(said) => (rows(visit, list, said, &filters)),
        }
    };
    let page = Sheet {
        title: list.title,
        lead: html! { (list.lead) },
        acts: list.acts.clone(),
        body,
        ..Sheet::default()
    };
    Answer::page(status, sheet(visit, &page))
}

/// What a verb says to these filters.
///
/// # Errors
/// The first filter that can't be read, or the verb's.
pub(crate) fn ask(visit: &Visit<'_>, verb: &Verb, asked: &Pairs) -> Result<Value, Error> {
    match Form::of(verb).read(asked) {
        Ok(input) => visit.verbs.call(verb.noun, verb.verb, input),
        Err(faults) => {
            let first = faults
                .first()
                .map(|fault| (fault.field.as_str(), fault.message.as_str()));
            let (field, message) = first.unwrap_or(("input", "can't be read"));
            Err(Error::invalid(field, message))
        }
    }
}

/// The pairs that are meant for the verb, with a bounded number of rows.
pub(crate) fn bounded(query: &Pairs) -> Pairs {
    let query = query.without(&["done"]);
    match query.get("limit") {
        Some(size) if SIZES.contains(&size) => query,
        _ => query.with("limit", ROWS),
    }
}

fn rows(visit: &Visit<'_>, list: &Listing<'_>, said: &Value, filters: &Markup) -> Markup {
    let rows = said.list(list.rows);
    let query = visit.query.without(&["done"]);
    let is_plain = query.without(&["sort", "limit"]) == Pairs::default();
    if rows.is_empty() && is_plain {
        return html! { section class="card" aria-label=(list.title) { (list.empty) } };
    }
    let lines = html! { @for row in rows { (( list.row )(row)) } };
    html! {
        section class="card" aria-label=(list.title) {
            (filters)
            @if rows.is_empty() {
                div class="empty" { h3 { "Nothing passes these filters" } a class="button" href=(visit.path) { "Show all" } }
            } @else {
                (table(list.title, &head(list.columns, visit.path, &query), &lines))
                (pager(visit.path, &query, rows.len(), said.number("total"), said.maybe("next")))
            }
        }
    }
}

/// A filter for every field of the input, and the order kept.
pub(crate) fn filters(visit: &Visit<'_>, schema: &Value, order: &[&str]) -> Markup {
    let fields = fields(schema, order);
    let is_filter = |field: &&Field| !matches!(field.name.as_str(), "limit" | "after" | "sort");
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    if fields.is_empty() {
        return html! {};
    }
    html! {
        form class="filters" method="get" action=(visit.path) role="search" {
            @for field in fields.iter().filter(is_filter) { (filter(field, &visit.query)) }
            @if has("limit") { (size(&visit.query)) }
            @if has("sort") { input type="hidden" name="sort" value=(visit.query.get("sort").unwrap_or_default()); }
            button class="tight" { "Filter" }
            @if visit.query.without(&["sort", "limit", "done"]) != Pairs::default() { a class="small" href=(visit.path) { "Clear" } }
        }
    }
}

fn filter(field: &Field, query: &Pairs) -> Markup {
    let value = query.get(&field.name).unwrap_or_default();
    html! {
        label title=(field.help) {
            (field.label)
            @match &field.shape {
                Shape::Choice(choices) | Shape::Choices(choices) => select name=(field.name) {
                    option value="" { "Any" }
                    @for (known, _) in choices { option value=(known) selected[known == value] { (words(known)) } }
                },
                Shape::Maybe | Shape::Tick => select name=(field.name) {
                    option value="" { "Any" }
                    @for (known, name) in [("true", "Yes"), ("false", "No")] { option value=(known) selected[known == value] { (name) } }
                },
                _ if field.name == "search" => input type="search" name="search" value=(value) placeholder="Press / to search";,
                _ => input type="text" name=(field.name) value=(value);,
            }
        }
    }
}

fn size(query: &Pairs) -> Markup {
    let chosen = query.get("limit").unwrap_or(ROWS);
    html! {
        label { "Rows" select name="limit" { @for size in SIZES { option selected[size == chosen] { (size) } } } }
    }
}
