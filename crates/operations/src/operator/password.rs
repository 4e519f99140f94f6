//! Passwords: argon2id, and a look at one that takes as long where there is none.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::error::{Error, Result};
use crate::house::House;

/// Memory in KiB, passes and lanes of argon2id: the second of the equal choices in OWASP's Password
/// Storage Cheat Sheet ("m=19456 (19 MiB), t=2, p=1"). Each hash says its own, so that these can
/// be raised without making older passwords wrong.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of salt and of hash.
const SALT: usize = 16;
const HASH: usize = 32;
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
    // By the parameters that the hash says.
    let is_right = argon2()?
        .verify_password(password.as_bytes(), &hash)
        .is_ok();
    Ok(is_right && is_somebodys)
}

fn hash_any(house: &House, password: &str) -> Result<String> {
    let salt = &house.secret_bytes()[..SALT];
    let hash: PasswordHash = argon2()?
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(broken)?;
    Ok(hash.to_string())
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH)).map_err(broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Internal {
        message: format!("a password can't be hashed: {error}"),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_its_parameters() {
        let hash: PasswordHash = argon2()
            .unwrap()
            .hash_password_with_salt(b"correct horse", &[7; SALT])
            .unwrap();
        let text = hash.to_string();
        assert!(
            text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{text}"
        );
    }
}
