//! Operators and their tokens as text.

use operations::operator::{Invitation, Listed, Operator};
use operations::token::{self, Created, Token};

use crate::cli::page::{Page, or_dash, short};

pub(super) fn invited(invitation: Invitation) -> Page {
    let page = one(invitation.operator);
    match invitation.invitation {
        None => page,
        Some(secret) => page
            .and(Page::fields(vec![
                ("invitation", Some(secret)),
                ("link", invitation.link),
            ]))
            .line("The invitation is shown this once. It sets a password, within a day."),
    }
}

pub(super) fn one(operator: Operator) -> Page {
    Page::fields(vec![
        ("id", Some(operator.id)),
        ("name", Some(operator.name)),
        ("role", Some(operator.role.to_string())),
        ("state", Some(operator.state.name().into())),
        (
            "invited until",
            operator.invited_until.as_deref().map(short),
        ),
        ("tokens", Some(operator.tokens.to_string())),
        ("created", Some(short(&operator.created))),
        ("revoked", operator.revoked.as_deref().map(short)),
        ("revision", Some(operator.revision.to_string())),
    ])
}

pub(super) fn list(list: Listed) -> Page {
    let row = |one: Operator| {
        vec![
            one.name,
            one.role.to_string(),
            one.state.name().into(),
            one.tokens.to_string(),
            short(&one.created),
            one.id,
        ]
    };
    Page::table(
        &["NAME", "ROLE", "STATE", "TOKENS", "CREATED", "ID"],
        list.operators.into_iter().map(row).collect(),
    )
}

pub(super) fn token_created(created: Created) -> Page {
    token(created.token)
        .and(Page::fields(vec![
            ("base URL", created.base_url),
            ("secret", Some(created.secret)),
        ]))
        .line("The secret is shown this once.")
}

pub(super) fn token(token: Token) -> Page {
    Page::fields(vec![
        ("id", Some(token.id)),
        ("name", Some(token.name)),
        ("prefix", Some(token.prefix)),
        ("operator", Some(token.operator_name)),
        ("state", Some(token.state.name().into())),
        ("created", Some(short(&token.created))),
        ("expires", token.expires.as_deref().map(short)),
        ("revoked", token.revoked.as_deref().map(short)),
        ("revision", Some(token.revision.to_string())),
    ])
}

pub(super) fn tokens(list: token::Listed) -> Page {
    let row = |one: Token| {
        vec![
            one.prefix,
            one.name,
            one.operator_name,
            one.state.name().into(),
            or_dash(one.expires.as_deref().map(short)),
            one.id,
        ]
    };
    Page::table(
        &["PREFIX", "NAME", "OPERATOR", "STATE", "EXPIRES", "ID"],
        list.tokens.into_iter().map(row).collect(),
    )
}
