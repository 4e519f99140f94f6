//! The check of the whole ledger: started here, followed while it runs (it goes on without the
//! reader), and what the last one found.

use maud::{Markup, html};
use serde_json::Value;

use crate::page::act::known;
use crate::page::fault;
use crate::page::part::list::{card, facts, flush};
use crate::page::part::note::note;
use crate::page::part::sheet::{Sheet, sheet};
use crate::page::part::table::{figure, head, table, text};
use crate::page::part::text::{ago, count, share};
use crate::page::part::tile::Mood;
use crate::page::query::Pairs;
use crate::page::said::Said;
use crate::page::visit::{Answer, Visit};

const HERE: &str = "/upkeep/verify";

/// The check.
pub(super) fn respond(visit: &Visit<'_>) -> Answer {
    let Some(verb) = known("ledger verify") else {
        return fault::missing(visit);
    };
    if !verb.is_for(visit.role) {
        return fault::forbidden(visit, verb);
    }
    if visit.form.is_some() {
        return match visit.verbs.start_check() {
            Ok(()) => Answer::see(HERE),
            Err(error) => fault::failed(visit, &error),
        };
    }
    let seen = visit.verbs.check();
    let is_running = seen.text("state") == "running";
    let body = html! {
        @match seen.text("state") {
            "running" => (running(visit, &seen)),
            "done" => (report(visit, &seen)),
            "failed" => (note(Mood::Bad, &html! { p { strong { "The check could not be finished." } } p { (seen.text("error")) } })),
            _ => (card("Not checked yet", &html! {}, &html! {
                p { "Since this server started nobody has checked the ledger. It takes about a minute for ten million entries, and goes on beside the traffic." }
                (start(visit, "Verify now"))
            })),
        }
    };
    let page = Sheet {
        title: "Verify the ledger",
        above: vec![("Upkeep", "/upkeep".to_owned())],
        lead: html! { "Every link, commitment, signed head and body, against what was written." },
        acts: html! { @if matches!(seen.text("state"), "done" | "failed") { (start(visit, "Verify again")) } },
        is_moving: is_running,
        body: html! { div class="stack" { (body) } },
    };
    Answer::page(200, sheet(visit, &page))
}

fn start(visit: &Visit<'_>, button: &str) -> Markup {
    html! {
        form method="post" action=(HERE) {
            input type="hidden" name="csrf" value=(visit.csrf);
            button class="main-act" { (button) }
        }
    }
}

fn running(visit: &Visit<'_>, seen: &Value) -> Markup {
    let (at, of) = (seen.number("at"), seen.number("of"));
    card(
        "The check runs",
        &html! { p { "started " (ago(seen.text("started"), visit.now)) " by " (seen.text("by")) } },
        &html! {
            div data-check="/api/v1/ledger/verify/live" {
                progress max=(of.max(1)) value=(at.min(of)) aria-label="Entries checked" { (share(at, of)) }
                p class="muted" { "Entry " span data-at { (count(at)) } " of " span data-of-all { (count(of)) } ". You can leave this page; the check goes on." }
            }
        },
    )
}

fn report(visit: &Visit<'_>, seen: &Value) -> Markup {
    let said = seen.at("report");
    let is_sound = said.is("sound");
    let more = said.number("more_findings");
    let columns = [
        figure("Entry", ""),
        text("Where", ""),
        text("What is wrong", ""),
    ];
    let rows = html! {
        @for finding in said.list("findings") {
            tr { td class="num" { (count(finding.number("seq"))) } td { (finding.text("place")) } td { (finding.text("what")) } }
        }
    };
    html! {
        (note(if is_sound { Mood::Ok } else { Mood::Bad }, &verdict(said)))
        (card("What was checked", &html! { p { "ended " (ago(seen.text("ended"), visit.now)) ", by " (seen.text("by")) } }, &checked(said)))
        @if !said.list("findings").is_empty() {
            (flush("Findings", &html! { @if more > 0 { p { "and " (count(more)) " more" } } }, &table("Findings", &head(&columns, visit.path, &Pairs::default()), &rows)))
        }
    }
}

fn verdict(said: &Value) -> Markup {
    let first = said.at("first_bad");
    html! {
        @if said.is("sound") {
            p { strong { "The ledger is sound." } }
            p { "All " (count(said.number("tip"))) " entries are as they were written." }
        } @else {
            p { strong { "The ledger is not as it was written." } }
            @if !first.is_null() { p { "The first bad entry is " (count(first.number("seq"))) ": " (first.text("what")) "." } }
            p class="hint" { "Keep this machine as it is, and restore a backup elsewhere: see the guide on backups." }
        }
    }
}

fn checked(said: &Value) -> Markup {
    facts(&[
        (
            "Chain",
            html! { span class="mono small" { (said.text("chain")) } },
        ),
        ("Entries", html! { (count(said.number("tip"))) }),
        (
            "Signed heads",
            html! { (count(said.number("heads"))) ", attesting entries up to " (count(said.number("attested"))) },
        ),
        (
            "Behind the newest head",
            html! { (count(said.number("unattested"))) " entries: a cut or rewrite among these would not be found" },
        ),
        (
            "Payloads gone",
            html! { (count(said.number("gone"))) ", pruned or erased, each with its marker" },
        ),
        (
            "Bodies",
            html! { (count(said.number("bodies_opened"))) " opened, " (count(said.number("bodies_sealed"))) " sealed with a key that is not at hand" },
        ),
    ])
}
