//! Every verb, by noun: what it does, who may, where it is in the admin API.

use std::sync::LazyLock;

use record::Role;

use super::{Access, Verb, on_house};
use crate::{account, distill, exchange, grant, key, organization, usage};

mod house;

/// Reads, without text.
const READ: Access = Access {
    changes: false,
    roles: &Role::ALL,
};
/// What an operator changes from day to day.
const CHANGE: Access = Access {
    changes: true,
    roles: &[Role::Operator, Role::Admin],
};
/// A look at text: a change, since it is recorded.
const TEXT: Access = Access {
    changes: true,
    roles: &[Role::Reviewer, Role::Admin],
};
/// Copies of the ledger, and who runs the house: reading that is not for everybody. A backup and
/// an export write files elsewhere, and change nothing here.
const SECRET: Access = Access {
    changes: false,
    roles: &[Role::Admin],
};
/// What can't be taken back, or gives others leave.
const ADMIN: Access = Access {
    changes: true,
    roles: &[Role::Admin],
};

/// Every verb, by noun.
pub static VERBS: LazyLock<Vec<Verb>> = LazyLock::new(|| {
    [
        accounts(),
        organizations(),
        grants(),
        traffic(),
        runs(),
        house::ledger(),
        house::operators(),
        house::house(),
        house::serving(),
    ]
    .into_iter()
    .flatten()
    .collect()
});

fn accounts() -> Vec<Verb> {
    vec![
        on_house(
            "account create",
            "Makes an account.",
            CHANGE,
            "POST /accounts",
            account::create,
        ),
        on_house(
            "account list",
            "Accounts, a page at a time.",
            READ,
            "GET /accounts",
            account::list,
        ),
        on_house(
            "account set",
            "Changes an account: plan, limits, spend limit, closed or open.",
            CHANGE,
            "PATCH /accounts/{account}",
            account::set,
        ),
        on_house(
            "account show",
            "One account.",
            READ,
            "GET /accounts/{account}",
            account::show,
        ),
        on_house(
            "key create",
            "Makes a key and shows its secret, once.",
            CHANGE,
            "POST /keys",
            key::create,
        ),
        on_house(
            "key list",
            "Keys, a page at a time.",
            READ,
            "GET /keys",
            key::list,
        ),
        on_house(
            "key revoke",
            "Refuses a key from now on; its streams end.",
            CHANGE,
            "DELETE /keys/{key}",
            key::revoke,
        ),
    ]
}

fn organizations() -> Vec<Verb> {
    vec![
        on_house(
            "organization create",
            "Makes an organisation.",
            CHANGE,
            "POST /organizations",
            organization::create,
        ),
        on_house(
            "organization list",
            "Organisations, a page at a time.",
            READ,
            "GET /organizations",
            organization::list,
        ),
        on_house(
            "organization show",
            "One organisation.",
            READ,
            "GET /organizations/{organization}",
            organization::show,
        ),
    ]
}

fn grants() -> Vec<Verb> {
    vec![
        on_house(
            "grant issue",
            "Issues a grant and shows its token, once.",
            CHANGE,
            "POST /grants",
            grant::issue,
        ),
        on_house(
            "grant list",
            "Grants, a page at a time.",
            READ,
            "GET /grants",
            grant::list,
        ),
        on_house(
            "grant narrow",
            "Makes a grant narrower; it never gets wider.",
            CHANGE,
            "PATCH /grants/{grant}",
            grant::narrow,
        ),
        on_house(
            "grant revoke",
            "Refuses a grant from now on; its streams end.",
            CHANGE,
            "DELETE /grants/{grant}",
            grant::revoke,
        ),
        on_house(
            "grant show",
            "One grant.",
            READ,
            "GET /grants/{grant}",
            grant::show,
        ),
    ]
}

fn traffic() -> Vec<Verb> {
    vec![
        on_house(
            "exchange list",
            "Requests that were let through or refused, newest first.",
            READ,
            "GET /exchanges",
            exchange::list,
        ),
        on_house(
            "exchange show",
            "One request, as far as it is known without its text.",
            READ,
            "GET /exchanges/{seq}",
            exchange::show,
        ),
        on_house(
            "exchange text",
            "What was asked and answered, where it was kept; who looks is recorded first.",
            TEXT,
            "POST /exchanges/{seq}/text",
            exchange::text,
        ),
        on_house(
            "usage show",
            "What was used over time: requests, tokens, money.",
            READ,
            "GET /usage",
            usage::show,
        ),
    ]
}

fn runs() -> Vec<Verb> {
    vec![
        on_house(
            "distill list",
            "Distillation runs, newest first.",
            READ,
            "GET /runs",
            distill::list,
        ),
        on_house(
            "distill show",
            "One run: where it stands, what was measured and spent, without text.",
            READ,
            "GET /runs/{run}",
            distill::show,
        ),
        on_house(
            "distill text",
            "What start, student and teacher answered; who looks is recorded first.",
            TEXT,
            "POST /runs/{run}/text",
            distill::text,
        ),
        on_house(
            "distill start",
            "Has the server drive a run: one made of a run file, or one that was stopped.",
            ADMIN,
            "POST /runs",
            distill::start,
        ),
        on_house(
            "distill fork",
            "Makes a run that begins with the student of another one's checkpoint, and drives it.",
            ADMIN,
            "POST /runs/{run}/fork",
            distill::start_fork,
        ),
        on_house(
            "distill clean",
            "Says which files of runs that are over can go, and removes them where that is asked for.",
            ADMIN,
            "POST /runs/clean",
            distill::clean,
        ),
        on_house(
            "distill export",
            "Writes a checkpoint's student as safetensors and GGUF into the run's folder.",
            SECRET,
            "POST /runs/{run}/export",
            distill::export,
        ),
        on_house(
            "distill pause",
            "Pauses a run; one that is driven finishes its step first.",
            CHANGE,
            "POST /runs/{run}/pause",
            distill::pause,
        ),
        on_house(
            "distill cancel",
            "Ends a run for good; what it made stays in its folder.",
            CHANGE,
            "POST /runs/{run}/cancel",
            distill::cancel,
        ),
    ]
}
