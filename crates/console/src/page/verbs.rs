//! Which page offers which verb: the third face of every verb, beside the command line and the
//! admin API. A test goes to each of them.

/// A page that offers a verb.
pub(crate) struct Page {
    /// The verb: noun and verb, parted by a space.
    pub(crate) verb: &'static str,
    /// Its address; `{}` stands for one thing.
    pub(crate) address: &'static str,
    /// What is said on the page that follows a change; empty where that page says it by itself.
    pub(crate) done: &'static str,
}

const fn page(verb: &'static str, address: &'static str) -> Page {
    Page {
        verb,
        address,
        done: "",
    }
}

impl Page {
    const fn says(mut self, done: &'static str) -> Self {
        self.done = done;
        self
    }

    fn is_of(&self, noun: &str, verb: &str) -> bool {
        self.verb.split_once(' ') == Some((noun, verb))
    }
}

/// The page of every verb.
pub(crate) const PAGES: &[Page] = &[
    page("account create", "/accounts/new").says("The account was created."),
    page("account list", "/accounts"),
    page("account set", "/accounts/{}/set").says("The account was changed."),
    page("account show", "/accounts/{}"),
    page("distill cancel", "/runs/{}/cancel")
        .says("The run was cancelled, or is being ended by who drives it."),
    page("distill clean", "/runs/clean").says("The files are removed."),
    page("distill export", "/runs/{}/export").says("The student's files are in the run's folder."),
    page("distill fork", "/runs/{}/fork")
        .says("The run was forked; the server drives the fork now, or when its turn comes."),
    page("distill list", "/runs"),
    page("distill pause", "/runs/{}/pause")
        .says("The run is paused, or pauses when its step is done."),
    page("distill show", "/runs/{}"),
    page("distill start", "/runs/start")
        .says("The server drives the run now, or when its turn comes."),
    page("distill text", "/runs/{}/text"),
    page("exchange list", "/live"),
    page("exchange show", "/exchanges/{}"),
    page("exchange text", "/exchanges/{}/text"),
    page("grant issue", "/grants/new"),
    page("grant list", "/grants"),
    page("grant narrow", "/grants/{}/narrow").says("The grant is narrower now."),
    page("grant revoke", "/grants/{}/revoke").says("The grant was revoked."),
    page("grant show", "/grants/{}"),
    page("import litellm", "/import"),
    page("key create", "/keys/new"),
    page("key list", "/keys"),
    page("key revoke", "/keys/{}/revoke").says("The key was revoked."),
    page("ledger backup", "/upkeep/backup"),
    page("ledger cost", "/cost"),
    page("ledger erase", "/accounts/{}/erase").says("The account was erased."),
    page("ledger export", "/upkeep/export"),
    page("ledger prune", "/upkeep/prune"),
    page("ledger tail", "/ledger"),
    page("ledger verify", "/upkeep/verify"),
    page("model list", "/models"),
    page("model set", "/models/{}/set").says("The model was switched."),
    page("operator create", "/operators/new"),
    page("operator list", "/operators"),
    page("operator revoke", "/operators/{}/revoke").says("The operator was revoked."),
    page("operator set", "/operators/{}/set").says("The operator was changed."),
    page("organization create", "/organizations/new").says("The organisation was created."),
    page("organization list", "/organizations"),
    page("organization show", "/organizations/{}"),
    page("plan list", "/plans"),
    page("plan show", "/plans/{}"),
    page("server reload", "/settings/reload"),
    page("server status", "/"),
    page("settings show", "/settings"),
    page("token create", "/tokens/new"),
    page("token list", "/tokens"),
    page("token revoke", "/tokens/{}/revoke").says("The token was revoked."),
    page("upstream list", "/upstreams"),
    page("upstream set", "/upstreams/{}/set").says("The upstream was switched."),
    page("usage show", "/usage"),
];

fn find(noun: &str, verb: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.is_of(noun, verb))
}

/// What is said on the page that follows a change; `code` is noun and verb with a point between.
pub(crate) fn done(code: &str) -> Option<&'static str> {
    let (noun, verb) = code.split_once('.')?;
    let page = find(noun, verb)?;
    (!page.done.is_empty()).then_some(page.done)
}

/// The address of the page that offers a verb; `{}` stands for one thing.
pub fn page_of(verb: &operations::Verb) -> Option<&'static str> {
    find(verb.noun, verb.verb).map(|page| page.address)
}
