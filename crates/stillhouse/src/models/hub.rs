//! A model of the user's own choice from a hub that speaks Hugging Face's protocol. A broken-off
//! transfer goes on where it stopped; what arrived whole is checked to be a GGUF file and moved
//! under its name at once.

use std::io::IsTerminal;

use hf_hub::api::sync::ApiBuilder;
use hf_hub::{Repo, RepoType};

use super::shelf::{Pulled, Shelf};
use crate::failure::{Failure, Result};
use crate::world;

/// Fetches `OWNER/REPO/FILE.gguf`, where the file may lie in folders.
pub(super) fn pull(
    shelf: &Shelf,
    place: &str,
    revision: &str,
    name: Option<String>,
    endpoint: Option<String>,
) -> Result<Pulled> {
    let (repository, file) = split(place).ok_or_else(|| {
        Failure::Pull(format!(
            "`{place}` is no place on a hub: write OWNER/REPO/FILE.gguf"
        ))
    })?;
    let last = file.rsplit('/').next().unwrap_or(file);
    let name = name.unwrap_or_else(|| last.trim_end_matches(".gguf").to_owned());
    let parts = shelf.folder()?.join(".hub");
    let failed = |error: &dyn std::fmt::Display| {
        Failure::Pull(format!(
            "{place} at revision {revision} can't be fetched: {error}"
        ))
    };
    // A token that another tool left on this machine is not sent to whatever endpoint is named.
    let mut builder = ApiBuilder::new()
        .with_cache_dir(parts.clone())
        .with_token(world::env("HF_TOKEN"))
        .with_progress(std::io::stderr().is_terminal());
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    let api = builder.build().map_err(|error| failed(&error))?;
    let repository =
        Repo::with_revision(repository.to_owned(), RepoType::Model, revision.to_owned());
    let fetched = api
        .repo(repository)
        .get(file)
        .map_err(|error| failed(&error))?;
    // The hub's own layout points to the file by links.
    let whole = std::fs::canonicalize(fetched).map_err(|error| failed(&error))?;
    let kept = shelf.keep(&name, &whole);
    // Nothing there is needed any more, also where the file was none of ours.
    let _ = std::fs::remove_dir_all(&parts);
    kept
}

/// The repository and the file in it.
fn split(place: &str) -> Option<(&str, &str)> {
    let owner = place.find('/')?;
    let repository = owner + 1 + place.get(owner + 1..)?.find('/')?;
    let (repository, file) = (&place[..repository], &place[repository + 1..]);
    let whole = |part: &str| !part.is_empty() && part != "." && part != "..";
    (place.split('/').all(whole) && file.ends_with(".gguf")).then_some((repository, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_on_a_hub() {
        assert_eq!(split("a/b/c.gguf"), Some(("a/b", "c.gguf")));
        assert_eq!(split("a/b/q4/c.gguf"), Some(("a/b", "q4/c.gguf")));
        for bad in [
            "a",
            "a/b",
            "a/c.gguf",
            "a/b/c.bin",
            "a//c.gguf",
            "a/../c.gguf",
            "/a/c.gguf",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
