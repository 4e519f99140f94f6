//! Every verb, by noun: what it does, who may, where it is in the admin API.

use std::sync::LazyLock;

use record::Role;

use super::{Access, Verb, on_house, on_reader};
use crate::{
    account, distill, exchange, grant, import, key, ledger, model, operator, organization, plan,
    server, settings, token, upstream, usage,
};

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
        ledger(),
        operators(),
        house(),
        serving(),
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

fn ledger() -> Vec<Verb> {
    vec![
        on_house(
            "ledger backup",
            "Copies the ledger to a folder; the copy opens and verifies by itself.",
            SECRET,
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
            SECRET,
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
            "settings show",
            "Every setting in force, and where it was said; secrets as their place.",
            READ,
            "GET /settings",
            settings::show,
        ),
        on_house(
            "import litellm",
            "Brings over what a LiteLLM proxy keeps, or shows what that would be.",
            ADMIN,
            "POST /import/litellm",
            import::litellm,
        ),
        on_house(
            "server status",
            "How the server, its ledger and its models are.",
            READ,
            "GET /server",
            server::status,
        ),
        on_house(
            "server reload",
            "Reads the settings again and takes over what can be without a restart.",
            ADMIN,
            "POST /server/reload",
            server::reload,
        ),
    ]
}

fn serving() -> Vec<Verb> {
    vec![
        on_house(
            "model list",
            "Models that are served, and how their upstreams are.",
            READ,
            "GET /models",
            model::list,
        ),
        on_house(
            "model set",
            "Switches a model on or off; answers that run go on.",
            CHANGE,
            "PATCH /models/{model}",
            model::set,
        ),
        on_house(
            "upstream list",
            "Upstreams and their servers, and how they are.",
            READ,
            "GET /upstreams",
            upstream::list,
        ),
        on_house(
            "upstream set",
            "Switches an upstream or one of its servers on or off; answers that run go on.",
            CHANGE,
            "PATCH /upstreams/{upstream}",
            upstream::set,
        ),
    ]
}

fn operators() -> Vec<Verb> {
    vec![
        on_house(
            "operator create",
            "Makes an operator and shows the invitation to set a password, once.",
            ADMIN,
            "POST /operators",
            operator::create,
        ),
        on_house(
            "operator list",
            "Those who run the house, a page at a time.",
            SECRET,
            "GET /operators",
            operator::list,
        ),
        on_house(
            "operator revoke",
            "Refuses an operator and all their tokens from now on.",
            ADMIN,
            "DELETE /operators/{operator}",
            operator::revoke,
        ),
        on_house(
            "operator set",
            "Gives an operator another role, or a new invitation in place of the password.",
            ADMIN,
            "PATCH /operators/{operator}",
            operator::set,
        ),
        on_house(
            "token create",
            "Makes a token for an operator's program and shows its secret, once.",
            ADMIN,
            "POST /tokens",
            token::create,
        ),
        on_house(
            "token list",
            "Tokens of operators' programs, a page at a time.",
            SECRET,
            "GET /tokens",
            token::list,
        ),
        on_house(
            "token revoke",
            "Refuses a token from now on.",
            ADMIN,
            "DELETE /tokens/{token}",
            token::revoke,
        ),
    ]
}
