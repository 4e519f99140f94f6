//! Numbers that look drawn and are the same at each run, and ids that carry them.

use record::{Id, Time};

/// A number spread over all 64 bits (the finaliser of SplitMix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// One of many numbers that belong to one thing.
pub(crate) fn of(thing: u64, which: u64) -> u64 {
    mix(thing ^ which.wrapping_mul(0xd6e8_feb8_6659_fd93))
}

/// Between 0 and 1.
pub(crate) fn share(drawn: u64) -> f64 {
    (drawn >> 11) as f64 / (1u64 << 53) as f64
}

/// One of these.
pub(crate) fn pick<'a, T: ?Sized>(drawn: u64, of: &[&'a T]) -> &'a T {
    of[(drawn % of.len() as u64) as usize]
}

/// An id of this time that carries a number of up to 48 bits.
pub(crate) fn id<K>(at_us: u64, number: u64) -> Id<K> {
    let mut random = [0u8; 10];
    random[..4].copy_from_slice(&mix(number).to_be_bytes()[..4]);
    random[4..].copy_from_slice(&number.to_be_bytes()[2..]);
    Id::new(Time::from_micros(at_us), random)
}

/// The number that an id carries.
pub(crate) fn number<K>(id: Id<K>) -> u64 {
    let bytes = id.bytes();
    let mut number = [0u8; 8];
    number[2..].copy_from_slice(&bytes[10..]);
    u64::from_be_bytes(number)
}
