//! The laws of profiles, and what they tell.

use std::sync::LazyLock;

use guard::digest::{Digest, HashKey};
use guard::profile::{Echoes, Hot, Profile, ProfileError, Sketcher};
use proptest::prelude::*;
use record::{Speaker, Time};

use crate::world::{ask, chat};

const DAY: u64 = 86_400_000_000;
const NOW: u64 = 20_700 * DAY;

/// Digests that differ in everything that profiles look at.
fn digests() -> Vec<Digest> {
    let mut all = Vec::new();
    for number in 0..24_u32 {
        let question = format!(
            "Question {number}: how many {} does it take to {}? Think step by step and rate the answer.",
            ["apples", "ships", "judges"][number as usize % 3],
            ["win", "sink", "decide a case about taxes"][number as usize % 5 % 3],
        );
        let mut exchange = chat(&[(Speaker::User, &question)], "It takes seven of them.");
        exchange.request.parameters.n = number % 5;
        exchange.request.parameters.max_tokens = (number % 2 == 0).then_some(100 << (number % 7));
        exchange.request.parameters.temperature = (number % 3 > 0).then_some(10 * number as u16);
        exchange.request.model = format!("model-{}", number % 9).into();
        exchange.status = [200, 429, 500, 403][number as usize % 4];
        exchange.source.address = ["192.0.2.1", "198.51.100.7", "2001:db8::7"][number as usize % 3];
        all.push(exchange.digest());
    }
    all
}

/// An exchange of a history: its time, its digest's place and its echoes.
type Happened = (u64, usize, bool);

fn history() -> impl Strategy<Value = Vec<Happened>> {
    // Ninety days, so that windows move; a few times far apart, so that they empty.
    let time = prop_oneof![
        8 => NOW..NOW + 90 * DAY,
        1 => 0..NOW * 2,
        1 => any::<u64>(),
    ];
    proptest::collection::vec((time, 0..24_usize, any::<bool>()), 0..60)
}

struct World {
    digests: Vec<Digest>,
    sketcher: Sketcher,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        Self {
            digests: digests(),
            sketcher: Sketcher::new(&HashKey::new([7; 32])),
        }
    }

    fn add(&self, hot: &mut Hot, number: u64, (time, digest, echo): Happened) {
        let echoes = Echoes {
            own: echo,
            continued: echo && digest % 2 == 0,
            ..Echoes::default()
        };
        let digest = &self.digests[digest];
        let arrived = Time::from_micros(time);
        hot.add(&self.sketcher.event(number, arrived, digest, echoes));
    }

    fn whole(&self, history: &[Happened]) -> Hot {
        let mut hot = Hot::default();
        for (number, happened) in (0..).zip(history) {
            self.add(&mut hot, number, *happened);
        }
        hot
    }

    /// One profile for each exchange.
    fn each(&self, history: &[Happened]) -> Vec<Profile> {
        let one = |(number, happened): (u64, &Happened)| {
            let mut hot = Hot::default();
            self.add(&mut hot, number, *happened);
            Profile::Hot(Box::new(hot))
        };
        (0..).zip(history).map(one).collect()
    }
}

fn merged(all: &[Profile]) -> Profile {
    let mut whole = Profile::default();
    all.iter().for_each(|one| whole.merge(one));
    whole
}

fn cooled(profile: &Profile) -> Profile {
    Profile::Cold(Box::new(profile.cool()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_and_grouping_do_not_matter(
        history in history(),
        cuts in proptest::collection::vec(0..61_usize, 3),
        seed: u64,
    ) {
        let world = &*WORLD;
        let whole = Profile::Hot(Box::new(world.whole(&history)));
        let mut each = world.each(&history);
        prop_assert_eq!(merged(&each).encode(), whole.encode());
        // Any order: by a hash of each one's place.
        let mut place = 0_u64;
        each.sort_by_cached_key(|_| {
            place += 1;
            (place ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7
        });
        // Any grouping: cut in four, merged apart, then together from the end.
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(each.len())).collect();
        cuts.sort_unstable();
        let parts = [
            &each[..cuts[0]],
            &each[cuts[0]..cuts[1]],
            &each[cuts[1]..cuts[2]],
            &each[cuts[2]..],
        ];
        let mut parts = parts.map(merged);
        parts.reverse();
        prop_assert_eq!(merged(&parts).encode(), whole.encode());
        // Some parts cold: the same as cooling the whole.
        let mixed: Vec<Profile> = (0..).zip(&parts).map(|(place, part)| {
            if seed >> place & 1 == 0 { part.clone() } else { cooled(part) }
        }).collect();
        let mixed = merged(&mixed);
        prop_assert_eq!(cooled(&mixed).encode(), cooled(&whole).encode());
    }

    #[test]
    fn the_empty_profile_changes_nothing(history in history()) {
        let world = &*WORLD;
        let hot = Profile::Hot(Box::new(world.whole(&history)));
        let empty_cold = Profile::Cold(Box::default());
        for profile in [&hot, &cooled(&hot)] {
            let mut left = profile.clone();
            left.merge(&Profile::default());
            let mut right = Profile::default();
            right.merge(profile);
            prop_assert_eq!(left.encode(), profile.encode());
            prop_assert_eq!(right.encode(), profile.encode());
        }
        let mut cold = hot.clone();
        cold.merge(&empty_cold);
        prop_assert_eq!(cold.encode(), cooled(&hot).encode());
    }

    #[test]
    fn what_is_written_is_read(history in history()) {
        let hot = Profile::Hot(Box::new(WORLD.whole(&history)));
        for profile in [&hot, &cooled(&hot)] {
            let bytes = profile.encode();
            prop_assert_eq!(&Profile::decode(&bytes).unwrap(), profile);
        }
        prop_assert!(hot.encode().len() <= 4096 && cooled(&hot).encode().len() <= 512);
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..3000), kind in 0..4_u8) {
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        if let Ok(profile) = Profile::decode(&bytes) {
            prop_assert_eq!(profile.encode(), bytes);
        }
    }
}

#[test]
fn bytes_that_are_no_profile_say_why() {
    let bytes = Profile::default().encode();
    assert_eq!(Profile::decode(&[]), Err(ProfileError::Broken));
    assert_eq!(Profile::decode(&[7]), Err(ProfileError::Kind(7)));
    for end in 1..bytes.len() {
        assert_eq!(Profile::decode(&bytes[..end]), Err(ProfileError::Broken));
    }
}

/// The bytes of version 1, for ever.
#[test]
fn version_1_is_read_and_written_as_ever() {
    let history: Vec<Happened> = (0..40)
        .map(|number| {
            (
                NOW + number * DAY / 3,
                number as usize * 7 % 24,
                number % 4 == 0,
            )
        })
        .collect();
    let hot = Profile::Hot(Box::new(WORLD.whole(&history)));
    let cold = cooled(&hot);
    let written = format!(
        "hot {}\ncold {}\n",
        hex::encode(hot.encode()),
        hex::encode(cold.encode())
    );
    assert_eq!(
        written,
        include_str!("../golden/profile-v1.txt"),
        "\n{written}"
    );
}

#[test]
fn profiles_tell_what_happened() {
    let sketcher = Sketcher::new(&HashKey::new([7; 32]));
    let mut harvest = Hot::default();
    let mut honest = Hot::default();
    for number in 0..200_u64 {
        let slots = ["rivers", "taxes", "beetles", "bridges", "sonnets"][number as usize % 5];
        let prompt = format!(
            "You are given a task about {slots}, number {number}. Write out your complete reasoning \
             and do not omit any step, then give the final answer."
        );
        let time = Time::from_micros(NOW + number * 60_000_000);
        let digest = chat(&[(Speaker::User, &prompt)], "Done.").digest();
        harvest.add(&sketcher.event(number, time, &digest, Echoes::default()));
        let words: String = (0..12)
            .map(|place| {
                let word = (number + 1).wrapping_mul(7_919 + place * 104_729) % 50_021;
                format!(
                    "{}q ",
                    (0..4)
                        .map(|shift| char::from(b'a' + (word >> (3 * shift) & 15) as u8))
                        .collect::<String>()
                )
            })
            .collect();
        let digest = ask(&words).digest();
        let evening = NOW + number / 8 * DAY + (18 + number % 4) * 3_600_000_000;
        honest.add(&sketcher.event(
            number,
            Time::from_micros(evening),
            &digest,
            Echoes::default(),
        ));
    }
    assert!(
        harvest.template_mass().unwrap() > 900,
        "{:?}",
        harvest.template_mass()
    );
    assert!(
        honest.template_mass().unwrap() < 100,
        "{:?}",
        honest.template_mass()
    );
    assert!(harvest.near_duplicates().unwrap() > honest.near_duplicates().unwrap() + 100);
    assert!(honest.coverage.count() > 2 * harvest.coverage.count());
    assert!((130..280).contains(&harvest.prompts.estimate()));
    assert!((1..4).contains(&harvest.heads.estimate()));
    assert_eq!(
        (harvest.hours.count(), harvest.hours.longest_idle()),
        (4, 0)
    );
    assert!(honest.hours.longest_idle() >= 20);
    assert_eq!((harvest.early.after(0), honest.early.after(1)), (200, 8));
    assert_eq!(honest.recent.back(0), 8);
    // 200 minutes with an exchange each, and as many of the other's in 100 hours.
    assert!((110..320).contains(&harvest.clocks[2].estimate()));
    let week: Vec<usize> = (0..168).filter(|hour| harvest.week.0[*hour] > 0).collect();
    // Day 20,700 after the epoch is a Wednesday... counted from Thursday.
    assert_eq!(week.first(), Some(&((20_700 * 24 + 72) % 168)));
    assert_eq!(harvest.template_keys.entries().len(), 1);
    assert_eq!(harvest.template_keys.entries()[0].count, 200);
}
