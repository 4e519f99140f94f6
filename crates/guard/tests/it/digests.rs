//! What holds of every digest, whatever goes in.

use std::borrow::Cow;

use guard::digest::{Digest, DigestError, LONGEST, OF_ANSWER, OF_REQUEST, TEXT};
use proptest::prelude::*;
use record::{Endpoint, Form, Network, Part, Piece, SaidAnswer, Source, Speaker};

use crate::world::{self, Exchange, chat};

const SPEAKERS: [Speaker; 5] = [
    Speaker::System,
    Speaker::User,
    Speaker::Assistant,
    Speaker::Tool,
    Speaker::Other,
];
const PARTS: [Part; 5] = [
    Part::Text,
    Part::Reasoning,
    Part::Call,
    Part::Media,
    Part::Ids,
];

fn pieces() -> impl Strategy<Value = Vec<Piece<'static>>> {
    let text = prop_oneof![
        "\\PC{0,60}",
        "([a-zA-Z0-9']{1,12}[ ,.:\n]){0,80}",
        ("\\PC{1,6}", 0..4000_usize).prop_map(|(unit, times)| unit.repeat(times)),
    ];
    let piece =
        (0..5_usize, 0..5_usize, 0..6_u32, text).prop_map(|(speaker, part, turn, text)| Piece {
            speaker: SPEAKERS[speaker],
            part: PARTS[part],
            turn,
            text: Cow::Owned(text),
        });
    proptest::collection::vec(piece, 0..8)
}

fn exchange() -> impl Strategy<Value = Exchange> {
    (pieces(), pieces(), any::<[u32; 4]>(), any::<bool>()).prop_map(
        |(asked, answered, [n, max, tools, prompts], full)| {
            let mut exchange = chat(&[], "");
            exchange.request.pieces = asked;
            exchange.answer.pieces = answered;
            let parameters = &mut exchange.request.parameters;
            (parameters.n, parameters.tools, parameters.prompts) = (n, tools, prompts);
            parameters.max_tokens = full.then_some(max);
            parameters.temperature = full.then_some(max as u16);
            exchange
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_goes_in_and_the_same_comes_out(exchange in exchange()) {
        let digest = exchange.digest();
        let bytes = digest.encode();
        prop_assert_eq!(&bytes, &exchange.digest().encode());
        prop_assert!(bytes.len() <= LONGEST, "{}", bytes.len());
        prop_assert_eq!(Digest::decode(&bytes).unwrap(), digest);
    }

    #[test]
    fn no_text_is_in_it(exchange in exchange()) {
        let bytes = exchange.digest().encode();
        let request = exchange.request.pieces.iter();
        let texts = request.chain(&exchange.answer.pieces).map(|piece| piece.text.as_bytes());
        let others = [exchange.source.address.as_bytes(), exchange.source.user_agent.as_bytes()];
        for text in texts.chain(others) {
            for run in text.windows(9).step_by(1 + text.len() / 500) {
                prop_assert!(!bytes.windows(9).any(|window| window == run));
            }
        }
    }

    #[test]
    fn another_key_makes_other_hashes(text in "([a-z]{3,9} ){30,60}") {
        let exchange = chat(&[(Speaker::User, &text)], &text);
        let (one, other) = (exchange.digest_by(1), exchange.digest_by(2));
        prop_assert_ne!(one.ask.exact, other.ask.exact);
        prop_assert_ne!(one.chain.whole, other.chain.whole);
        prop_assert_ne!(one.origin.address, other.origin.address);
        prop_assert_ne!(one.model, other.model);
        prop_assert!(one.template.shingles.likeness(&other.template.shingles) < 64);
        let known = |print| other.answer_prints.binary_search(print).is_ok();
        prop_assert!(!one.answer_prints.iter().any(known));
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..900), first: bool) {
        if let (true, Some(version)) = (first, bytes.first_mut()) {
            *version = 1;
        }
        if let Ok(digest) = Digest::decode(&bytes) {
            prop_assert_eq!(digest.encode(), bytes);
        }
    }
}

#[test]
fn bytes_that_are_no_digest_say_why() {
    let bytes = world::ask("What is the capital of Peru?").digest().encode();
    assert_eq!(Digest::decode(&[]), Err(DigestError::Broken));
    assert_eq!(Digest::decode(&[9, 1]), Err(DigestError::Version(9)));
    assert_eq!(
        Digest::decode(&vec![1; 5000]),
        Err(DigestError::TooLong(5000))
    );
    for end in 1..bytes.len() {
        assert!(Digest::decode(&bytes[..end]).is_err(), "{end}");
    }
    assert_eq!(
        Digest::decode(&[&bytes[..], &[0]].concat()),
        Err(DigestError::Broken)
    );
}

/// Whatever is largest, all at once.
#[test]
fn the_largest_digest_is_bounded() {
    let words: String = (0..200_000).map(|number| format!("w{number}q ")).collect();
    let mut exchange = chat(
        &[
            (Speaker::System, &words),
            (Speaker::User, &words),
            (Speaker::Assistant, &words[7..]),
            (Speaker::User, &words[100_000..]),
        ],
        &words[500_000..],
    );
    exchange.source = Source {
        address: "2001:db8::1",
        asn: Some(u32::MAX),
        network: Some(Network::Hosting),
        user_agent: &"x".repeat(4000).leak()[..],
        header_order: "aa",
        ja4: Some("t13d1516h2_8daaf6152771_b186095e22b6"),
        accept_language: "de-DE,de;q=0.9",
    };
    let parameters = &mut exchange.request.parameters;
    (parameters.n, parameters.max_tokens) = (u32::MAX, Some(u32::MAX));
    (parameters.temperature, parameters.top_p) = (Some(u16::MAX), Some(u16::MAX));
    (parameters.tools, parameters.prompts) = (u32::MAX, u32::MAX);
    (parameters.logprobs, parameters.logit_bias) = (Some(u8::MAX), u32::MAX);
    parameters.form = Form::Schema;
    exchange.request.tools = Some("[{}]");
    exchange.request.schema = Some("{}");
    let digest = exchange.digest();
    assert_eq!(digest.answer_prints.len(), OF_ANSWER);
    assert_eq!(digest.ask_prints.len(), OF_REQUEST);
    assert_eq!(digest.past_prints.len(), OF_REQUEST);
    let total: u32 = [
        &digest.sizes.system,
        &digest.sizes.ask,
        &digest.sizes.past,
        &digest.sizes.answer,
    ]
    .into_iter()
    .sum();
    let read = (total - digest.sizes.skipped) as usize;
    assert!(read <= TEXT && read > TEXT - 64, "{read}");
    let bytes = digest.encode().len();
    assert!(bytes <= 1280, "{bytes}");
}

/// The bytes of version 1, for ever: what a ledger keeps must be read by every later program.
#[test]
fn version_1_is_read_and_written_as_ever() {
    let mut harvest = chat(
        &[
            (Speaker::System, "You are a careful mathematician."),
            (
                Speaker::User,
                "Solve step by step and put your reasoning in <think> tags: what is 17 * 23? Give \
                 the final answer after ####.",
            ),
            (Speaker::Assistant, "<think>17 * 23 = 391</think> #### 391"),
            (
                Speaker::User,
                "Now do 19 * 29 in the same way, with every intermediate step.",
            ),
        ],
        "<think>19 * 29 = 20 * 29 - 29 = 580 - 29 = 551, which I checked twice before I wrote it \
         down here.</think> #### 551",
    );
    harvest.request.parameters.n = 4;
    harvest.request.parameters.temperature = Some(70);
    harvest.request.parameters.logprobs = Some(5);
    harvest.request.parameters.form = Form::Schema;
    harvest.request.schema = Some(r#"{"name":"s"}"#);
    harvest.source.network = Some(Network::Hosting);
    let mut vectors = world::ask("a sentence whose vector is wanted, in Ελληνικά and 中文");
    vectors.endpoint = Endpoint::Embeddings;
    vectors.answer = SaidAnswer {
        choices: 1,
        ..SaidAnswer::default()
    };
    let mut refused = world::ask("");
    refused.status = 429;
    let all = [
        ("harvest", harvest),
        ("vectors", vectors),
        ("refused", refused),
    ];
    let written: String = all
        .iter()
        .map(|(name, exchange)| format!("{name} {}\n", hex::encode(exchange.digest().encode())))
        .collect();
    let golden = include_str!("../golden/digest-v1.txt");
    assert_eq!(written, golden, "\n{written}");
    for line in golden.lines() {
        let bytes = hex::decode(line.split_once(' ').unwrap().1).unwrap();
        assert_eq!(Digest::decode(&bytes).unwrap().encode(), bytes);
    }
}
