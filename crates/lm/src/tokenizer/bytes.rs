//! GPT-2's alphabet: each byte has a printable character that stands for it in token spellings.
//! Tables only.

/// The character of each byte: itself where it is printable Latin-1, else from U+0100 on.
pub(crate) fn alphabet() -> [char; 256] {
    let mut next = 0x100;
    std::array::from_fn(|byte| {
        // Lossless: the index of an array of 256.
        let byte = byte as u8;
        if matches!(byte, 33..=126 | 161..=172 | 174..=255) {
            char::from(byte)
        } else {
            let c = char::from_u32(next).unwrap_or(char::REPLACEMENT_CHARACTER);
            next += 1;
            c
        }
    })
}

/// The bytes of a token's spelling, or none where a character is not in the alphabet.
pub(super) fn decode(spelling: &str) -> Option<Box<[u8]>> {
    spelling
        .chars()
        .map(|c| match u32::from(c) {
            n @ (33..=126 | 161..=172 | 174..=255) => u8::try_from(n).ok(),
            // 0x100.. stand, in order, for 0..=32, 127..=160, 173.
            n @ 0x100..=0x120 => u8::try_from(n - 0x100).ok(),
            n @ 0x121..=0x142 => u8::try_from(n - 0x121 + 127).ok(),
            0x143 => Some(173),
            _ => None,
        })
        .collect()
}
