//! Organisations as text.

use operations::organization::{Listed, Organization};

use crate::cli::page::{Page, short};

pub(super) fn one(organization: Organization) -> Page {
    Page::fields(vec![
        ("id", Some(organization.id)),
        ("name", Some(organization.name)),
        ("created", Some(short(&organization.created))),
        ("accounts", Some(organization.accounts.to_string())),
    ])
}

pub(super) fn list(list: Listed) -> Page {
    let rows = list.organizations.into_iter();
    let rows = rows.map(|one| {
        vec![
            one.id,
            one.name,
            one.accounts.to_string(),
            short(&one.created),
        ]
    });
    Page::table(&["ID", "NAME", "ACCOUNTS", "CREATED"], rows.collect())
}
