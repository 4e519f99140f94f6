//! Keys as text.

use operations::key::{Created, Key, Listed};

use super::words::spend;
use crate::cli::page::{Page, or_dash, short};

pub(super) fn created(created: Created) -> Page {
    one(created.key)
        .and(Page::fields(vec![
            ("base URL", Some(created.base_url)),
            ("secret", Some(created.secret)),
        ]))
        .line("The secret is shown this once.")
}

pub(super) fn one(key: Key) -> Page {
    Page::fields(vec![
        ("id", Some(key.id)),
        ("name", Some(key.name)),
        ("prefix", Some(key.prefix)),
        (
            "account",
            Some(format!("{} ({})", key.account_name, key.account)),
        ),
        ("state", Some(key.state.name().into())),
        ("created", Some(short(&key.created))),
        ("expires", key.expires.as_deref().map(short)),
        ("revoked", key.revoked.as_deref().map(short)),
        ("spend limit", key.spend.as_ref().map(spend)),
        (
            "spent",
            key.spent_dollars.map(|dollars| format!("${dollars}")),
        ),
    ])
}

pub(super) fn list(list: Listed) -> Page {
    let row = |one: Key| {
        let expires = or_dash(one.expires.as_deref().map(short));
        vec![
            one.id,
            one.prefix,
            one.name,
            one.account_name,
            one.state.name().into(),
            expires,
        ]
    };
    Page::table(
        &["ID", "PREFIX", "NAME", "ACCOUNT", "STATE", "EXPIRES"],
        list.keys.into_iter().map(row).collect(),
    )
}
