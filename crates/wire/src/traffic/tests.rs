use record::{PlanKind, Program};

use super::*;

const WHOLE: &str = r#"{"id":"e1","time":"2026-05-01T00:00:00.250Z","duration_ms":1500,"account":"a","source":{"ip":"192.0.2.1","asn":64500,"network":"hosting","user_agent":"x\/1","header_order":"h","ja4":"t13","accept_language":"de"},"key":"k","seq":9,"cut":true,"endpoint":"/v1/chat/completions","model":"m","request":{"messages":[{"role":"user","content":"hi"}]},"status":200,"response":{"choices":[{"message":{"role":"assistant","content":"ho"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}},"new":[1]}"#;

fn exchange(text: &str) -> Exchange<'_> {
    match line(text) {
        Ok(Line::Exchange(exchange)) => *exchange,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_exchange_is_read_with_all_that_it_says() {
    let read = exchange(WHOLE);
    assert_eq!((read.id.as_ref(), read.account.as_ref()), ("e1", "a"));
    assert_eq!(read.time.rfc3339(), "2026-05-01T00:00:00.250000Z");
    assert_eq!(read.ended().rfc3339(), "2026-05-01T00:00:01.750000Z");
    assert_eq!((read.seq, read.cut, read.status), (Some(9), true, 200));
    assert_eq!(read.source.user_agent, "x/1");
    assert_eq!(read.source.network, Some(Network::Hosting));
    assert_eq!(read.source.ja4.as_deref(), Some("t13"));
    let seen = read.seen(|seen| {
        let texts = |pieces: &[record::Piece<'_>]| pieces[0].text.to_string();
        (
            texts(&seen.request.pieces),
            texts(&seen.answer.pieces),
            seen.request.model.to_string(),
            seen.usage.map(|usage| usage.input),
            seen.source.asn,
        )
    });
    let expected = ("hi".into(), "ho".into(), "m".into(), Some(3), Some(64500));
    assert_eq!(seen, Some(expected));
}

#[test]
fn what_is_not_there_is_absent() {
    let least = r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x","request":{}}"#;
    let read = exchange(least);
    assert_eq!(read.endpoint, Endpoint::Listed("/x".into()));
    assert_eq!(
        (read.id.as_ref(), read.duration_us, read.seq),
        ("", 0, None)
    );
    assert_eq!(read.source, Source::default());
    assert_eq!(
        read.seen(|seen| *seen.answer == SaidAnswer::default()),
        Some(true)
    );
    let digest = r#"{"time":"2026-05-01T00:00:00Z","account":"a","digest":"AQ==","seq":18446744073709551615,"source":null}"#;
    let read = exchange(digest);
    assert_eq!(read.said, Said::Digest("AQ==".into()));
    assert_eq!(read.seq, Some(u64::MAX));
    assert_eq!(read.seen(|_| ()), None);
}

#[test]
fn events_are_read() {
    let text = r#"{"time":"2026-05-01T00:00:00Z","event":"model_released","model":"m2"}"#;
    assert!(matches!(line(text), Ok(Line::Released { model, .. }) if model == "m2"));
    let text = r#"{"time":"2026-05-01T00:00:00Z","event":"account_suspended","account":"a"}"#;
    assert!(matches!(line(text), Ok(Line::Suspended { account, .. }) if account == "a"));
}

#[test]
fn bad_lines_say_what_is_wrong_and_repeat_nothing() {
    let cases = [
        ("", "not_json"),
        ("{", "not_json"),
        ("[]", "not_json"),
        (r#"{"account":"secret"}"#, "no_time"),
        (r#"{"time":"secret","account":"a"}"#, "wrong_value"),
        (r#"{"time":5,"account":"a"}"#, "wrong_value"),
        (r#"{"time":"2026-05-01T00:00:00Z"}"#, "no_account"),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":""}"#,
            "no_account",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":{"secret":1}}"#,
            "wrong_value",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x"}"#,
            "missing_field",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":"a","request":{}}"#,
            "missing_field",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x","request":"secret"}"#,
            "wrong_value",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x","request":{},"response":[]}"#,
            "wrong_value",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x","request":{},"duration_ms":-1}"#,
            "wrong_value",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x","request":{},"duration_ms":18446744073709551615}"#,
            "wrong_value",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x","request":{},"status":"secret"}"#,
            "wrong_value",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x","request":{},"source":"secret"}"#,
            "wrong_value",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","event":"secret"}"#,
            "unknown_event",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","event":"model_released"}"#,
            "missing_field",
        ),
        (
            r#"{"time":"2026-05-01T00:00:00Z","account":"a","endpoint":"/x","request":{}}}"#,
            "not_json",
        ),
    ];
    for (text, reason) in cases {
        let error = line(text).unwrap_err();
        assert_eq!(error.reason(), reason, "{text}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn accounts_are_read() {
    let text = r#"{"id":"a","created":"2026-01-01T00:00:00Z","plan":"team","organization":"o","email_hash":null,"payment_hash":"p","program":"research","country":"DE","declared_use":"evaluation","more":1}"#;
    let read = account(text).unwrap();
    let seen = read.seen();
    assert_eq!(
        (seen.plan, seen.program),
        (Some(PlanKind::Team), Some(Program::Research))
    );
    assert_eq!(
        (seen.organization, seen.payment, seen.email),
        ("o", "p", "")
    );
    let odd = account(r#"{"id":"a","plan":"gold"}"#).unwrap();
    assert_eq!((odd.plan, odd.created), (None, None));
    for (text, reason) in [
        ("nothing", "not_json"),
        ("{}", "missing_field"),
        (r#"{"id":7}"#, "wrong_value"),
        (r#"{"id":"a","created":"yesterday"}"#, "wrong_value"),
    ] {
        assert_eq!(account(text).unwrap_err().reason(), reason, "{text}");
    }
}

#[test]
fn any_part_of_a_line_is_read_or_refused() {
    for end in 0..WHOLE.len() {
        assert!(line(&WHOLE[..end]).is_err());
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn texts_of_strangers_never_panic(text in ".{0,300}", at in 0_usize..WHOLE.len(), odd in ".{1,3}") {
        let _ = line(&text);
        let _ = account(&text);
        let mut spoilt = WHOLE.to_owned();
        if spoilt.is_char_boundary(at) {
            spoilt.insert_str(at, &odd);
        }
        if let Ok(Line::Exchange(exchange)) = line(&spoilt) {
            exchange.seen(|seen| seen.request_bytes);
        }
    }
}
