//! Every verb, by noun: what it does, who may, where it is in the admin API.

use std::sync::LazyLock;

use record::Role;

use super::{Access, Verb, on_house, on_reader};
use crate::{account, grant, key, ledger, model, organization, plan, server};

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
/// Copies of the ledger: they change nothing, and hold everything.
const COPY: Access = Access {
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
    [accounts(), organizations(), grants(), ledger(), house()]
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

fn ledger() -> Vec<Verb> {
    vec![
        on_house(
            "ledger backup",
            "Copies the ledger to a folder; the copy opens and verifies by itself.",
            COPY,
            "POST /ledger/backup",
            ledger::backup,
        ),
        on_house(
            "ledger cost",
            "What was used and what it cost, by account, model and day.",
            READ,
            "GET /ledger/cost",
            ledger::cost,
        ),
        on_house(
            "ledger erase",
            "Erases what names a person; the chain and the money stay.",
            ADMIN,
            "POST /ledger/erase",
            ledger::erase,
        ),
        on_reader(
            "ledger export",
            "Writes entries as JSON lines, or exchanges in the guard's interchange format.",
            COPY,
            "POST /ledger/export",
            ledger::export,
        ),
        on_house(
            "ledger prune",
            "Drops payloads of exchanges and refusals by age; headers, changes and money stay.",
            ADMIN,
            "POST /ledger/prune",
            ledger::prune,
        ),
        on_reader(
            "ledger tail",
            "The last entries, or those from a position on.",
            READ,
            "GET /ledger/entries",
            ledger::tail,
        ),
        on_reader(
            "ledger verify",
            "Checks links, commitments, signed heads and bodies; names the first bad entry.",
            READ,
            "POST /ledger/verify",
            ledger::verify,
        ),
    ]
}

fn house() -> Vec<Verb> {
    vec![
        on_house(
            "model list",
            "Models that are served, and how their upstreams are.",
            READ,
            "GET /models",
            model::list,
        ),
        on_house(
            "plan list",
            "Plans, as the settings have them.",
            READ,
            "GET /plans",
            plan::list,
        ),
        on_house(
            "plan show",
            "One plan.",
            READ,
            "GET /plans/{plan}",
            plan::show,
        ),
        on_house(
            "server status",
            "How the server, its ledger and its models are.",
            READ,
            "GET /server",
            server::status,
        ),
    ]
}
