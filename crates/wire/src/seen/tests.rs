use record::{Form, Parameters};

use super::*;

fn said(pieces: &[Piece<'_>]) -> Vec<(Speaker, Part, u32, String)> {
    let plain = |piece: &Piece<'_>| {
        (
            piece.speaker,
            piece.part,
            piece.turn,
            piece.text.to_string(),
        )
    };
    pieces.iter().map(plain).collect()
}

fn text(speaker: Speaker, turn: u32, text: &str) -> (Speaker, Part, u32, String) {
    (speaker, Part::Text, turn, text.into())
}

#[test]
fn a_chat_is_read_with_its_parameters() {
    let body = br#"{"messages":[{"role":"developer","content":"be brief"},
        {"role":"user","content":[{"type":"text","text":"look \u00e4"},{"type":"image_url","image_url":{"url":"data:"}}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
        {"role":"tool","tool_call_id":"c","content":"4"},{"role":"user","content":[7,{"type":"novel"}]}],
        "model":"m","n":3,"temperature":0.29,"top_p":0.95,"logprobs":true,"top_logprobs":5,"logit_bias":{"1":-100,"2":5},"seed":1,
        "max_tokens":9,"max_completion_tokens":12,"stop":["a"],"stream":true,"reasoning_effort":"low",
        "response_format":{"type":"json_schema","json_schema":{"name":"s"}},"tools":[{"type":"function"}],"new":{"x":[]}}"#;
    let read = request(&Endpoint::Chat, body);
    assert_eq!(
        said(&read.pieces),
        [
            text(Speaker::System, 1, "be brief"),
            text(Speaker::User, 2, "look ä"),
            (Speaker::User, Part::Media, 2, String::new()),
            (Speaker::Assistant, Part::Call, 3, "f".into()),
            (Speaker::Assistant, Part::Call, 3, "{\"a\":1}".into()),
            text(Speaker::Tool, 4, "4"),
        ]
    );
    let parameters = Parameters {
        n: 3,
        max_tokens: Some(12),
        temperature: Some(29),
        top_p: Some(950),
        logprobs: Some(5),
        prompt_logprobs: false,
        logit_bias: 2,
        seed: true,
        stop: true,
        stream: true,
        reasoning: true,
        form: Form::Schema,
        tools: 1,
        prompts: 1,
    };
    assert_eq!(read.parameters, parameters);
    assert_eq!((read.model.as_ref(), read.unread), ("m", 2));
    assert_eq!(read.tools, Some(r#"[{"type":"function"}]"#));
    assert_eq!(read.schema, Some(r#"{"name":"s"}"#));
    assert!(matches!(read.pieces[0].text, Cow::Borrowed(_)), "no copy");
}

#[test]
fn answers_of_chats_are_read_by_choice() {
    let body = br#"{"choices":[{"message":{"role":"assistant","reasoning_content":"hm","content":"one"},"finish_reason":"stop","logprobs":{"content":[]}},
        {"message":{"content":"two"},"finish_reason":"length"},{"message":3}],"usage":{}}"#;
    let read = answer(&Endpoint::Chat, body);
    assert_eq!(
        said(&read.pieces),
        [
            (Speaker::Assistant, Part::Reasoning, 0, "hm".into()),
            text(Speaker::Assistant, 0, "one"),
            text(Speaker::Assistant, 1, "two"),
        ]
    );
    assert_eq!(
        (read.choices, read.full, read.logprobs, read.unread),
        (3, 1, true, 1)
    );
}

#[test]
fn completions_and_embeddings_have_prompts() {
    let read = request(
        &Endpoint::Completions,
        br#"{"prompt":["a",[1,2]],"echo":true,"logprobs":2,"best_of":4}"#,
    );
    assert_eq!(
        said(&read.pieces),
        [
            text(Speaker::User, 1, "a"),
            (Speaker::User, Part::Ids, 2, String::new())
        ]
    );
    let parameters = read.parameters;
    assert_eq!((parameters.prompts, parameters.n), (2, 4));
    assert!(parameters.prompt_logprobs && parameters.logprobs == Some(2));
    let ids = request(&Endpoint::Embeddings, br#"{"input":[1,2,3]}"#);
    assert_eq!((ids.pieces.len(), ids.parameters.prompts), (1, 1));
    let whole = answer(&Endpoint::Completions, br#"{"choices":[{"text":"t"}]}"#);
    assert_eq!(said(&whole.pieces), [text(Speaker::Assistant, 0, "t")]);
    let vectors = answer(&Endpoint::Embeddings, br#"{"data":[{},{"embedding":[1]}]}"#);
    assert_eq!((vectors.choices, vectors.pieces.len()), (2, 0));
}

#[test]
fn responses_and_messages_put_the_system_first() {
    let read = request(
        &Endpoint::Responses,
        br#"{"input":[{"role":"user","content":[{"type":"input_text","text":"x"}]},{"type":"function_call","name":"f","arguments":"{}"},
        {"type":"function_call_output","output":"1"},{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}]},{"type":"item_reference"}],
        "instructions":"y","include":["message.output_text.logprobs"],"text":{"format":{"type":"json_object"}}}"#,
    );
    assert_eq!(
        said(&read.pieces),
        [
            text(Speaker::System, 0, "y"),
            text(Speaker::User, 1, "x"),
            (Speaker::Assistant, Part::Call, 2, "f".into()),
            (Speaker::Assistant, Part::Call, 2, "{}".into()),
            text(Speaker::Tool, 3, "1"),
            (Speaker::Assistant, Part::Reasoning, 4, "s".into()),
        ]
    );
    assert_eq!(read.unread, 1);
    assert_eq!(
        (read.parameters.logprobs, read.parameters.form),
        (Some(0), Form::Json)
    );
    let read = request(
        &Endpoint::Messages,
        br#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"r"}]},{"type":"text","text":"q"}]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"t"},{"type":"tool_use","name":"f","input":{"a":1}}]}],
        "system":[{"type":"text","text":"s"}],"thinking":{"type":"disabled"}}"#,
    );
    assert_eq!(
        said(&read.pieces),
        [
            text(Speaker::System, 0, "s"),
            text(Speaker::Tool, 1, "r"),
            text(Speaker::User, 1, "q"),
            (Speaker::Assistant, Part::Reasoning, 2, "t".into()),
            (Speaker::Assistant, Part::Call, 2, "f".into()),
            (Speaker::Assistant, Part::Call, 2, "{\"a\":1}".into()),
        ]
    );
    assert!(!read.parameters.reasoning);
    let whole = answer(
        &Endpoint::Messages,
        br#"{"content":[{"type":"text","text":"a"}],"stop_reason":"max_tokens"}"#,
    );
    assert_eq!((whole.pieces.len(), whole.full), (1, 1));
    let whole = answer(
        &Endpoint::Responses,
        br#"{"output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}],"status":"completed"}"#,
    );
    assert_eq!(said(&whole.pieces), [text(Speaker::Assistant, 0, "a")]);
}

#[test]
fn what_is_not_known_is_counted() {
    for body in ["", "[]", "{", "\u{0}", "{\"messages\":4}", "{} x"] {
        let read = request(&Endpoint::Chat, body.as_bytes());
        assert_eq!((read.pieces.len(), read.unread), (0, 1), "{body:?}");
    }
    assert_eq!(request(&Endpoint::Chat, b"\xff{}").unread, 1);
    let deep = format!("{{\"messages\":{}", "[".repeat(100_000));
    assert_eq!(request(&Endpoint::Chat, deep.as_bytes()).unread, 1);
    let deep = format!(
        "{{\"messages\":[{}{}]}}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    assert!(request(&Endpoint::Chat, deep.as_bytes()).unread > 0);
}

proptest::proptest! {
    #[test]
    fn bytes_of_strangers_never_panic(place in 0_usize..6, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let endpoints = [Endpoint::Chat, Endpoint::Completions, Endpoint::Responses, Endpoint::Embeddings, Endpoint::Messages, Endpoint::Listed("/x".into())];
        let _ = request(&endpoints[place], &bytes);
        let _ = answer(&endpoints[place], &bytes);
    }
}
