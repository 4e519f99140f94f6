//! The window test: another kind of prompts is told, the same kind is not, as often as promised.

use guard::digest::{Digester, HashKey};
use guard::window::{FEWEST, Mark, Reference, Seen, WindowError};

use super::world::ask;

const PLACES: [&str; 12] = [
    "Rome", "Oslo", "Lima", "Cairo", "Quito", "Delhi", "Seoul", "Paris", "Accra", "Minsk", "Turin",
    "Perth",
];
const THINGS: [&str; 12] = [
    "trains", "museums", "bakeries", "harbours", "gardens", "markets", "theatres", "bridges",
    "hotels", "castles", "lakes", "stadiums",
];

fn marks(texts: impl Iterator<Item = String>) -> Vec<Mark> {
    let digester = Digester::new(&HashKey::new([7; 32]));
    texts
        .map(|text| Mark::new(&ask(&text).digest_with(&digester)))
        .collect()
}

/// Numbers in an order that has none.
fn scattered(number: usize, salt: u64) -> usize {
    let word = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt << 7;
    let word = (word ^ word >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (word >> 33) as usize
}

/// What travellers ask.
fn travellers(from: usize, many: usize) -> Vec<Mark> {
    marks((from..from + many).map(|number| {
        let place = PLACES[scattered(number, 1) % 12];
        let thing = THINGS[scattered(number, 2) % 12];
        let day = scattered(number, 3) % 365;
        match scattered(number, 4) % 3 {
            0 => format!("Which {thing} of {place} are open on day {day}?"),
            1 => format!("I am in {place} and look for {thing}, where do I go?"),
            _ => format!("How do I get from the airport of {place} to the {thing}?"),
        }
    }))
}

fn harvesters(many: usize) -> Vec<Mark> {
    marks((0..many).map(|number| {
        let thing = THINGS[scattered(number, 5) % 12];
        format!(
            "Write {} diverse instructions about {thing} with full reasoning for each one.",
            5 + number % 9
        )
    }))
}

fn see(reference: &Reference, marks: &[Mark]) -> Vec<Seen> {
    marks.iter().map(|mark| reference.see(mark)).collect()
}

#[test]
fn a_quarter_of_another_kind_in_a_hundred_is_told() {
    let reference = Reference::new(travellers(0, 400)).unwrap();
    let test = reference.test(100).unwrap();
    let benign = see(&reference, &travellers(1000, 75));
    let window = || benign.iter();
    let attack = see(&reference, &harvesters(25));
    let verdict = test.judge(window().chain(&attack)).unwrap();
    assert!(verdict.chance < 0.003, "{verdict:?}");
    assert!(verdict.strongest[0].1 <= verdict.strongest[1].1);
    // The same again, to the last bit.
    let again = Reference::new(travellers(0, 400)).unwrap();
    let again = again.test(100).unwrap();
    assert_eq!(again.judge(window().chain(&attack)).unwrap(), verdict);
}

#[test]
fn the_same_kind_is_told_as_rarely_as_said() {
    let reference = Reference::new(travellers(0, 400)).unwrap();
    let test = reference.test(60).unwrap();
    let told = (0..40).filter(|window| {
        let benign = see(&reference, &travellers(1000 + 60 * window, 60));
        test.judge(&benign).unwrap().chance < 0.05
    });
    // Two are expected, more than eight come once in ten thousand times.
    let told = told.count();
    assert!(told <= 8, "{told} of 40");
}

#[test]
fn what_is_too_short_is_said() {
    let few = Reference::new(travellers(0, FEWEST - 1)).unwrap_err();
    assert_eq!(few, WindowError::ShortReference(FEWEST - 1));
    let reference = Reference::new(travellers(0, FEWEST)).unwrap();
    assert_eq!(reference.test(0).unwrap_err(), WindowError::EmptyWindow);
    let test = reference.test(10).unwrap();
    assert_eq!(test.judge([]).unwrap_err(), WindowError::EmptyWindow);
    // One exchange is a window, and a longer one than asked for too.
    let one = see(&reference, &travellers(500, 50));
    assert!(test.judge(&one[..1]).unwrap().chance > 0.0);
    assert!(test.judge(&one).unwrap().chance > 0.0);
}

/// A day on which everybody asks about one place.
fn day(day: usize) -> Vec<Mark> {
    let place = PLACES[scattered(day, 8) % 12];
    marks((0..40).map(|number| {
        let thing = THINGS[scattered(day * 40 + number, 6) % 12];
        match scattered(day * 40 + number, 7) % 2 {
            0 => format!("Which {thing} of {place} are open today?"),
            _ => format!("I am in {place} and look for {thing}, where do I go?"),
        }
    }))
}

#[test]
fn a_day_like_other_days_is_told_only_where_days_are_not_known_to_differ() {
    let days: Vec<Vec<Mark>> = (0..60).map(day).collect();
    let flat = Reference::new(days.concat()).unwrap();
    let blocks = Reference::of_blocks(days).unwrap();
    let told = |reference: &Reference| {
        let test = reference.test(40).unwrap();
        let days = (100..112).map(|number| see(reference, &day(number)));
        days.filter(|seen| test.judge(seen).unwrap().chance < 0.003)
            .count()
    };
    let (flat, of_blocks) = (told(&flat), told(&blocks));
    assert!(flat >= 10 && of_blocks <= 2, "{flat} and {of_blocks} of 12");
    // And it is no blind test for that.
    let test = blocks.test(40).unwrap();
    let mut seen = see(&blocks, &day(100)[..30]);
    seen.extend(see(&blocks, &harvesters(10)));
    assert!(test.judge(&seen).unwrap().chance < 0.003);
}
