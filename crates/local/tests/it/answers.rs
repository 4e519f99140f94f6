//! What shapes an answer: seeds, stop texts, limits, bias.

use serde_json::{Value, json};

use crate::house::{chat, complete, gathered, message, start, stream};
use record::Endpoint;

fn text(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap()
}

#[tokio::test]
async fn a_seed_decides() {
    let local = start();
    let body = |seed: i64| {
        let mut body = message("seed");
        body["temperature"] = 1.into();
        body["seed"] = seed.into();
        body
    };
    let one = chat(&local, body(-4)).await;
    assert_eq!(one["choices"], chat(&local, body(-4)).await["choices"]);
    assert_ne!(one["choices"], chat(&local, body(5)).await["choices"]);
    let mut without = body(0);
    without.as_object_mut().unwrap().remove("seed");
    let first = chat(&local, without.clone()).await;
    assert_ne!(
        first["choices"],
        chat(&local, without).await["choices"],
        "seeds are drawn"
    );
}

#[tokio::test]
async fn several_answers_differ_and_the_first_is_the_only_one() {
    let local = start();
    let mut body = message("several");
    body["temperature"] = 1.into();
    body["seed"] = 11.into();
    let one = chat(&local, body.clone()).await;
    body["n"] = 9.into();
    let many = chat(&local, body.clone()).await;
    let choices = many["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 9, "more than there are slots");
    assert_eq!(choices[0], one["choices"][0]);
    let distinct: std::collections::BTreeSet<_> = choices
        .iter()
        .map(|c| c["message"]["content"].as_str().unwrap())
        .collect();
    assert!(distinct.len() > 6);
    assert_eq!(
        many["usage"]["prompt_tokens"],
        one["usage"]["prompt_tokens"]
    );
    body["temperature"] = 0.into();
    let greedy = chat(&local, body).await;
    for choice in greedy["choices"].as_array().unwrap() {
        assert_eq!(choice["message"], greedy["choices"][0]["message"]);
    }
}

#[tokio::test]
async fn a_stop_text_ends_the_answer_before_it() {
    let local = start();
    let mut body = message("stop");
    body["max_tokens"] = 60.into();
    body["logprobs"] = true.into();
    let whole = chat(&local, body.clone()).await;
    let whole = text(&whole);
    let characters: Vec<char> = whole.chars().collect();
    assert!(characters.len() > 12);
    for at in [0, 1, 5, 8] {
        let stop: String = characters[at..at + 3].iter().collect();
        let expected = &whole[..whole.find(&stop).unwrap()];
        body["stop"] = json!(["never comes", stop]);
        let answer = chat(&local, body.clone()).await;
        assert_eq!(text(&answer), expected);
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!(answer["choices"][0]["stop_reason"], stop);
        let events = stream(&local, Endpoint::Chat, body.clone()).await;
        let (streamed, tokens, finish) = gathered(&events, 0, "content");
        assert_eq!(streamed, expected);
        assert_eq!(finish, "stop");
        assert_eq!(
            answer["choices"][0]["logprobs"]["content"],
            Value::Array(tokens)
        );
    }
}

#[tokio::test]
async fn a_limit_ends_the_answer() {
    let local = start();
    let body = json!({
        "model": "tiny", "prompt": "a", "temperature": 0, "logit_bias": {"0": -100, "2": -100},
    });
    let answer = complete(&local, body.clone()).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(
        answer["usage"]["completion_tokens"], 16,
        "the API's own limit"
    );
    let mut chatted = message("a");
    chatted["logit_bias"] = body["logit_bias"].clone();
    chatted.as_object_mut().unwrap().remove("max_tokens");
    let answer = chat(&local, chatted.clone()).await;
    assert_eq!(answer["usage"]["completion_tokens"], 64, "the setting");
    let long = "the ".repeat(480);
    chatted["messages"][0]["content"] = long.trim_end().into();
    let answer = chat(&local, chatted).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(
        answer["usage"]["total_tokens"],
        lm::testing::CONTEXT,
        "what is left"
    );
}

#[tokio::test]
async fn a_bias_is_obeyed() {
    let local = start();
    let token = local.model().tokenizer().encode("!", lm::Specials::Text)[0];
    let body = json!({
        "model": "tiny", "prompt": "a", "logit_bias": {token.to_string(): 100}, "max_tokens": 5,
    });
    let answer = complete(&local, body).await;
    assert_eq!(answer["choices"][0]["text"], "!!!!!");
}

#[tokio::test]
async fn an_end_token_ends_the_answer_and_is_not_shown() {
    let local = start();
    let body = json!({
        "model": "tiny", "prompt": "a", "logit_bias": {"2": 100}, "max_tokens": 5, "logprobs": 0,
    });
    let answer = complete(&local, body).await;
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["text"], &choice["finish_reason"]),
        (&json!(""), &json!("stop"))
    );
    assert_eq!(choice["logprobs"]["tokens"], json!(["<|im_end|>"]));
    assert_eq!(answer["usage"]["completion_tokens"], 1);
    let mut body = message("a");
    body["logit_bias"] = json!({"2": 100});
    body["logprobs"] = true.into();
    let answer = chat(&local, body).await;
    assert_eq!(text(&answer), "");
    assert_eq!(answer["choices"][0]["logprobs"]["content"], json!([]));
}
