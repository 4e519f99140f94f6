//! The alphabet, special tokens, missing bytes, and streams.

use super::*;
use crate::Family;
use crate::gguf::Header;
use crate::testing::{GgufWriter, SPECIALS, tiny_gguf};
use proptest::prelude::*;

fn tokenizer(change: impl Fn(&mut GgufWriter)) -> Result<Tokenizer> {
    let mut writer = GgufWriter::from_gguf(&tiny_gguf(Family::Llama, 1)).unwrap();
    change(&mut writer);
    let bytes = writer.bytes();
    Tokenizer::from_header(&Header::parse(&bytes, bytes.len() as u64).unwrap())
}

fn tiny() -> Tokenizer {
    tokenizer(|_| ()).unwrap()
}

#[test]
fn each_byte_has_its_character() {
    for (byte, c) in (0u8..=255).zip(alphabet()) {
        assert_eq!(
            bytes::decode(&c.to_string()).as_deref(),
            Some(&[byte][..]),
            "{c:?}"
        );
    }
    assert_eq!(bytes::decode("a b"), None);
}

#[test]
fn merges_go_by_rank_not_from_the_left() {
    let t = tiny();
    let spelled = |text: &str| -> Vec<String> {
        t.encode(text, Specials::Text)
            .into_iter()
            .map(|id| t.token_text(id))
            .collect()
    };
    assert_eq!(spelled("the other"), ["t", "he", " ", "o", "t", "he", "r"]);
    assert_eq!(spelled(" the thing"), [" the", " t", "h", "ing"]);
}

#[test]
fn special_tokens_are_parsed_only_where_asked() {
    let t = tiny();
    let text = "a<|im_end|>b<|im_end";
    let parsed = t.encode(text, Specials::Parse);
    assert_eq!(parsed.iter().filter(|&&id| id == 2).count(), 1);
    assert!(
        t.encode(text, Specials::Text)
            .iter()
            .all(|&id| !t.is_control(id))
    );
    assert_eq!(t.decode(&t.encode(text, Specials::Text)), text);
    assert_eq!(t.decode(&parsed), "ab<|im_end");
    assert_eq!(t.special(SPECIALS[1]), Some(1));
    assert!(t.is_end(0) && !t.is_end(1) && t.is_end(2));
}

#[test]
fn a_begin_token_is_added_where_the_file_says_so() {
    let t = tokenizer(|w| {
        w.set(
            "tokenizer.ggml.add_bos_token",
            crate::gguf::Value::Bool(true),
        )
    });
    let t = t.unwrap();
    assert_eq!(t.begin(), Some(1));
    assert_eq!(t.encode("", Specials::Text), [1]);
    assert!(tiny().encode("", Specials::Text).is_empty());
}

#[test]
fn an_unknown_token_is_named() {
    let t = tiny();
    assert!(t.check(&[0, 5]).is_ok());
    let error = t.check(&[0, 100_000]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "token 100000 is not in the vocabulary of 279"
    );
    assert_eq!(t.bytes(100_000), b"");
}

#[test]
fn a_stream_holds_back_half_a_character_and_replaces_rubbish() {
    let mut stream = Detokenizer::new();
    let smile = "🙂".as_bytes();
    assert_eq!(stream.push(&smile[..3]), "");
    assert_eq!(stream.held().len(), 3);
    assert_eq!(stream.push(&[smile[3], b'x']), "🙂x");
    assert_eq!(stream.push(&[0xff, b'y', 0xf0]), "\u{fffd}y");
    assert_eq!(stream.push(b"z"), "\u{fffd}z");
    assert_eq!(stream.push(&smile[..2]), "");
    assert_eq!(
        (stream.finish().as_str(), stream.finish().as_str()),
        ("\u{fffd}", "")
    );
}

proptest! {
    #[test]
    fn any_text_comes_back(text in "\\PC*|[ \\r\\n\\t<|im_end>a1é]*") {
        let t = tiny();
        let ids = t.encode(&text, Specials::Text);
        prop_assert_eq!(t.decode(&ids), text);
    }

    #[test]
    fn cut_bytes_give_what_whole_bytes_give(bytes in prop::collection::vec(any::<u8>(), 0..40), cut in 1usize..5) {
        let mut stream = Detokenizer::new();
        let mut got: String = bytes.chunks(cut).map(|b| stream.push(b)).collect();
        got.push_str(&stream.finish());
        prop_assert_eq!(got, String::from_utf8_lossy(&bytes));
    }
}
