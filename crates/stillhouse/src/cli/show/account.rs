//! Accounts as text.

use operations::account::{Account, Listed};
use record::AccountState;

use super::words::{limits, spend};
use crate::cli::page::{Page, or_dash, short};

fn state(state: AccountState) -> String {
    match state {
        AccountState::Active => "active".into(),
        AccountState::Closed => "closed".into(),
    }
}

pub(super) fn one(account: Account) -> Page {
    let organization = format!("{} ({})", account.organization_name, account.organization);
    Page::fields(vec![
        ("id", Some(account.id)),
        ("name", Some(account.name)),
        ("organization", Some(organization)),
        ("plan", Some(account.plan)),
        ("state", Some(state(account.state))),
        ("created", Some(short(&account.created))),
        ("own limits", limits(&account.limits)),
        ("spend limit", account.spend.as_ref().map(spend)),
        (
            "spent",
            account.spent_dollars.map(|dollars| format!("${dollars}")),
        ),
        (
            "reserved",
            account
                .reserved_dollars
                .map(|dollars| format!("${dollars}")),
        ),
        ("keys", Some(account.keys.to_string())),
        ("grants", Some(account.grants.to_string())),
    ])
}

pub(super) fn list(list: Listed) -> Page {
    let row = |one: Account| {
        let spent = one.spent_dollars.map(|dollars| format!("${dollars}"));
        vec![
            one.id,
            one.name,
            one.organization_name,
            one.plan,
            state(one.state),
            or_dash(spent),
            or_dash(one.spend.as_ref().map(spend)),
        ]
    };
    Page::table(
        &[
            "ID",
            "NAME",
            "ORGANIZATION",
            "PLAN",
            "STATE",
            "SPENT",
            "LIMIT",
        ],
        list.accounts.into_iter().map(row).collect(),
    )
}
