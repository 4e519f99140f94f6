//! Exchanges and their text, and use over time.

use operations::exchange::{Exchange, Listed, Row, Texts};
use operations::usage::{Point, Used};

use crate::cli::page::{Page, or_dash, short};

pub(super) fn list(list: Listed) -> Page {
    let row = |row: Row| {
        let ended = said(row.reason.as_ref()).or(said(row.outcome.as_ref()));
        vec![
            row.seq.to_string(),
            short(&row.time),
            or_dash(row.account_name.or(row.account)),
            row.model,
            row.status.to_string(),
            ended.unwrap_or_default(),
            or_dash(row.duration_us.map(millis)),
            or_dash(row.input_tokens),
            or_dash(row.output_tokens),
            or_dash(row.dollars.map(|dollars| format!("${dollars}"))),
        ]
    };
    let headings = [
        "ENTRY", "TIME", "ACCOUNT", "MODEL", "STATUS", "ENDED", "TOOK", "IN", "OUT", "COST",
    ];
    let page = Page::table(&headings, list.exchanges.into_iter().map(row).collect());
    match list.next {
        None => page,
        Some(next) => page.line(format!("older ones: --after {next}")),
    }
}

pub(super) fn one(exchange: Exchange) -> Page {
    let row = exchange.summary;
    let edits: Vec<String> = exchange
        .edits
        .iter()
        .filter_map(|edit| said(Some(edit)))
        .collect();
    let text = if row.has_text { "kept" } else { "not kept" };
    Page::fields(vec![
        ("entry", Some(row.seq.to_string())),
        ("hash", Some(exchange.hash)),
        ("request id", Some(row.id)),
        ("arrived", Some(exchange.arrived)),
        ("written", Some(row.time)),
        ("account", row.account),
        ("account's name", row.account_name),
        (
            "organization",
            exchange.organization_name.or(exchange.organization),
        ),
        ("key", exchange.key),
        ("grant", exchange.grant),
        ("endpoint", Some(row.endpoint)),
        ("model", Some(row.model)),
        ("upstream", exchange.upstream),
        ("status", Some(row.status.to_string())),
        ("ended", said(row.outcome.as_ref())),
        ("refused", said(row.reason.as_ref())),
        (
            "streamed",
            Some(if row.streamed { "yes" } else { "no" }.into()),
        ),
        ("first byte", row.first_byte_us.map(millis)),
        ("last byte", row.duration_us.map(millis)),
        (
            "tokens in",
            row.input_tokens.map(|tokens| tokens.to_string()),
        ),
        (
            "of these cached",
            exchange.cached_tokens.map(|tokens| tokens.to_string()),
        ),
        (
            "tokens out",
            row.output_tokens.map(|tokens| tokens.to_string()),
        ),
        (
            "of these reasoning",
            exchange.reasoning_tokens.map(|tokens| tokens.to_string()),
        ),
        ("counted by", said(exchange.counted_by.as_ref())),
        ("cost", row.dollars.map(|dollars| format!("${dollars}"))),
        (
            "bytes in",
            exchange.request_bytes.map(|bytes| bytes.to_string()),
        ),
        (
            "bytes out",
            exchange.response_bytes.map(|bytes| bytes.to_string()),
        ),
        (
            "changed in the body",
            (!edits.is_empty()).then(|| edits.join(", ")),
        ),
        ("address", Some(exchange.address)),
        ("user agent", Some(exchange.user_agent)),
        ("accept language", Some(exchange.accept_language)),
        ("text", Some(text.into())),
    ])
}

pub(super) fn texts(texts: Texts) -> Page {
    Page::default()
        .line("REQUEST")
        .line(texts.request.text)
        .line("")
        .line("RESPONSE")
        .line(texts.response.text)
}

pub(super) fn used(used: Used) -> Page {
    let row = |from: String, point: Point| {
        vec![
            from,
            point.requests.to_string(),
            or_dash(point.refusals),
            or_dash(point.errors),
            point.input_tokens.to_string(),
            point.output_tokens.to_string(),
            point.dollars,
        ]
    };
    let points = used.points.into_iter();
    let mut rows: Vec<_> = points.map(|point| row(short(&point.from), point)).collect();
    rows.push(row("all".into(), used.sum));
    let headings = [
        "FROM", "REQUESTS", "REFUSED", "ERRORS", "IN", "OUT", "DOLLARS",
    ];
    let page = Page::table(&headings, rows);
    match used.behind {
        true => page.line("The newest entries are not in these sums yet."),
        false => page,
    }
}

/// Milliseconds, of microseconds.
fn millis(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}

/// The name of a value as the API writes it.
fn said(value: Option<&impl serde::Serialize>) -> Option<String> {
    let value = serde_json::to_value(value?).ok()?;
    value.as_str().map(str::to_owned)
}
