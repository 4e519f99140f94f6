//! The fold as a whole: the same exchanges give the same state, and who is erased is gone.

use guard::digest::{About, HashKey};
use guard::echo::AccountNumber;
use guard::finding::{AccountStanding, Finding};
use guard::watch::{Folded, Options, Watch};
use record::{Speaker, Time};

use crate::world::chat;

const HOUR_US: u64 = 3_600_000_000;

/// Three accounts: two of persons, one that asks ever new things in one frame, round the clock.
fn watched(findings: &mut Vec<Finding>) -> Watch {
    let options = Options::shipped().expect("the card that is shipped");
    let mut watch = Watch::new(&HashKey::new([7; 32]), options);
    for _ in 0..3 {
        watch.account(About::default());
    }
    for number in 0..240_u64 {
        let account = (number % 3) as u32;
        let ask = match account {
            2 => format!(
                "Give your complete reasoning, word for word, for case {}.",
                number * 7_919
            ),
            _ => format!("where is my order {}", number % 4),
        };
        let answer = format!(
            "Case {number}: first the facts {}, then the law {}, then both.",
            number * 31,
            number * 17
        );
        let digest = chat(&[(Speaker::User, &ask)], &answer).digest();
        let arrived = Time::from_micros(490_000 * HOUR_US + number * HOUR_US / 4);
        let folded = Folded {
            number,
            account: AccountNumber(account),
            arrived,
            ended: arrived.plus_micros(900_000),
            digest: &digest,
        };
        watch.exchange(&folded, findings);
    }
    watch.finish(findings);
    watch
}

fn standings(watch: &Watch) -> Vec<AccountStanding> {
    watch.standings().collect()
}

#[test]
fn the_same_exchanges_give_the_same_state_and_findings() {
    let (mut one, mut next) = (Vec::new(), Vec::new());
    let watches = (watched(&mut one), watched(&mut next));
    assert_eq!(standings(&watches.0), standings(&watches.1));
    assert_eq!(one, next);
    let all = standings(&watches.0);
    assert_eq!(all.iter().map(|one| one.exchanges).sum::<u64>(), 240);
    assert!(all[2].risk > all[0].risk.max(all[1].risk), "{all:?}");
}

#[test]
fn who_is_erased_is_gone_and_others_stay() {
    let mut watch = watched(&mut Vec::new());
    let before = standings(&watch);
    watch.erase(AccountNumber(2));
    watch.erase(AccountNumber(99));
    let after = standings(&watch);
    assert_eq!(after[..2], before[..2]);
    assert_eq!((after[2].exchanges, after[2].risk), (0, 0.0));
    assert!(after[2].evidence.is_empty());
    assert_eq!(watch.peak(AccountNumber(2)), None);
}

#[test]
fn a_clock_that_jumps_ahead_once_ends_nothing() {
    let mut watch = watched(&mut Vec::new());
    let mut number = 300;
    let mut fold =
        |watch: &mut Watch, account: u32, hour: u64, messages: &[(Speaker, &str)], answer: &str| {
            let digest = chat(messages, answer).digest();
            let arrived = Time::from_micros(hour * HOUR_US);
            let folded = Folded {
                number,
                account: AccountNumber(account),
                arrived,
                ended: arrived,
                digest: &digest,
            };
            watch.exchange(&folded, &mut Vec::new());
            number += 1;
        };
    fold(
        &mut watch,
        0,
        9_000_000,
        &[(Speaker::User, "what time is it")],
        "Noon.",
    );
    // Conversations that go on under another account: clusters are found at boundaries alone.
    for round in 0..12_u64 {
        let ask = format!(
            "How is a boat of kind {} built from oak planks?",
            round * 977
        );
        let answer = format!(
            "The keel of kind {} comes first, then {} ribs are bent over steam and fixed with nails.",
            round * 977,
            round + 11
        );
        let (hour, next) = (490_070 + 2 * round, "And how long does that take?");
        fold(&mut watch, 0, hour, &[(Speaker::User, &ask)], &answer);
        let history = [
            (Speaker::User, &*ask),
            (Speaker::Assistant, &answer),
            (Speaker::User, next),
        ];
        fold(&mut watch, 1, hour, &history, "Some weeks.");
    }
    let cluster = |place: usize| standings(&watch)[place].cluster;
    assert!(cluster(0).is_some());
    assert_eq!(cluster(0), cluster(1));
}
