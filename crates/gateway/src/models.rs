//! The models that can be asked: by name, who answers, for what price and up to which size.

use std::collections::BTreeMap;
use std::sync::Arc;

use record::{Id, Prices, Time, id::kind};
use upstream::Upstream;

use crate::observer::{ModelNumber, Observer};

/// One model as clients name it.
#[derive(Clone)]
pub struct Route {
    /// The name that clients use.
    pub model: Arc<str>,
    /// Who answers.
    pub upstream: Arc<dyn Upstream>,
    /// The upstream's own name for it, where that is another.
    pub upstream_model: Option<String>,
    /// What its tokens cost.
    pub prices: Prices,
    /// The size of its context in tokens, where known.
    pub context_tokens: Option<u64>,
    /// A cap on the tokens of one answer.
    pub max_output_tokens: Option<u64>,
    /// Whether it takes requests; one that is switched off is known, but not listed.
    pub on: bool,
    /// The organisation whose accounts alone may know of it; `None`: everybody.
    pub only: Option<Id<kind::Organization>>,
}

impl Route {
    /// Whether accounts of this organisation may know of it.
    pub(crate) fn is_for(&self, asks: Option<Id<kind::Organization>>) -> bool {
        self.only.is_none() || self.only == asks
    }

    /// The model as lists of models show it. Nobody knows when a model was made: `since` is
    /// when this server began to serve it.
    pub(crate) fn described(&self, since: Time) -> wire::openai::Model<'_> {
        wire::openai::Model {
            id: &self.model,
            created: since,
            owned_by: self.upstream.name(),
            max_model_len: self.context_tokens,
        }
    }
}

/// Every model, by name.
#[derive(Clone, Default)]
pub struct Models {
    routes: BTreeMap<Arc<str>, Arc<Route>>,
}

impl Models {
    /// These models. Of two with one name the later stands.
    pub fn new(routes: Vec<Route>) -> Self {
        let named = routes
            .into_iter()
            .map(|route| (Arc::clone(&route.model), Arc::new(route)));
        Self {
            routes: named.collect(),
        }
    }

    /// These and more, which do not take a name that there is.
    #[must_use]
    pub fn and(mut self, more: Vec<Route>) -> Self {
        for route in more {
            let name = Arc::clone(&route.model);
            self.routes.entry(name).or_insert_with(|| Arc::new(route));
        }
        self
    }

    /// The model of this name.
    pub fn get(&self, model: &str) -> Option<&Arc<Route>> {
        self.routes.get(model)
    }

    /// Every model, by name.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.values()
    }
}

/// The models, each with the number that the observer knows it by.
pub(crate) struct Numbered {
    pub(crate) models: Arc<Models>,
    by_name: BTreeMap<Arc<str>, (Arc<Route>, ModelNumber)>,
}

impl Models {
    /// Asks the observer for the models' numbers.
    pub(crate) fn numbered(self, observer: &dyn Observer) -> Numbered {
        let number = |(name, route): (&Arc<str>, &Arc<Route>)| {
            let numbered = (Arc::clone(route), observer.model(name));
            (Arc::clone(name), numbered)
        };
        Numbered {
            by_name: self.routes.iter().map(number).collect(),
            models: Arc::new(self),
        }
    }
}

impl Numbered {
    /// The model of this name, and its number.
    pub(crate) fn get(&self, model: &str) -> Option<&(Arc<Route>, ModelNumber)> {
        self.by_name.get(model)
    }

    /// Every model, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &(Arc<Route>, ModelNumber)> {
        self.by_name.values()
    }
}
