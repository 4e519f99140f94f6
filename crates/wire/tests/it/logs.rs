//! Logs of other gateways: a sample of each in its documented form, and whatever else may stand in
//! one. Credentials never come through.

use proptest::prelude::*;
use wire::import::logs::{FORMATS, Format, Options};
use wire::traffic::{Line, LineError};

const SAMPLES: [(Format, &str, &str); 4] = [
    (
        Format::Litellm,
        include_str!("../golden/logs/litellm.jsonl"),
        "logs/litellm.txt",
    ),
    (
        Format::Helicone,
        include_str!("../golden/logs/helicone.jsonl"),
        "logs/helicone.txt",
    ),
    (
        Format::AccessLog,
        include_str!("../golden/logs/access-log.jsonl"),
        "logs/access-log.txt",
    ),
    (
        Format::StoredCompletions,
        include_str!("../golden/logs/stored-completions.jsonl"),
        "logs/stored-completions.txt",
    ),
];

fn all(format: Format, text: &str, options: Options<'_>) -> Vec<Result<String, LineError>> {
    let mut read = Vec::new();
    for line in text.lines() {
        format.read(line, options, &mut |found| {
            read.push(found.map(|line| shown(&line)));
        });
    }
    read
}

fn shown(line: &Line<'_>) -> String {
    let Line::Exchange(exchange) = line else {
        return format!("{line:#?}");
    };
    let seen =
        exchange.seen(|seen| format!("{:#?}\n{:#?}", seen.request.pieces, seen.answer.pieces));
    format!("{exchange:#?}\n{}", seen.unwrap_or_default())
}

#[test]
fn every_log_is_known_and_read() {
    for (format, text, golden) in SAMPLES {
        let mut out = String::new();
        for read in all(format, text, Options::default()) {
            match read {
                Ok(shown) => out.push_str(&shown),
                Err(error) => out.push_str(&format!("{}: {error}", error.reason())),
            }
            out.push_str("\n\n");
        }
        assert!(
            !out.contains("secret") && !out.contains("sk-somebody"),
            "{out}"
        );
        crate::golden::check(golden, out.as_bytes());
        let first = text.lines().next().unwrap();
        assert_eq!(Format::guess(first), Some(format));
    }
    let traffic = r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x","request":{}}"#;
    assert_eq!(Format::guess(traffic), Some(Format::Traffic));
    assert_eq!(Format::guess(r#"{"some":"json"}"#), None);
    assert_eq!(Format::guess("no json"), None);
}

#[test]
fn the_account_may_be_another_field() {
    let text = SAMPLES[1].1;
    let options = Options {
        account: Some("request_properties.tenant"),
    };
    let read = all(Format::Helicone, text, options);
    assert!(read[2].as_ref().is_ok_and(|shown| shown.contains("\"t9\"")));
    assert_eq!(read[0], Err(LineError::Missing("account")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn lines_of_strangers_never_panic(
        which in 0_usize..4,
        at in 0_usize..2000,
        odd in ".{0,4}",
        text in ".{0,200}",
    ) {
        let sample = SAMPLES[which].1;
        let line = sample.lines().next().unwrap();
        let mut at = at % line.len();
        while !line.is_char_boundary(at) {
            at -= 1;
        }
        let spoilt = format!("{}{odd}{}", &line[..at], &line[at..]);
        for format in FORMATS {
            all(format, &spoilt, Options::default());
            all(format, &text, Options { account: Some(&text) });
            let _ = Format::guess(&spoilt);
        }
    }
}
