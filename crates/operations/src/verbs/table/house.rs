//! Verbs of the house itself: its ledger, settings and server, the models that it serves, and who
//! runs it. Nothing is done here.

use super::{ADMIN, CHANGE, READ, SECRET};
use crate::verbs::{Verb, on_house, on_reader};
use crate::{import, ledger, model, operator, plan, server, settings, token, upstream};

pub(super) fn ledger() -> Vec<Verb> {
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

pub(super) fn house() -> Vec<Verb> {
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

pub(super) fn serving() -> Vec<Verb> {
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

pub(super) fn operators() -> Vec<Verb> {
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
