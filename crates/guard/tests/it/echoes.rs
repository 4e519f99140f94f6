//! Echoes: what the memory of answers tells of texts, and its laws.

use std::sync::LazyLock;

use guard::digest::Digest;
use guard::echo::{AccountNumber, Exchange, Found, Memory, Options};
use guard::profile::Echoes;
use proptest::prelude::*;
use record::{Speaker, Time};

use crate::world::{ask, chat};

const HOUR: u64 = 3_600_000_000;
const START: u64 = 20_700 * 24 * HOUR;

fn small() -> Options {
    Options {
        answers: 64,
        places: 1 << 11,
        ..Options::default()
    }
}

/// A memory, with a clock and a count of its own.
struct Site {
    memory: Memory,
    number: u64,
    hours: u64,
}

impl Site {
    fn new() -> Self {
        Self {
            memory: Memory::new(small()),
            number: 0,
            hours: 0,
        }
    }

    fn see(&mut self, account: u32, digest: &Digest) -> Found {
        self.number += 1;
        self.memory.observe(&Exchange {
            number: self.number,
            account: AccountNumber(account),
            arrived: Time::from_micros(START + self.hours * HOUR + self.number),
            digest,
        })
    }

    /// What is told when the account asks this and is answered something short.
    fn asks(&mut self, account: u32, question: &str) -> (Found, Echoes) {
        self.says(account, &[(Speaker::User, question)], "Done.")
    }

    fn says(&mut self, account: u32, said: &[(Speaker, &str)], answer: &str) -> (Found, Echoes) {
        let digest = chat(said, answer).digest();
        let found = self.see(account, &digest);
        let echoes = found.echoes(&digest);
        (found, echoes)
    }
}

const QUESTION: &str = "How do I reverse a linked list in Python without using extra memory?";
const ANSWER: &str = "A linked list is reversed in place by walking along it once with three \
    references: the node before, the node itself and the node after. At each step the node's own \
    reference is turned round to the node before, and all three move on by one. When the walk ends, \
    the node before is the new head. Nothing is allocated, and each node is visited exactly once.";

const SEEDS: &str = "1. Explain to a child why ships made of steel do not sink although steel is \
    heavier than water.\n2. Given a list of train times, find the connection with the shortest wait \
    in Lyon.\n3. Rewrite the paragraph below so that a judge without legal training would follow it.";

fn generator(examples: &str) -> String {
    format!(
        "Here are some tasks:\n{examples}\nCome up with a set of twenty diverse task ideas like them."
    )
}

fn grading(question: &str, answer: &str) -> String {
    format!(
        "You are an impartial judge. Rate the following answer on a scale of 1 to 10.\n\n[Question] \
         {question}\n\n[Response A]\n{answer}\n\n[Response B]\nUse a stack: push every node, pop them \
         all, and link them in the order in which they come off, which needs extra memory."
    )
}

#[test]
fn answers_that_are_fed_back_are_seen() {
    let mut site = Site::new();
    let seed = generator("1. Name three rivers of Peru.");
    let (found, first) = site.says(1, &[(Speaker::User, &seed)], SEEDS);
    assert_eq!((found.ask.own, first), (0, Echoes::default()));
    let (found, second) = site.asks(1, &generator(SEEDS));
    let only = Echoes {
        own: true,
        ..Echoes::default()
    };
    assert_eq!(second, only, "{found:?}");
    let own = found.own.expect("the answer is its own");
    assert_eq!((own.account, own.exchange), (AccountNumber(1), 1));
    assert_eq!(found.accounts, 0);
    // A template that comes back without our answer in it is none.
    let (found, third) = site.asks(1, &generator("1. Describe a harbour in winter."));
    assert_eq!(third, Echoes::default(), "{found:?}");
}

#[test]
fn a_grader_of_harvested_answers_is_seen() {
    let mut site = Site::new();
    site.says(1, &[(Speaker::User, QUESTION)], ANSWER);
    site.says(2, &[(Speaker::User, "Name tasks.")], SEEDS);
    let (found, echoes) = site.asks(7, &grading(QUESTION, ANSWER));
    let only = Echoes {
        other: true,
        graded: true,
        ..Echoes::default()
    };
    assert_eq!(echoes, only, "{found:?}");
    assert_eq!(found.accounts, 1);
    assert_eq!(
        (found.others[0].account, found.others[0].exchange),
        (AccountNumber(1), 1)
    );
    assert_eq!(found.others[0].prints, found.ask.other);
    // Answers of two accounts side by side name both, the one with more text first.
    let (found, _) = site.asks(8, &grading(SEEDS, ANSWER));
    let accounts: Vec<u32> = found.others.iter().map(|other| other.account.0).collect();
    assert_eq!(found.accounts, 2, "{found:?}");
    assert!(accounts.contains(&1) && accounts.contains(&2));
    assert!(found.others[0].prints >= found.others[1].prints);
    // The owner's grading is its own echo.
    let (_, echoes) = site.asks(1, &grading(QUESTION, ANSWER));
    let only = Echoes {
        own: true,
        graded: true,
        ..Echoes::default()
    };
    assert_eq!(echoes, only);
    // Someone with another answer is none.
    let (found, echoes) = site.asks(9, &grading(QUESTION, "Swap the references while you walk."));
    assert_eq!(echoes, Echoes::default(), "{found:?}");
}

#[test]
fn going_on_with_a_conversation_is_no_echo() {
    let mut site = Site::new();
    let quoted = format!("You wrote: {ANSWER} Why is nothing allocated?");
    let on = [
        (Speaker::User, QUESTION),
        (Speaker::Assistant, ANSWER),
        (Speaker::User, quoted.as_str()),
        (Speaker::Assistant, SEEDS),
        (Speaker::User, "Go on, please."),
    ];
    site.says(1, &on[..1], ANSWER);
    let (found, echoes) = site.says(1, &on[..3], SEEDS);
    assert_eq!(
        (found.ask.own, found.past.own, echoes),
        (0, 0, Echoes::default())
    );
    // The answer before last is quoted in the third turn: still the same conversation.
    let quotes = [on[0], on[1], on[2], on[3], (Speaker::User, ANSWER)];
    let (found, echoes) = site.says(1, &quotes, "Yes.");
    assert_eq!((found.ask.own, echoes), (0, Echoes::default()), "{found:?}");
    // A client that cuts off the beginning is no echo either.
    let (found, echoes) = site.says(1, &on[2..], "Yes.");
    assert_eq!(echoes, Echoes::default(), "{found:?}");
    // Asked again in a conversation of its own, it is one.
    let fresh = format!("Continue this text. {ANSWER}");
    assert!(site.asks(1, &fresh).1.own);
}

#[test]
fn what_the_user_wrote_is_not_our_answer() {
    let mut site = Site::new();
    let correct = format!("Correct the spelling of this text: {ANSWER}");
    site.says(
        1,
        &[(Speaker::User, &correct)],
        &format!("Here it is. {ANSWER}"),
    );
    let (found, echoes) = site.asks(1, &format!("Translate this into French: {ANSWER}"));
    assert_eq!(echoes, Echoes::default(), "{found:?}");
    let (found, echoes) = site.asks(2, &format!("Translate this into French: {ANSWER}"));
    assert_eq!(echoes, Echoes::default(), "{found:?}");
}

#[test]
fn what_many_are_answered_is_everybodys() {
    let mut site = Site::new();
    for account in 1..=5 {
        let question = format!("Question {account} of the workshop: {QUESTION}");
        site.says(account, &[(Speaker::User, &question)], ANSWER);
    }
    for account in [1, 9] {
        let (found, echoes) = site.asks(account, &grading(QUESTION, ANSWER));
        assert_eq!(echoes, Echoes::default(), "{found:?}");
        assert!(found.ask.common >= 3);
    }
}

/// A text that many bring along, though one of them only was answered it, is public.
#[test]
fn what_many_bring_is_everybodys() {
    let mut site = Site::new();
    site.says(1, &[(Speaker::User, "Quote the famous passage.")], ANSWER);
    let seen: Vec<bool> = (2..40)
        .map(|account| {
            site.asks(account, &format!("Comment on this. {ANSWER}"))
                .1
                .other
        })
        .collect();
    assert!(seen[..15].iter().all(|seen| *seen));
    assert!(seen[15..].iter().all(|seen| !seen));
}

#[test]
fn a_conversation_that_is_handed_over_is_seen() {
    let mut site = Site::new();
    let on = [
        (Speaker::User, QUESTION),
        (Speaker::Assistant, ANSWER),
        (Speaker::User, "Why?"),
        (Speaker::Assistant, "Because only references change."),
        (Speaker::User, "And in a ring?"),
    ];
    site.says(1, &on[..1], ANSWER);
    let (found, echoes) = site.says(2, &on[..3], on[3].1);
    let only = Echoes {
        continued: true,
        ..Echoes::default()
    };
    assert_eq!(echoes, only, "{found:?}");
    let handed = found.handed.expect("it was another's");
    assert_eq!(
        (handed.account, handed.exchange, handed.holders),
        (AccountNumber(1), 1, 1)
    );
    // The second holder goes on: nothing. The first takes it back: handed over again.
    let mut other = Site {
        memory: site.memory.clone(),
        ..site
    };
    assert_eq!(site.says(2, &on, "Then keep count.").1, Echoes::default());
    let (found, echoes) = other.says(1, &on, "Then keep count.");
    assert_eq!(echoes, only, "{found:?}");
    // With another last answer, the turn before tells.
    let edited = [on[0], on[1], on[2], (Speaker::Assistant, "Edited."), on[4]];
    assert!(site.says(3, &edited, "Yes.").1.continued);
    // After the horizon nothing is known.
    site.hours = 24 * 8;
    let (found, echoes) = site.says(4, &on, "Yes.");
    assert_eq!((echoes, found.past.other), (Echoes::default(), 0));
    assert_eq!(site.memory.held().answers, 1);
}

#[test]
fn a_greeting_is_no_hand_over() {
    let mut site = Site::new();
    let hello = "Hello! How can I help you today?";
    for account in 1..=9 {
        let on = [
            (Speaker::User, "Hi"),
            (Speaker::Assistant, hello),
            (Speaker::User, "What is the tallest tree?"),
        ];
        site.says(account, &on[..1], hello);
        let (found, echoes) = site.says(account, &on, "A redwood.");
        assert_eq!(
            (found.handed, echoes),
            (None, Echoes::default()),
            "{account}"
        );
    }
    // Long conversations that are the same word for word, each account's own.
    for account in 1..=3 {
        site.says(account, &[(Speaker::User, QUESTION)], ANSWER);
    }
    let on = [
        (Speaker::User, QUESTION),
        (Speaker::Assistant, ANSWER),
        (Speaker::User, "Why?"),
    ];
    assert_eq!(site.says(2, &on, "So.").0.handed, None);
}

#[test]
fn a_refused_exchange_leaves_nothing() {
    let mut site = Site::new();
    let mut digest = chat(&[(Speaker::User, QUESTION)], ANSWER).digest();
    digest.status = 429;
    site.see(1, &digest);
    digest.status = 200;
    site.see(u32::MAX, &digest);
    site.see(2, &ask("").digest());
    assert_eq!(site.memory.held().answers, 0);
    assert_eq!(site.memory.encode(), Memory::new(small()).encode());
}

#[test]
fn an_erased_account_is_forgotten() {
    let mut site = Site::new();
    site.says(1, &[(Speaker::User, QUESTION)], ANSWER);
    site.says(2, &[(Speaker::User, "Name tasks.")], SEEDS);
    site.memory.erase(AccountNumber(1));
    assert!(!site.memory.knows(AccountNumber(1)) && site.memory.knows(AccountNumber(2)));
    let on = [
        (Speaker::User, QUESTION),
        (Speaker::Assistant, ANSWER),
        (Speaker::User, "Why?"),
    ];
    assert_eq!(site.says(3, &on, "So.").1, Echoes::default());
    assert_eq!(
        site.asks(4, &grading(QUESTION, ANSWER)).1,
        Echoes::default()
    );
    assert!(site.asks(4, &generator(SEEDS)).1.other);
}

#[test]
fn a_flood_of_accounts_takes_no_memory() {
    let mut site = Site::new();
    let mut digest = ask("").digest();
    for account in 0..20_000 {
        digest.answer_prints = passage(u64::from(account) + 50);
        digest.chain.after = u64::from(account + 1) << 24;
        site.see(account, &digest);
    }
    assert_eq!(site.memory.bytes(), small().bytes());
    assert_eq!(site.memory.held().answers, 64);
    assert!(site.memory.held().prints <= 64 * 12);
    // The last ones are remembered, those before are not.
    for (account, seen) in [(19_999, 12), (19_980, 12), (19_900, 0)] {
        digest.ask_prints = passage(account + 50);
        let found = site.memory.look(&Exchange {
            number: 0,
            account: AccountNumber(77),
            arrived: Time::from_micros(START),
            digest: &digest,
        });
        assert_eq!(found.ask.other, seen, "{account}");
    }
}

/// What is written is read by later versions: on purpose only.
#[test]
fn memories_are_written_as_ever() {
    let mut site = Site::new();
    site.says(1, &[(Speaker::User, QUESTION)], ANSWER);
    site.says(2, &[(Speaker::User, "Name tasks.")], SEEDS);
    site.asks(3, &grading(QUESTION, ANSWER));
    site.says(4, &[(Speaker::User, "Who wrote it?")], "Nobody.");
    site.memory.erase(AccountNumber(2));
    let bytes = site.memory.encode();
    let written = format!("{}\n", hex::encode(&bytes));
    assert_eq!(
        written,
        include_str!("../golden/echo-v1.txt"),
        "\n{written}"
    );
    let read = Memory::decode(&bytes, small()).expect("it was just written");
    assert_eq!(read.encode(), bytes);
}

/// One step of a history: an account, hours since the start, what is asked, the past, what is
/// answered, the place of the exchange whose conversation goes on; sometimes an erasure instead.
#[derive(Debug, Clone)]
enum Step {
    Exchange(u32, u64, [u64; 3], Option<usize>),
    Erase(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let hours = prop_oneof![9 => 0..400_u64, 1 => any::<u32>().prop_map(u64::from)];
    let part = || prop_oneof![8 => 0..12_u64, 1 => 0..2000_u64];
    let texts = (part(), part(), part()).prop_map(|(ask, past, answer)| [ask, past, answer]);
    let on = proptest::option::of(0..8_usize);
    prop_oneof![
        20 => (0..7_u32, hours, texts, on).prop_map(|(account, hours, texts, on)| {
            Step::Exchange(account, hours, texts, on)
        }),
        1 => (0..7_u32).prop_map(Step::Erase),
    ]
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 0..160)
}

/// A passage of text: prints that no other one has.
fn passage(number: u64) -> Vec<u64> {
    (0..16).map(|place| number << 8 | place).collect()
}

fn digest_of(blank: &Digest, number: u64, texts: [u64; 3], on: Option<usize>) -> Digest {
    let mut digest = blank.clone();
    [digest.ask_prints, digest.past_prints, digest.answer_prints] = texts.map(passage);
    let after = |number: u64| (number + 1) << 40 | 99;
    digest.sizes.past = 500;
    digest.chain.after = after(number);
    digest.chain.before = on.map_or(0, |back| after(number.saturating_sub(1 + back as u64)));
    digest
}

/// Runs a history from this exchange number on; what was found at each step.
fn run(memory: &mut Memory, from: u64, history: &[Step]) -> Vec<Found> {
    static BLANK: LazyLock<Digest> = LazyLock::new(|| ask("").digest());
    let mut found = Vec::new();
    for (number, step) in (from..).zip(history) {
        match *step {
            Step::Exchange(account, hours, texts, on) => {
                let digest = digest_of(&BLANK, number, texts, on);
                let exchange = Exchange {
                    number,
                    account: AccountNumber(account),
                    arrived: Time::from_micros(START + hours * HOUR),
                    digest: &digest,
                };
                let looked = memory.look(&exchange);
                found.push(memory.observe(&exchange));
                // What is over is forgotten before it is looked for, and would not have been told.
                assert_eq!(found.last(), Some(&looked));
            }
            Step::Erase(account) => memory.erase(AccountNumber(account)),
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replay_is_live_also_from_a_snapshot(history in history(), cut in 0..160_usize) {
        let mut live = Memory::new(small());
        let found = run(&mut live, 0, &history);
        let mut again = Memory::new(small());
        prop_assert_eq!(&run(&mut again, 0, &history), &found);
        prop_assert_eq!(again.encode(), live.encode());

        let cut = cut.min(history.len());
        let mut first = Memory::new(small());
        let mut pieces = run(&mut first, 0, &history[..cut]);
        let bytes = first.encode();
        let mut then = Memory::decode(&bytes, small()).expect("it was just written");
        prop_assert_eq!(then.encode(), bytes);
        pieces.extend(run(&mut then, cut as u64, &history[cut..]));
        prop_assert_eq!(pieces, found);
        prop_assert_eq!(then.encode(), live.encode());
    }

    #[test]
    fn nothing_grows(history in history()) {
        let mut memory = Memory::new(small());
        for (number, step) in (0..).zip(&history) {
            run(&mut memory, number, std::slice::from_ref(step));
            prop_assert_eq!(memory.bytes(), small().bytes());
        }
        let held = memory.held();
        prop_assert!(held.answers <= 64 && held.prints <= 1 << 11);
        prop_assert!(memory.encode().len() < 64 * 40 + (1 << 11) * 12 + 128 * 12 + 64);
    }

    #[test]
    fn other_bytes_are_refused_or_another_memory(
        history in history(), place in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let mut memory = Memory::new(small());
        run(&mut memory, 0, &history);
        let mut bytes = memory.encode();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        if let Ok(mut read) = Memory::decode(&bytes, small()) {
            prop_assert_eq!(read.encode(), bytes);
            run(&mut read, 1000, &history);
        }
    }

    /// Erased is as never having been, as long as nothing had to make room.
    #[test]
    fn erasing_leaves_nothing(history in history(), gone in 0..6_u32) {
        let texts = |step: &Step| match step {
            Step::Exchange(account, _, [ask, past, answer], on) => {
                Step::Exchange(account % 6, 1, [*ask, *past, 3000 + answer], *on)
            }
            Step::Erase(_) => Step::Erase(9),
        };
        let history: Vec<Step> = history.iter().take(60).map(texts).collect();
        let options = Options {
            rare: 6,
            answers: 1 << 10,
            places: 1 << 19,
            ..small()
        };
        let mut erased = Memory::new(options);
        run(&mut erased, 0, &history);
        erased.erase(AccountNumber(gone));
        prop_assert!(!erased.knows(AccountNumber(gone)));

        let mut without = Memory::new(options);
        for (number, step) in (0..).zip(&history) {
            if !matches!(step, Step::Exchange(account, ..) if *account == gone) {
                run(&mut without, number, std::slice::from_ref(step));
            }
        }
        prop_assert_eq!(erased.held(), without.held());
        prop_assert_eq!(erased.held().displaced, 0);
        // Every answer is asked for again, by its owners and others.
        let asking: Vec<Step> = (0..24)
            .map(|text| Step::Exchange(text as u32 % 9, 1, [3000 + text % 12, 1, 5000], None))
            .collect();
        let told = run(&mut erased, 1000, &asking);
        for found in &told {
            prop_assert!(found.others.iter().all(|other| other.account.0 != gone || other.exchange >= 1000));
        }
        prop_assert_eq!(told, run(&mut without, 1000, &asking));
    }

    #[test]
    fn strangers_never_echo(history in history()) {
        // Each account says what nobody else does, over and over.
        let apart = |step: &Step| match step {
            Step::Exchange(account, hours, texts, _) => {
                let texts = texts.map(|text| text + 4000 * u64::from(account + 1));
                Step::Exchange(*account, *hours, texts, None)
            }
            erase @ Step::Erase(_) => erase.clone(),
        };
        let history: Vec<Step> = history.iter().map(apart).collect();
        for found in run(&mut Memory::new(small()), 0, &history) {
            prop_assert_eq!((found.accounts, found.handed), (0, None));
            prop_assert_eq!(found.ask.other + found.past.other, 0);
        }
    }
}
