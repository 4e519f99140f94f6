//! The few files that pages need, in the binary. Each is served under a name that holds its hash,
//! so that a browser may keep it for ever.

use std::sync::LazyLock;

use axum::extract::{OriginalUri, Path};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::refusal::Refusal;

struct Asset {
    name: &'static str,
    content: &'static str,
    bytes: &'static [u8],
    url: String,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        asset(
            "console.css",
            "text/css; charset=utf-8",
            include_bytes!("../assets/console.css"),
        ),
        asset(
            "console.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../assets/console.js"),
        ),
        asset(
            "icon.svg",
            "image/svg+xml",
            include_bytes!("../assets/icon.svg"),
        ),
    ]
});

fn asset(name: &'static str, content: &'static str, bytes: &'static [u8]) -> Asset {
    let hash = hex::encode(&blake3::hash(bytes).as_bytes()[..8]);
    let (stem, end) = name.split_once('.').unwrap_or((name, "bin"));
    Asset {
        name,
        content,
        bytes,
        url: format!("/assets/{stem}.{hash}.{end}"),
    }
}

/// Where the file of this name is; empty where there is none.
pub(crate) fn url(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    found.map_or("", |asset| &asset.url)
}

/// `GET /assets/{file}`.
pub(crate) async fn get(
    OriginalUri(uri): OriginalUri,
    Path(_): Path<String>,
) -> Result<Response, Refusal> {
    let found = ASSETS.iter().find(|asset| asset.url == uri.path());
    let asset = found.ok_or_else(|| Refusal::NoSuchPath(uri.path().to_owned()))?;
    let headers = [
        (header::CONTENT_TYPE, asset.content),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_holds_a_hash_and_only_known_names_have_an_address() {
        for name in ["console.css", "console.js", "icon.svg"] {
            let (stem, end) = name.split_once('.').unwrap();
            let url = url(name);
            assert!(url.starts_with(&format!("/assets/{stem}.")), "{url}");
            assert!(url.ends_with(end), "{url}");
            assert_eq!(url.len(), "/assets/".len() + name.len() + 17, "{url}");
        }
        assert_eq!(url("other.css"), "");
    }
}
