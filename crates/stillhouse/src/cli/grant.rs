//! `stillhouse grant …`

use clap::{Args, Subcommand, ValueEnum};
use operations::grant::{Grant, Issue, Issued, List, Listed, Narrow, Revoke, Show};
use record::Tier;

use super::call::Call;
use super::limits::{LimitFlags, limits};
use super::page::{Page, short};

#[derive(Debug, Subcommand)]
pub(super) enum GrantVerb {
    /// Issues a grant and shows its token, once.
    Issue(IssueFlags),
    /// Every grant.
    List {
        /// Only those of this account.
        #[arg(long)]
        account: Option<String>,
    },
    /// One grant.
    Show {
        /// Its id, or the first letters of its token.
        grant: String,
    },
    /// Makes a grant narrower; it never gets wider.
    Narrow(NarrowFlags),
    /// Refuses a grant from now on; its streams end.
    Revoke {
        /// Its id, or the first letters of its token.
        grant: String,
        /// Why, for the ledger.
        #[arg(long, default_value = "", hide_default_value = true)]
        why: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct IssueFlags {
    /// The account's id, or its name where that is unique.
    #[arg(long)]
    account: String,
    /// A model that may be asked; may be given more than once.
    #[arg(long = "teacher", required = true, value_name = "MODEL")]
    teachers: Vec<String>,
    /// What it is for.
    #[arg(long)]
    purpose: String,
    /// How much it opens; each tier includes those before it.
    #[arg(long, value_enum)]
    tier: TierName,
    /// What it may spend over its whole life; this or --budget-tokens is needed.
    #[arg(
        long,
        value_name = "DOLLARS",
        required_unless_present = "budget_tokens"
    )]
    budget_dollars: Option<String>,
    /// The tokens that it may use over its whole life.
    #[arg(long, value_name = "N")]
    budget_tokens: Option<u64>,
    #[command(flatten)]
    limits: LimitFlags,
    /// From when on it is refused: 2027-01-31, 2027-01-31T12:00:00Z, or a span such as 90d.
    #[arg(long, value_name = "TIME")]
    expires: String,
    /// Why, for the ledger.
    #[arg(long, default_value = "", hide_default_value = true)]
    why: String,
}

#[derive(Debug, Args)]
pub(super) struct NarrowFlags {
    /// Its id, or the first letters of its token.
    grant: String,
    /// A model that may still be asked; may be given more than once.
    #[arg(long = "teacher", value_name = "MODEL")]
    teachers: Vec<String>,
    /// A lower tier.
    #[arg(long, value_enum)]
    tier: Option<TierName>,
    /// A smaller budget in dollars.
    #[arg(long, value_name = "DOLLARS")]
    budget_dollars: Option<String>,
    /// A smaller budget in tokens.
    #[arg(long, value_name = "N")]
    budget_tokens: Option<u64>,
    #[command(flatten)]
    limits: LimitFlags,
    /// An earlier end.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Why, for the ledger.
    #[arg(long, default_value = "", hide_default_value = true)]
    why: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TierName {
    /// Answers as text.
    Text,
    /// Grading of a student's answers.
    Judge,
    /// Log-probabilities of the likeliest tokens.
    Topk,
    /// Log-probabilities of given tokens.
    Score,
    /// Training jobs.
    Train,
}

impl From<TierName> for Tier {
    fn from(name: TierName) -> Self {
        match name {
            TierName::Text => Self::Text,
            TierName::Judge => Self::Judge,
            TierName::Topk => Self::Topk,
            TierName::Score => Self::Score,
            TierName::Train => Self::Train,
        }
    }
}

impl GrantVerb {
    pub(super) fn call(self) -> Call {
        const NOUN: &str = "grant";
        match self {
            Self::Issue(flags) => {
                let issue = Issue {
                    account: flags.account,
                    teachers: flags.teachers,
                    purpose: flags.purpose,
                    tier: flags.tier.into(),
                    budget_dollars: flags.budget_dollars,
                    budget_tokens: flags.budget_tokens,
                    limits: flags.limits.into(),
                    expires: flags.expires,
                    why: flags.why,
                };
                Call::new(NOUN, "issue", &issue, issued)
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
            Self::Show { grant } => Call::new(NOUN, "show", &Show { grant }, one),
            Self::Narrow(flags) => {
                let narrow = Narrow {
                    grant: flags.grant,
                    teachers: (!flags.teachers.is_empty()).then_some(flags.teachers),
                    tier: flags.tier.map(Tier::from),
                    budget_dollars: flags.budget_dollars,
                    budget_tokens: flags.budget_tokens,
                    limits: flags.limits.into(),
                    expires: flags.expires,
                    revision: None,
                    why: flags.why,
                };
                Call::new(NOUN, "narrow", &narrow, one)
            }
            Self::Revoke { grant, why } => Call::new(
                NOUN,
                "revoke",
                &Revoke {
                    grant,
                    revision: None,
                    why,
                },
                one,
            ),
        }
    }
}

const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Text => "text",
        Tier::Judge => "judge",
        Tier::Topk => "topk",
        Tier::Score => "score",
        Tier::Train => "train",
    }
}

fn issued(issued: Issued) -> Page {
    one(issued.grant)
        .and(Page::fields(vec![
            ("base URL", Some(issued.base_url)),
            ("token", Some(issued.token)),
        ]))
        .line("The token, which the base URL holds too, is shown this once.")
}

fn one(grant: Grant) -> Page {
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

fn list(list: Listed) -> Page {
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
