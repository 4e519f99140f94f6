//! Icons of 16 by 16, drawn as lines in the text's own colour. They decorate: what they mean is
//! always said in words beside them.

use maud::{Markup, html};

/// A line icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    Overview,
    Live,
    Organization,
    Account,
    Key,
    Grant,
    Plan,
    Model,
    Upstream,
    Run,
    Chain,
    Cost,
    Upkeep,
    Operator,
    Token,
    Settings,
    Import,
    Good,
    Warn,
    Bad,
    Info,
}

impl Icon {
    /// The path's data.
    const fn path(self) -> &'static str {
        match self {
            Self::Overview => "M2 2.5h5v6H2zM9 2.5h5v3.5H9zM9 8.5h5v5H9zM2 11h5v2.5H2z",
            Self::Live => "M1.5 8h3l2-5 3 10 2-5h3",
            Self::Organization => "M2.5 14V2.5h7V14M9.5 6h4v8M1 14h14M5 5.5h2M5 8h2M5 10.5h2",
            Self::Account => {
                "M8 8a2.75 2.75 0 1 0 0-5.5A2.75 2.75 0 0 0 8 8zM2.5 14a5.5 5.5 0 0 1 11 0"
            }
            Self::Key => {
                "M6.5 9.5a3.5 3.5 0 1 1 2.2-2.2L14 12.5V14h-2.5v-1.7H10v-1.6H8.3zM5.2 5.2h.01"
            }
            Self::Grant => "M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3M6 8h4M6 11h4",
            Self::Plan => "M2 3h12M2 8h12M2 13h12M5 1.5v3M11 6.5v3M7 11.5v3",
            Self::Model => {
                "M8 1.5l5.5 3.2v6.6L8 14.5l-5.5-3.2V4.7zM8 8l5.5-3.3M8 8v6.5M8 8L2.5 4.7"
            }
            Self::Upstream => "M2 2.5h12v4H2zM2 9.5h12v4H2zM4.5 4.5h.01M4.5 11.5h.01",
            Self::Run => "M3 1.5v9a3 3 0 0 0 3 3h7.5M6 9.5l2.5-3 2 2L13.5 4M1.5 1.5h3M13.5 12v3",
            Self::Chain => {
                "M6.5 9.5l3-3M7 4.5l1.3-1.3a3 3 0 0 1 4.3 4.3L11.3 9M9 11.5l-1.3 1.3a3 3 0 0 1-4.3-4.3L4.7 7"
            }
            Self::Cost => {
                "M8 1.5v13M11 4.5C10.5 3.5 9.4 3 8 3 6.3 3 5 3.9 5 5.3c0 3.2 6.2 1.8 6.2 5.1 0 1.5-1.4 2.6-3.2 2.6-1.6 0-2.8-.7-3.3-1.8"
            }
            Self::Upkeep => "M2 4.5h12v9H2zM1.5 1.5h13v3h-13zM6 7.5h4",
            Self::Operator => {
                "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5a4.5 4.5 0 0 1 9 0M11 2.7a2.5 2.5 0 0 1 0 4.6M12 9.4a4.5 4.5 0 0 1 2.5 4.1"
            }
            Self::Token => "M4.5 6l-3 2 3 2M11.5 6l3 2-3 2M9.5 3l-3 10",
            Self::Settings => {
                "M2 4.5h5M11 4.5h3M2 11.5h3M9 11.5h5M9 6.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7 13.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"
            }
            Self::Import => "M8 1.5v8M5 6.5l3 3 3-3M2 11v3h12v-3",
            Self::Good => "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM5 8.2l2 2 4-4.2",
            Self::Warn => "M8 2L1.5 13.5h13zM8 6.5v3.2M8 11.6h.01",
            Self::Bad => "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 4.7v4M8 11.2h.01",
            Self::Info => "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 7.5v4M8 4.8h.01",
        }
    }
}

/// An icon of this many pixels.
pub(crate) fn icon(icon: Icon, size: u8) -> Markup {
    html! {
        svg width=(size) height=(size) viewBox="0 0 16 16" fill="none" stroke="currentColor"
            stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" {
            path d=(icon.path());
        }
    }
}

/// The house's mark: a pot still.
pub(crate) fn mark(size: u8) -> Markup {
    html! {
        svg width=(size) height=(size) viewBox="0 0 24 24" fill="none" stroke="currentColor"
            stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" {
            path d="M4 21c-1.2-1-2-2.6-2-4.4 0-3.2 2.6-4.4 3.6-6.4.6-1.2.4-2.4.4-3.7C6 4 7.3 3 9 3c4.6 0 9 2.4 11.5 6.5M4 21h10c1.2-1 2-2.6 2-4.4 0-3.2-2.6-4.4-3.6-6.4-.6-1.2-.4-2.3-.4-3.4M20.5 9.5V13M19 21h3v-5h-3z";
        }
    }
}
