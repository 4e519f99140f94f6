//! What digests are for: like things are alike, unlike things are not.

use guard::digest::{Digest, Family, RUN};
use record::{Part, Piece, Speaker};

use crate::world::{ask, chat, piece};

/// A question, the same in other words, and one about something else.
const ASKED: [[&str; 3]; 6] = [
    [
        "How do I reverse a linked list in Python without using extra memory?",
        "In Python, what is the way to reverse a linked list in place, without additional memory?",
        "What vaccinations does a puppy need in its first year?",
    ],
    [
        "Explain why the sky looks blue during the day and red at sunset.",
        "Why is the sky blue in daytime but red when the sun sets? Please explain.",
        "Draft a contract clause about late payment of invoices.",
    ],
    [
        "Write a short poem about autumn leaves falling on a quiet lake.",
        "Please compose a brief poem on leaves that fall in autumn onto a still, quiet lake.",
        "Find the derivative of x squared times sine of x.",
    ],
    [
        "Translate the following sentence into French: the train leaves at seven.",
        "What is the French translation of this sentence: the train leaves at seven?",
        "My order arrived damaged and I want a refund.",
    ],
    [
        "Summarize the causes of the French Revolution in three bullet points.",
        "Give three bullet points summarizing what caused the French Revolution.",
        "Implement a rate limiter with a token bucket in Rust.",
    ],
    [
        "¿Cuál es la capital de Perú y cuántos habitantes tiene?",
        "¿Cuántos habitantes tiene Perú y cuál es su capital?",
        "Wie backe ich ein Roggenbrot ohne Sauerteig?",
    ],
];

#[test]
fn other_words_for_it_lie_nearer_than_something_else() {
    let mut near = Vec::new();
    let mut far = Vec::new();
    for [one, same, other] in ASKED {
        let [one, same, other] = [one, same, other].map(|text| ask(text).digest().ask.position);
        assert!(one.cosine(&same) > one.cosine(&other) + 150, "{one:?}");
        near.push(one.cosine(&same));
        far.push(one.cosine(&other).abs());
        assert_eq!(one.cosine(&one), 1000);
    }
    assert!(near.iter().sum::<i32>() > 6 * 500, "{near:?}");
    assert!(far.iter().sum::<i32>() < 6 * 250, "{far:?}");
}

fn template(country: &str, product: &str, number: u32) -> Digest {
    let system =
        "You are an expert data analyst who answers with complete and transparent reasoning.";
    let prompt = format!(
        "Here is a case for you to work on. Customer number {number} from {country} asks about \
         {product}. Decide whether the request is covered by the policy, explain each step of your \
         decision, and finish with one line that starts with the word VERDICT."
    );
    chat(&[(Speaker::System, system), (Speaker::User, &prompt)], "").digest()
}

#[test]
fn a_template_is_known_with_other_slots() {
    let one = template("Peru", "a broken kettle", 17);
    let next = template(
        "New Zealand",
        "three garden chairs that arrived late",
        90_431,
    );
    assert_eq!(one.template.system, next.template.system);
    assert_eq!(one.template.heads[1], next.template.heads[1]);
    assert_eq!(one.template.tails, next.template.tails);
    assert!(one.template.shingles.likeness(&next.template.shingles) > 128);
    assert_ne!(one.ask.exact, next.ask.exact);
    let other = ask(
        "Could you help me to plan a trip with two small children to the sea in June? We \
        would like to go by train, have a kitchen, and stay for ten days.",
    );
    let other = other.digest();
    assert!(one.template.shingles.likeness(&other.template.shingles) < 26);
    assert_ne!(one.template.heads[0], other.template.heads[0]);
}

#[test]
fn a_small_change_is_a_near_duplicate() {
    let text = "Please write a function that takes a list of intervals and merges all of those that \
        overlap, then returns them sorted by where they start, and add a few tests for it.";
    let one = ask(text).digest().ask;
    let close = ask(&text.replace("a few", "some")).digest().ask;
    let spaced = ask(&text.to_uppercase().replace(' ', "\n ")).digest().ask;
    assert_eq!(one, spaced);
    assert_ne!(one.exact, close.exact);
    assert!(one.pairs.likeness(&close.pairs) > 180);
    assert!(one.pairs.likeness(&ask(ASKED[0][0]).digest().ask.pairs) < 50);
}

const ANSWER: &str = "A linked list is reversed in place by walking along it once with three \
    references: the node before, the node itself and the node after. At each step the node's own \
    reference is turned round to the node before, and all three move on by one. When the walk ends, \
    the node before is the new head. Nothing is allocated, and each node is visited exactly once.";

#[test]
fn our_own_answer_is_known_again_inside_a_prompt() {
    let given = chat(&[(Speaker::User, ASKED[0][0])], ANSWER).digest();
    let grading = format!(
        "You are an impartial judge. Rate the following answer on a scale of 1 to 10.\n\n\
         [Question] {}\n\n[Response A]\n{ANSWER}\n\n[Response B]\nUse a stack: push every node, pop \
         them all, and link them in the order in which they come off, which needs extra memory.",
        ASKED[0][0]
    );
    let graded = ask(&grading).digest();
    let again = |prints: &[u64]| {
        let answer = given.answer_prints.iter();
        answer
            .filter(|print| prints.binary_search(print).is_ok())
            .count()
    };
    assert!(
        again(&graded.ask_prints) >= 3,
        "{}",
        again(&graded.ask_prints)
    );
    assert_eq!(again(&ask(ASKED[4][1]).digest().ask_prints), 0);
    for family in [Family::Candidates, Family::Score, Family::Critique] {
        assert!(graded.asking.of(family) > 0, "{family:?}");
    }
    // A quotation of the least length that is promised, at any place.
    let words: Vec<&str> = ANSWER.split(' ').collect();
    for quoted in words.windows(RUN) {
        let digest = ask(&quoted.join(" ")).digest();
        let mut all = given.answer_prints.clone();
        all.retain(|print| digest.ask_prints.contains(print));
        assert!(
            !all.is_empty() || given.answer_prints.len() == 24,
            "{quoted:?}"
        );
    }
}

#[test]
fn a_conversation_is_known_when_it_goes_on() {
    let first = chat(&[(Speaker::User, ASKED[1][0])], " It scatters. \n").digest();
    let on = [
        (Speaker::System, "injected by a router"),
        (Speaker::User, ASKED[1][0]),
        (Speaker::Assistant, "It scatters."),
        (Speaker::User, "Why?"),
    ];
    let second = chat(&on, "Short waves scatter more.").digest();
    assert_eq!(first.chain.after, second.chain.before);
    assert_eq!(first.chain.opening, second.chain.opening);
    assert_eq!(first.chain.before, 0);
    let third = chat(
        &[
            &on[1..],
            &[
                (Speaker::Assistant, "Short waves scatter more."),
                (Speaker::User, "And at noon?"),
            ],
        ]
        .concat(),
        "",
    );
    let third = third.digest();
    assert_eq!(third.chain.before, second.chain.after);
    assert_eq!(third.chain.earlier, second.chain.before);
    assert_eq!(third.chain.after, 0);
    let retried = chat(&on[1..], "Otherwise.").digest();
    assert_eq!(retried.chain.whole, second.chain.whole);
    assert_ne!(retried.chain.after, second.chain.after);
    let other = chat(&[(Speaker::User, ASKED[1][1])], "It scatters.").digest();
    assert_ne!(other.chain.after, first.chain.after);
}

#[test]
fn a_long_conversation_is_known_too() {
    let said: Vec<String> = (0..2001).map(|turn| format!("turn {turn}")).collect();
    let speaker = |turn: usize| [Speaker::User, Speaker::Assistant][turn % 2];
    let all: Vec<(Speaker, &str)> = (0..)
        .map(speaker)
        .zip(said.iter().map(String::as_str))
        .collect();
    let before = chat(&all[..1999], &said[1999]).digest();
    assert_eq!(before.chain.after, chat(&all, "").digest().chain.before);
}

#[test]
fn odd_texts_are_digests_too() {
    let empty = chat(&[], "").digest();
    assert!(empty.ask.position.is_nowhere() && empty.ask.exact == 0);
    assert_eq!(empty.chain, Default::default());
    let mut picture = ask("");
    picture.request.pieces = vec![Piece {
        part: Part::Media,
        ..piece(Speaker::User, 1, "")
    }];
    assert_eq!(picture.digest().sizes.media, 1);
    let pictures = ask("👩‍👩‍👧‍👦 🙂🙂 👍🏽").digest();
    assert!(pictures.ask.words > 0 && !pictures.ask.position.is_nowhere());
    let right = ask("مرحبا بالعالم، كيف حالك اليوم؟").digest();
    assert!(right.ask.words == 5, "{}", right.ask.words);
    let (composed, decomposed) = (
        "Ça coûte déjà très cher à l'été",
        "Ça coûte déjà très cher à l'été",
    );
    assert_eq!(ask(composed).digest().ask, ask(decomposed).digest().ask);
}

#[test]
fn a_megabyte_is_sampled_alike_every_time() {
    let book: String = (0..150_000_u32)
        .map(|number| format!("w{}x ", number.wrapping_mul(2_654_435_761) >> 12))
        .collect();
    let one = chat(&[(Speaker::User, &book)], "").digest();
    assert!(one.sizes.skipped > 1_000_000 && one.ask.words < 4000);
    assert_eq!(one, chat(&[(Speaker::User, &book)], "").digest());
}

/// Who repeats a word can't outweigh what else is said.
#[test]
fn repetition_does_not_aim() {
    let question = ASKED[0][0];
    let honest = ask(question).digest().ask.position;
    let stuffed = format!("{question} {}", "refund ".repeat(2000));
    assert!(ask(&stuffed).digest().ask.position.cosine(&honest) > 500);
    let flood = ask(&"rate the ".repeat(100_000)).digest();
    assert_eq!(flood.asking.of(Family::Score), 15);
    // What is cut at a stripe's ends is not repeated.
    assert!(flood.ask_prints.len() <= 16);
}
