//! Which page offers which verb: the third face of every verb, beside the command line and the
//! admin API. A test goes to each of them.

/// Noun, verb, the page that offers it (`{}` stands for one thing), and what is said when a change
/// was made.
pub(crate) const PAGES: &[(&str, &str, &str, &str)] = &[
    (
        "account",
        "create",
        "/accounts/new",
        "The account was created.",
    ),
    ("account", "list", "/accounts", ""),
    (
        "account",
        "set",
        "/accounts/{}/set",
        "The account was changed.",
    ),
    ("account", "show", "/accounts/{}", ""),
    ("exchange", "list", "/live", ""),
    ("exchange", "show", "/exchanges/{}", ""),
    ("exchange", "text", "/exchanges/{}/text", ""),
    ("grant", "issue", "/grants/new", ""),
    ("grant", "list", "/grants", ""),
    (
        "grant",
        "narrow",
        "/grants/{}/narrow",
        "The grant is narrower now.",
    ),
    (
        "grant",
        "revoke",
        "/grants/{}/revoke",
        "The grant was revoked.",
    ),
    ("grant", "show", "/grants/{}", ""),
    ("import", "litellm", "/import", ""),
    ("key", "create", "/keys/new", ""),
    ("key", "list", "/keys", ""),
    ("key", "revoke", "/keys/{}/revoke", "The key was revoked."),
    ("ledger", "backup", "/upkeep/backup", ""),
    ("ledger", "cost", "/cost", ""),
    (
        "ledger",
        "erase",
        "/accounts/{}/erase",
        "The account was erased.",
    ),
    ("ledger", "export", "/upkeep/export", ""),
    ("ledger", "prune", "/upkeep/prune", ""),
    ("ledger", "tail", "/ledger", ""),
    ("ledger", "verify", "/upkeep/verify", ""),
    ("model", "list", "/models", ""),
    ("model", "set", "/models/{}/set", "The model was switched."),
    ("operator", "create", "/operators/new", ""),
    ("operator", "list", "/operators", ""),
    (
        "operator",
        "revoke",
        "/operators/{}/revoke",
        "The operator was revoked.",
    ),
    (
        "operator",
        "set",
        "/operators/{}/set",
        "The operator was changed.",
    ),
    (
        "organization",
        "create",
        "/organizations/new",
        "The organisation was created.",
    ),
    ("organization", "list", "/organizations", ""),
    ("organization", "show", "/organizations/{}", ""),
    ("plan", "list", "/plans", ""),
    ("plan", "show", "/plans/{}", ""),
    ("server", "reload", "/settings/reload", ""),
    ("server", "status", "/", ""),
    ("settings", "show", "/settings", ""),
    ("token", "create", "/tokens/new", ""),
    ("token", "list", "/tokens", ""),
    (
        "token",
        "revoke",
        "/tokens/{}/revoke",
        "The token was revoked.",
    ),
    ("upstream", "list", "/upstreams", ""),
    (
        "upstream",
        "set",
        "/upstreams/{}/set",
        "The upstream was switched.",
    ),
    ("usage", "show", "/usage", ""),
];

/// What is said on the page that follows a change; `code` is noun and verb with a point between.
pub(crate) fn done(code: &str) -> Option<&'static str> {
    let (noun, verb) = code.split_once('.')?;
    let page = PAGES.iter().find(|page| page.0 == noun && page.1 == verb)?;
    (!page.3.is_empty()).then_some(page.3)
}

/// The address of the page that offers a verb; `{}` stands for one thing.
pub fn page_of(verb: &operations::Verb) -> Option<&'static str> {
    let is_its = |page: &&(&str, &str, &str, &str)| page.0 == verb.noun && page.1 == verb.verb;
    PAGES.iter().find(is_its).map(|page| page.2)
}
