//! Passwords: argon2id, and a look at one that takes as long where there is none.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use crate::error::{Error, Result};
use crate::house::House;

/// The fewest letters.
const SHORTEST: usize = 12;
/// The most bytes.
const LONGEST: usize = 1024;

/// The hash of a new password, in the PHC string format.
///
/// # Errors
/// It is too short or too long.
pub(super) fn hash(house: &House, password: &str) -> Result<String> {
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        let message =
            format!("a password has {SHORTEST} letters or more, and {LONGEST} bytes or less");
        return Err(Error::invalid("password", message));
    }
    hash_any(house, password)
}

/// Whether this is the password of that hash; without one it takes as long, and is not.
///
/// # Errors
/// The hash is damaged.
pub(super) fn is_right(house: &House, password: &str, hash: Option<&str>) -> Result<bool> {
    static NOBODYS: OnceLock<String> = OnceLock::new();
    if password.len() > LONGEST {
        return Ok(false);
    }
    let (hash, is_somebodys) = match (hash, NOBODYS.get()) {
        (Some(hash), _) => (hash, true),
        (None, Some(nobodys)) => (nobodys.as_str(), false),
        (None, None) => {
            let made = hash_any(house, "nobody has this")?;
            (NOBODYS.get_or_init(|| made).as_str(), false)
        }
    };
    let hash = PasswordHash::new(hash).map_err(broken)?;
    let is_right = Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok();
    Ok(is_right && is_somebodys)
}

fn hash_any(house: &House, password: &str) -> Result<String> {
    let salt = &house.secret_bytes()[..16];
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(broken)?;
    Ok(hash.to_string())
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Internal {
        message: format!("a password can't be hashed: {error}"),
        hint: None,
    }
}
