//! Tokens are counted by who has the tokenizer, or not at all.

use record::Endpoint;
use upstream::{Ask, Error, HttpUpstream, Kind, Settings, Upstream as _};

use crate::peer::{always, chat, json, settings};

fn of(endpoint: Endpoint) -> Ask {
    let mut ask = chat();
    ask.endpoint = endpoint;
    ask
}

#[tokio::test]
async fn anthropic_counts_its_own_bodies() {
    let peer = always(json("200 OK", "", r#"{"input_tokens":42}"#)).await;
    let base = format!("http://{}", peer.address);
    let upstream = HttpUpstream::new(&Settings::new("a", Kind::Anthropic, vec![base])).unwrap();
    assert_eq!(
        upstream.count_tokens(of(Endpoint::CountTokens)).await,
        Ok(Some(42))
    );
    assert_eq!(upstream.count_tokens(of(Endpoint::Chat)).await, Ok(None));
    assert!(peer.requests.lock()[0].starts_with("POST /v1/messages/count_tokens "));
    assert_eq!(peer.asked(), 1);
}

#[tokio::test]
async fn vllm_counts_where_the_settings_say_so() {
    let peer = always(json(
        "200 OK",
        "",
        r#"{"count":7,"max_model_len":8,"tokens":[1]}"#,
    ))
    .await;
    let mut settings = settings(vec![peer.base()]);
    let plain = HttpUpstream::new(&settings).unwrap();
    assert_eq!(plain.count_tokens(of(Endpoint::Chat)).await, Ok(None));
    settings.tokenize = true;
    let counting = HttpUpstream::new(&settings).unwrap();
    assert_eq!(counting.count_tokens(of(Endpoint::Chat)).await, Ok(Some(7)));
    assert!(peer.requests.lock()[0].starts_with("POST /tokenize "));
    assert_eq!(peer.asked(), 1);
}

#[tokio::test]
async fn a_server_without_the_endpoint_is_none_and_other_answers_are_broken() {
    for (answer, none) in [
        (json("404 Not Found", "", "{}"), true),
        (json("500 Oh", "", "{}"), false),
        (json("200 OK", "", "[]"), false),
        (json("200 OK", "", r#"{"count":-1}"#), false),
    ] {
        let peer = always(answer.clone()).await;
        let mut settings = settings(vec![peer.base()]);
        settings.tokenize = true;
        let counted = HttpUpstream::new(&settings)
            .unwrap()
            .count_tokens(of(Endpoint::Chat))
            .await;
        if none {
            assert_eq!(counted, Ok(None));
        } else {
            assert!(
                matches!(counted, Err(Error::Broken { .. })),
                "{answer}: {counted:?}"
            );
        }
    }
}
