//! `stillhouse key …`

use clap::{Args, Subcommand};
use operations::key::{Create, Created, Key, List, Listed, Revoke};

use super::call::Call;
use super::limits::{SpendFlags, spend};
use super::page::{Page, or_dash, short};

#[derive(Debug, Subcommand)]
pub(super) enum KeyVerb {
    /// Makes a key and shows its secret, once.
    Create(CreateFlags),
    /// Every key.
    List {
        /// Only those of this account.
        #[arg(long)]
        account: Option<String>,
    },
    /// Refuses a key from now on; its streams end.
    Revoke {
        /// Its id, or the first letters of its secret.
        key: String,
        /// Why, for the ledger.
        #[arg(long, default_value = "", hide_default_value = true)]
        why: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateFlags {
    /// The account's id, or its name where that is unique.
    #[arg(long)]
    account: String,
    /// What its owner calls it.
    #[arg(long, default_value = "key")]
    name: String,
    /// From when on it is refused: 2027-01-31, 2027-01-31T12:00:00Z, or a span such as 90d.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    spend: SpendFlags,
    /// Why, for the ledger.
    #[arg(long, default_value = "", hide_default_value = true)]
    why: String,
}

impl KeyVerb {
    pub(super) fn call(self) -> Call {
        const NOUN: &str = "key";
        match self {
            Self::Create(flags) => {
                let create = Create {
                    account: flags.account,
                    name: flags.name,
                    expires: flags.expires,
                    spend: flags.spend.into(),
                    why: flags.why,
                };
                Call::new(NOUN, "create", &create, created)
            }
            Self::List { account } => Call::new(
                NOUN,
                "list",
                &List {
                    account,
                    ..List::default()
                },
                list,
            ),
            Self::Revoke { key, why } => Call::new(
                NOUN,
                "revoke",
                &Revoke {
                    key,
                    revision: None,
                    why,
                },
                one,
            ),
        }
    }
}

fn created(created: Created) -> Page {
    one(created.key)
        .and(Page::fields(vec![
            ("base URL", Some(created.base_url)),
            ("secret", Some(created.secret)),
        ]))
        .line("The secret is shown this once.")
}

fn one(key: Key) -> Page {
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

fn list(list: Listed) -> Page {
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
