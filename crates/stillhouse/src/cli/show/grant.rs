//! Grants as text.

use operations::grant::{Grant, Issued, Listed};
use record::Tier;

use super::words::limits;
use crate::cli::page::{Page, short};

const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Text => "text",
        Tier::Judge => "judge",
        Tier::Topk => "topk",
        Tier::Score => "score",
        Tier::Train => "train",
    }
}

pub(super) fn issued(issued: Issued) -> Page {
    one(issued.grant)
        .and(Page::fields(vec![
            ("base URL", Some(issued.base_url)),
            ("token", Some(issued.token)),
        ]))
        .line("The token, which the base URL holds too, is shown this once.")
}

pub(super) fn one(grant: Grant) -> Page {
    let dollars = grant
        .budget_dollars
        .map(|budget| format!("${} of ${budget} spent", grant.spent_dollars));
    let tokens = grant
        .budget_tokens
        .map(|budget| format!("{} of {budget} used", grant.spent_tokens));
    Page::fields(vec![
        ("id", Some(grant.id)),
        ("prefix", Some(grant.prefix)),
        (
            "account",
            Some(format!("{} ({})", grant.account_name, grant.account)),
        ),
        ("state", Some(grant.state.name().into())),
        ("purpose", Some(grant.purpose)),
        ("tier", Some(tier(grant.tier).into())),
        ("teachers", Some(grant.teachers.join(", "))),
        ("dollars", dollars),
        ("tokens", tokens),
        ("rate", limits(&grant.limits)),
        ("created", Some(short(&grant.created))),
        ("expires", Some(short(&grant.expires))),
        ("revoked", grant.revoked.as_deref().map(short)),
    ])
}

pub(super) fn list(list: Listed) -> Page {
    let row = |one: Grant| {
        vec![
            one.id,
            one.prefix,
            one.account_name,
            tier(one.tier).into(),
            one.state.name().into(),
            short(&one.expires),
            one.purpose,
        ]
    };
    Page::table(
        &[
            "ID", "PREFIX", "ACCOUNT", "TIER", "STATE", "EXPIRES", "PURPOSE",
        ],
        list.grants.into_iter().map(row).collect(),
    )
}
