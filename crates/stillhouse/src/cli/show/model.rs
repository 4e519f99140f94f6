//! Models and upstreams as text.

use operations::model::{Health, Listed, Model};
use operations::upstream::{self, Latency, Percentiles, Upstream};

use crate::cli::page::{Page, or_dash, short};

pub(super) fn list(listed: Listed) -> Page {
    table(listed.models)
}

pub(super) fn one(model: Model) -> Page {
    table(vec![model])
}

/// Models as a table.
pub(super) fn table(models: Vec<Model>) -> Page {
    let row = |model: Model| {
        let health = model.health.as_ref();
        let price = model.dollars_per_million_tokens;
        vec![
            model.name,
            model.upstream,
            if model.on { "on" } else { "off" }.to_owned(),
            or_dash(model.context_tokens),
            format!("${} / ${}", price.input, price.output),
            or_dash(health.map(|health| format!("{} of {}", health.ready, health.servers))),
            or_dash(health.map(|health| health.in_flight)),
            health
                .and_then(|health| health.last_error.clone())
                .unwrap_or_default(),
        ]
    };
    Page::table(
        &[
            "MODEL",
            "UPSTREAM",
            "SWITCH",
            "CONTEXT",
            "IN / OUT A MILLION",
            "READY",
            "IN FLIGHT",
            "LAST ERROR",
        ],
        models.into_iter().map(row).collect(),
    )
}

pub(super) fn upstreams(listed: upstream::Listed) -> Page {
    upstream_table(listed.upstreams)
}

pub(super) fn upstream(upstream: Upstream) -> Page {
    upstream_table(vec![upstream])
}

/// A row for each upstream, and below it one for each of its servers.
fn upstream_table(upstreams: Vec<Upstream>) -> Page {
    let mut rows = Vec::new();
    for one in upstreams {
        let health = one.health.as_ref();
        rows.push(vec![
            one.name,
            one.kind,
            switch(one.on),
            or_dash(health.map(ready)),
            or_dash(health.map(|health| health.in_flight)),
            first_byte(one.latency),
            whole(one.latency),
            health
                .and_then(|health| health.last_error.clone())
                .unwrap_or_default(),
        ]);
        for server in one.servers {
            rows.push(vec![
                format!("  {}", server.url),
                String::new(),
                switch(server.on),
                match &server.unreachable_since {
                    Some(since) => format!("unreachable since {}", short(since)),
                    None => or_dash(server.ready.map(|ready| if ready { "yes" } else { "no" })),
                },
                or_dash(server.in_flight),
                first_byte(server.latency),
                whole(server.latency),
                String::new(),
            ]);
        }
    }
    Page::table(
        &[
            "UPSTREAM",
            "KIND",
            "SWITCH",
            "READY",
            "IN FLIGHT",
            "FIRST BYTE P95",
            "ANSWER P95",
            "LAST ERROR",
        ],
        rows,
    )
}

/// Of the last minutes.
fn first_byte(latency: Option<Latency>) -> String {
    millis(latency.and_then(|latency| latency.first_byte))
}

fn whole(latency: Option<Latency>) -> String {
    millis(latency.and_then(|latency| latency.whole))
}

fn millis(times: Option<Percentiles>) -> String {
    or_dash(times.map(|times| format!("{:.1} ms", times.p95_us as f64 / 1e3)))
}

fn switch(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn ready(health: &Health) -> String {
    format!("{} of {}", health.ready, health.servers)
}
