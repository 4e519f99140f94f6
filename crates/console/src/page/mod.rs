//! The pages. So far the layout around them.

use axum::Router;
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};

use crate::assets;
use crate::auth::{Theme, Viewer};
use crate::refusal::Refusal;
use crate::state::App;

/// Every page's route. Refusals become pages outside of these.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/", get(overview))
}

async fn overview(viewer: Viewer) -> Markup {
    page(Some(&viewer), "Overview", &html! { h1 { "Overview" } })
}

/// A whole page around its content.
pub(crate) fn page(viewer: Option<&Viewer>, title: &str, content: &Markup) -> Markup {
    let theme = viewer.map_or(Theme::Auto, |viewer| viewer.theme);
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(theme.name()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Stillhouse" }
                link rel="icon" href=(assets::url("icon.svg"));
                link rel="stylesheet" href=(assets::url("console.css"));
                script src=(assets::url("console.js")) defer {}
            }
            body { main { (content) } }
        }
    }
}

/// Why something was not done, as a page.
pub(crate) fn problem(viewer: Option<&Viewer>, refusal: &Refusal) -> Markup {
    let problem = refusal.problem();
    let content = html! {
        h1 { (problem.title) }
        p { (problem.detail) }
        @if let Some(hint) = &problem.hint { p { (hint) } }
    };
    page(viewer, problem.title, &content)
}
