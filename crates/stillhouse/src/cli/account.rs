//! `stillhouse account …`

use clap::{Args, Subcommand};
use operations::account::{Account, Create, List, Listed, Set, Show};
use record::AccountState;

use super::call::Call;
use super::limits::{LimitFlags, SpendFlags, limits, spend};
use super::page::{Page, or_dash, short};

#[derive(Debug, Subcommand)]
pub(super) enum AccountVerb {
    /// Makes an account.
    Create(CreateFlags),
    /// Every account.
    List {
        /// Only those of this organisation.
        #[arg(long)]
        organization: Option<String>,
    },
    /// One account.
    Show {
        /// Its id, or its name where that is unique.
        account: String,
    },
    /// Changes an account: plan, limits, spend limit, closed or open.
    Set(SetFlags),
}

#[derive(Debug, Args)]
pub(super) struct CreateFlags {
    /// Its name.
    name: String,
    /// Its organisation's id, or name where that is unique.
    #[arg(long)]
    organization: String,
    /// Its plan.
    #[arg(long, default_value = "default")]
    plan: String,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    spend: SpendFlags,
    /// Why, for the ledger.
    #[arg(long, default_value = "", hide_default_value = true)]
    why: String,
}

#[derive(Debug, Args)]
pub(super) struct SetFlags {
    /// Its id, or its name where that is unique.
    account: String,
    /// Another plan.
    #[arg(long)]
    plan: Option<String>,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    spend: SpendFlags,
    /// Takes its own spend limit away.
    #[arg(long, conflicts_with = "spend_dollars")]
    no_spend: bool,
    /// Refuses its keys and grants from now on.
    #[arg(long, conflicts_with = "open")]
    close: bool,
    /// Opens it again.
    #[arg(long)]
    open: bool,
    /// Why, for the ledger.
    #[arg(long, default_value = "", hide_default_value = true)]
    why: String,
}

impl AccountVerb {
    pub(super) fn call(self) -> Call {
        const NOUN: &str = "account";
        match self {
            Self::Create(flags) => {
                let create = Create {
                    organization: flags.organization,
                    name: flags.name,
                    plan: flags.plan,
                    limits: flags.limits.into(),
                    spend: flags.spend.into(),
                    why: flags.why,
                };
                Call::new(NOUN, "create", &create, one)
            }
            Self::List { organization } => Call::new(
                NOUN,
                "list",
                &List {
                    organization,
                    ..List::default()
                },
                list,
            ),
            Self::Show { account } => Call::new(NOUN, "show", &Show { account }, one),
            Self::Set(flags) => {
                let state = match (flags.close, flags.open) {
                    (true, _) => Some(AccountState::Closed),
                    (_, true) => Some(AccountState::Active),
                    _ => None,
                };
                let set = Set {
                    account: flags.account,
                    plan: flags.plan,
                    limits: flags.limits.into(),
                    spend: flags.spend.into(),
                    no_spend: flags.no_spend,
                    state,
                    revision: None,
                    why: flags.why,
                };
                Call::new(NOUN, "set", &set, one)
            }
        }
    }
}

fn state(state: AccountState) -> String {
    match state {
        AccountState::Active => "active".into(),
        AccountState::Closed => "closed".into(),
    }
}

fn one(account: Account) -> Page {
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

fn list(list: Listed) -> Page {
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
