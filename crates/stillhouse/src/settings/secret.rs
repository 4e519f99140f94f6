//! Secrets by reference: the settings name the place, and whoever needs the secret reads it there.
//! A secret itself is never kept in settings, reports or logs.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SecretPlace {
    /// In an environment variable of the server.
    Env(String),
    /// In a file, without the newline at its end.
    File(PathBuf),
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

impl SecretPlace {
    /// Reads the secret. `env` looks up an environment variable.
    ///
    /// # Errors
    /// What is wrong, without the secret.
    pub(crate) fn read(&self, env: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let secret = match self {
            Self::Env(name) => {
                env(name).ok_or_else(|| format!("the environment variable {name} is not set"))?
            }
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("file {}: {error}", path.display()))?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        if secret.is_empty() {
            return Err(format!("{self} is empty"));
        }
        if secret.chars().any(char::is_control) {
            return Err(format!("{self} holds a control character"));
        }
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_where_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "abc\n").unwrap();
        let none = |_: &str| None;
        assert_eq!(SecretPlace::File(path).read(none), Ok("abc".into()));
        let env = SecretPlace::Env("KEY".into());
        assert_eq!(env.read(|name| Some(format!("{name}!"))), Ok("KEY!".into()));
        assert!(env.read(none).unwrap_err().contains("KEY is not set"));
        assert!(env.read(|_| Some("a\nb".into())).is_err());
    }
}
