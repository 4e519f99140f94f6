//! `GET /api/v1/exchanges/live`: exchanges and refusals as the ledger takes them. It polls what
//! the ledger has anyway; a request of the data plane never waits for it.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use operations::Verb;
use operations::exchange::{Filter, Kind, What, newest};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::sse::{self, Source, event};
use crate::auth::Caller;
use crate::input;
use crate::refusal::Refusal;
use crate::state::App;

/// The most events of one look.
const MOST: usize = 50;

/// What the query may ask for.
pub(crate) fn schema() -> Value {
    // In place, as the verbs' schemas are.
    let in_place = |settings: &mut SchemaSettings| settings.inline_subschemas = true;
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let generator = settings.with(in_place).into_generator();
    generator.into_root_schema_for::<What>().to_value()
}

/// The verb that has the same rows, whose roles these are.
fn verb() -> Result<&'static Verb, Refusal> {
    operations::verb("exchange", "list").ok_or_else(Refusal::broke_off)
}

/// Follows from now on, or from the event that the browser saw last.
pub(super) async fn live(
    State(app): State<App>,
    Caller(viewer): Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let verb = verb()?;
    viewer.may(verb)?;
    let query: Vec<_> = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let pairs = query
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let (schema, text) = (schema(), "Last-Event-ID");
    let given = input::from_pairs(&schema, pairs)?;
    input::check(&schema, &given)?;
    let what: What =
        serde_json::from_value(given).map_err(|error| Refusal::invalid("input", error))?;
    let filter = app.block(move |house| Filter::new(house, what)).await?;
    let behind = headers.get(text).map(|id| {
        let id = id.to_str().ok().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Refusal::invalid(text, "it has to be the id of an event"))
    });
    let behind = behind.transpose()?;
    let tip = app.house.facts.ledger().health().appended;
    let followed = Followed {
        filter,
        behind: behind.unwrap_or(tip),
    };
    sse::stream(&app, viewer, verb, followed)
}

struct Followed {
    filter: Filter,
    /// The last entry that was looked at.
    behind: u64,
}

impl Source for Followed {
    async fn look(&mut self, app: &App) -> Result<(String, bool), Refusal> {
        // Most looks find nothing: these need no thread.
        if app.house.facts.ledger().health().appended <= self.behind {
            return Ok((String::new(), false));
        }
        let (filter, behind) = (self.filter.clone(), self.behind);
        let look = move |house: &operations::House| newest(house, &filter, Some(behind), MOST);
        let came = app.block(look).await?;
        self.behind = came.at;
        let mut text = String::new();
        if came.skipped > 0 {
            text = event("skipped", None, &json!({ "count": came.skipped }));
        }
        for row in &came.rows {
            let name = match row.kind {
                Kind::Exchange => "exchange",
                Kind::Refusal => "refusal",
            };
            text.push_str(&event(name, Some(row.seq), row));
        }
        Ok((text, false))
    }
}
