//! Accounts and clusters that stand out, each with its evidence in plain sentences and the honest
//! explanation beside it. Nothing is decided here.

use maud::{Markup, html};
use operations::replay::{Account, Action, Cluster, Evidence, Report};

use super::words::{action_name, band_mood, band_name, odds, risk};
use crate::page::part::note::sentence;
use crate::page::part::text::{count, many};
use crate::page::part::tile::badge;

/// So many accounts are told of with their evidence; the others as a table.
const TOLD: usize = 15;
/// So many pieces of evidence are told of each; `findings.jsonl` has more.
const PIECES: usize = 5;
/// Decibans that fill the bar of a piece of evidence.
const FULL: i32 = 30;

pub(super) fn accounts(report: &Report) -> Markup {
    let found = &report.found;
    let (told, listed) = found.accounts.split_at(found.accounts.len().min(TOLD));
    html! {
        section {
            h2 { "Accounts that stand out" }
            @if found.accounts.is_empty() {
                p { "None." }
            } @else {
                p { "The strongest first. The risk is what the guard makes of all evidence together, its \
                     cluster's included; the bars show how strong each piece is by itself, for \
                     distilling (copper) or for honest use (green)." }
                @for account in told { (one(account)) }
                @if !listed.is_empty() { (list(listed)) }
                @if found.remarkable() > found.accounts.len() as u64 {
                    p class="muted small" { (count(found.remarkable() - found.accounts.len() as u64))
                        " more stand out; " code { "accounts.jsonl" } " has them all." }
                }
            }
        }
    }
}

fn one(account: &Account) -> Markup {
    html! {
        article class="card" {
            header {
                h3 { code { (account.id) } }
                p {
                    (badge(band_mood(account.band), band_name(account.band))) " "
                    "risk " (risk(account.risk)) " · " (many(account.exchanges, "exchange", "exchanges"))
                    @if let Some(cluster) = &account.cluster { " · " a href=(format!("#{cluster}")) { (cluster) } }
                }
            }
            div class="body" {
                (why(&account.evidence))
                (measure(account))
            }
        }
    }
}

fn measure(account: &Account) -> Markup {
    html! {
        @if let Some((action, after)) = account.action {
            p class="small" { "Proposed: " strong { (action_name(action)) } ", after "
                (many(after, "exchange", "exchanges")) " of " (count(account.exchanges)) "." }
        }
    }
}

fn list(accounts: &[Account]) -> Markup {
    html! {
        div class="card scroll" { table class="dense" {
            thead { tr { th scope="col" { "Account" } th scope="col" { "Band" } th scope="col" class="num" { "Risk" }
                th scope="col" class="num" { "Exchanges" } th scope="col" { "Proposed" } } }
            tbody { @for account in accounts { tr {
                th scope="row" class="wrap" { code { (account.id) } }
                td { (badge(band_mood(account.band), band_name(account.band))) }
                td class="num" { (risk(account.risk)) }
                td class="num" { (count(account.exchanges)) }
                td { @if let Some((action, after)) = account.action {
                    (action_name(action)) span class="sub" { "after " (count(after)) } } }
            } } }
        } }
    }
}

fn why(evidence: &[Evidence]) -> Markup {
    html! {
        @if evidence.is_empty() {
            p class="muted" { "Its own traffic says little; it stands here for what it shares with others." }
        } @else {
            ul class="why" { @for (at, piece) in evidence.iter().take(PIECES).enumerate() { li {
                (strength(piece.decibans))
                div { (sentence(&piece.text)) " " span class="odds" { (odds(piece.decibans)) } }
                @if let Some(alternative) = alternative(evidence, at) {
                    p class="but" { strong { "Or else: " } (sentence(alternative)) }
                }
            } } }
        }
    }
}

/// The honest explanation of a piece, where none before it had the same.
fn alternative(evidence: &[Evidence], at: usize) -> Option<&str> {
    let (before, rest) = evidence.split_at(at);
    let told = rest.first()?.alternative.as_deref()?;
    let again = before
        .iter()
        .any(|one| one.alternative.as_deref() == Some(told));
    (!again).then_some(told)
}

fn strength(decibans: i32) -> Markup {
    let width = f64::from(decibans.abs().min(FULL)) / f64::from(FULL) * 100.0;
    let side = if decibans > 0 { "for" } else { "against" };
    html! {
        svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect class=(side) width=(format!("{width:.1}")) height="8" {}
        }
    }
}

pub(super) fn clusters(report: &Report) -> Markup {
    let found = &report.found;
    html! {
        section {
            h2 { "Accounts that belong together" }
            @if found.clusters.is_empty() {
                p { "No accounts were found to act as one." }
            } @else {
                p { "Clusters are accounts tied by what they share: conversations that go on under another \
                     account, reused answers, templates, places, times. A reseller with honest customers \
                     looks like one too: then only its distilling streams are scored." }
                @for cluster in &found.clusters { (together(cluster)) }
                @if found.more_clusters > 0 {
                    p class="muted small" { (count(found.more_clusters)) " more in "
                        code { "clusters.jsonl" } "." }
                }
            }
        }
    }
}

fn together(cluster: &Cluster) -> Markup {
    let more = cluster.accounts.saturating_sub(cluster.some.len() as u64);
    html! {
        article class="card" id=(cluster.id) {
            header {
                h3 { (cluster.id) ": " (many(cluster.accounts, "account", "accounts")) }
                p { (badge(band_mood(cluster.band), band_name(cluster.band))) " risk " (risk(cluster.risk)) }
            }
            div class="body" {
                @if !cluster.evidence.is_empty() { (why(&cluster.evidence)) }
                @if !cluster.links.is_empty() {
                    p class="small" { "Tied by "
                        @for (at, (signal, links, most)) in cluster.links.iter().enumerate() {
                            @if at > 0 { ", " }
                            code { (signal) } " (" (many(*links, "link", "links")) ", at most " (most) " decibans)"
                        } "." }
                }
                p class="small wrap" { "Accounts: "
                    @for (at, id) in cluster.some.iter().enumerate() { @if at > 0 { ", " } code { (id) } }
                    @if more > 0 { " and " (count(more)) " more" } }
                @if cluster.action > Action::None {
                    p class="small" { "Proposed for all of it: " strong { (action_name(cluster.action)) } "." }
                }
                @if cluster.all_streams > 0 { (streams(cluster)) }
            }
        }
    }
}

fn streams(cluster: &Cluster) -> Markup {
    html! {
        div class="scroll" { table class="dense" {
            thead { tr { th scope="col" { "Stream inside it" } th scope="col" class="num" { "Risk" }
                th scope="col" class="num" { "Accounts" } th scope="col" class="num" { "Exchanges" } } }
            tbody { @for stream in &cluster.streams { tr {
                th scope="row" { (stream.id) }
                td class="num" { (risk(stream.risk)) }
                td class="num" { (count(stream.accounts)) }
                td class="num" { (count(stream.exchanges)) }
            } } }
        } }
        @if cluster.all_streams > cluster.streams.len() as u64 {
            p class="muted small" { (count(cluster.all_streams)) " streams in all." }
        }
    }
}
