//! The two cookies: the session's id, and the theme that somebody chose.

use axum::http::{HeaderMap, HeaderValue, header};

/// The theme of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the browser says.
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    /// Its name in the cookie and in `data-theme`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of this name; of no other.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }

    /// The theme of the request's cookie.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        find(headers, "theme").map_or(Self::Auto, Self::named)
    }
}

/// The session cookie's name; with https the browser holds it to this host and this path.
const fn session_name(https: bool) -> &'static str {
    match https {
        true => "__Host-stillhouse",
        false => "stillhouse",
    }
}

/// The session's id that came along.
pub(crate) fn session(headers: &HeaderMap, https: bool) -> Option<&str> {
    find(headers, session_name(https))
}

/// Sets the session's id, until the browser closes or the server ends the session.
pub(crate) fn set_session(id: &str, https: bool) -> HeaderValue {
    written(id, "", https)
}

/// Takes the session's id away.
pub(crate) fn clear_session(https: bool) -> HeaderValue {
    written("", "; Max-Age=0", https)
}

/// Sets the theme, for a year.
pub(super) fn set_theme(theme: Theme) -> HeaderValue {
    HeaderValue::from_static(match theme {
        Theme::Auto => "theme=auto; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict",
        Theme::Light => "theme=light; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict",
        Theme::Dark => "theme=dark; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict",
    })
}

fn written(id: &str, age: &str, https: bool) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let text = format!(
        "{}={id}; Path=/; HttpOnly; SameSite=Strict{secure}{age}",
        session_name(https)
    );
    // Ids are hexadecimal, the rest is ours.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xtheme=light; a"));
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("stillhouse=ab;theme=dark"),
        );
        assert_eq!(session(&headers, false), Some("ab"));
        assert_eq!(session(&headers, true), None);
        assert_eq!(Theme::of(&headers), Theme::Dark);
        let set = set_session("ab", true);
        let set = set.to_str().unwrap();
        assert!(set.starts_with("__Host-stillhouse=ab; Path=/; HttpOnly; SameSite=Strict; Secure"));
        assert!(
            !set_session("ab", false)
                .to_str()
                .unwrap()
                .contains("Secure")
        );
    }
}
