//! Plans as text.

use operations::plan::{Listed, Plan};

use super::words::{limits, spend};
use crate::cli::page::{Page, or_dash};

pub(super) fn one(plan: Plan) -> Page {
    let may = plan.capabilities;
    let yes = |is: bool| Some(if is { "yes" } else { "no" }.to_owned());
    let top = may
        .top_logprobs
        .map_or("no".into(), |most| format!("up to {most} a token"));
    Page::fields(vec![
        ("name", Some(plan.name)),
        ("limits", limits(&plan.limits)),
        ("spend limit", plan.spend.as_ref().map(spend)),
        (
            "models",
            Some(
                plan.models
                    .map_or("every model".into(), |models| models.join(", ")),
            ),
        ),
        ("log-probabilities", Some(top)),
        ("prompt log-probabilities", yes(may.prompt_logprobs)),
        ("answers to a request", Some(format!("up to {}", may.max_n))),
        ("logit bias", yes(may.logit_bias)),
        ("reasoning", yes(may.reasoning)),
        ("accounts", Some(plan.accounts.to_string())),
    ])
}

pub(super) fn list(list: Listed) -> Page {
    let row = |plan: Plan| {
        vec![
            plan.name,
            or_dash(limits(&plan.limits)),
            or_dash(plan.spend.as_ref().map(spend)),
            plan.models
                .map_or("every model".into(), |models| models.join(", ")),
            plan.accounts.to_string(),
        ]
    };
    Page::table(
        &["NAME", "LIMITS", "SPEND LIMIT", "MODELS", "ACCOUNTS"],
        list.plans.into_iter().map(row).collect(),
    )
}
