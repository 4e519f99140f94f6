//! A watermark's key: 32 secret bytes, and a name made from them by a one-way function.

use std::fmt;

/// 32 bytes from a good source of randomness. Shown as its [`Key::id`] only.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's public name, 16 hexadecimal digits: the same key has the same name, and the name
    /// says nothing about the key.
    #[must_use]
    pub fn id(&self) -> String {
        let hash = blake3::derive_key("stillhouse 2026 watermark key id", &self.0);
        hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

impl PartialEq for Key {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        blake3::Hash::from_bytes(self.0) == blake3::Hash::from_bytes(other.0)
    }
}
