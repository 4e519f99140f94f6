//! `stillhouse organization …`

use clap::Subcommand;
use operations::organization::{Create, List, Listed, Organization, Show};

use super::call::Call;
use super::page::{Page, short};

#[derive(Debug, Subcommand)]
pub(super) enum OrganizationVerb {
    /// Makes an organisation.
    Create {
        /// Its name.
        name: String,
        /// Why, for the ledger.
        #[arg(long, default_value = "", hide_default_value = true)]
        why: String,
    },
    /// Every organisation.
    List,
    /// One organisation.
    Show {
        /// Its id, or its name where that is unique.
        organization: String,
    },
}

impl OrganizationVerb {
    pub(super) fn call(self) -> Call {
        const NOUN: &str = "organization";
        match self {
            Self::Create { name, why } => Call::new(NOUN, "create", &Create { name, why }, one),
            Self::List => Call::new(NOUN, "list", &List::default(), list),
            Self::Show { organization } => Call::new(NOUN, "show", &Show { organization }, one),
        }
    }
}

fn one(organization: Organization) -> Page {
    Page::fields(vec![
        ("id", Some(organization.id)),
        ("name", Some(organization.name)),
        ("created", Some(short(&organization.created))),
        ("accounts", Some(organization.accounts.to_string())),
    ])
}

fn list(list: Listed) -> Page {
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
