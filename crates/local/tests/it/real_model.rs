//! The small default model as it is served. Its file comes from `scripts/fetch-model.sh`.

use std::path::PathBuf;
use std::sync::Arc;

use local::{LocalUpstream, Source};
use record::Endpoint;
use serde_json::json;

use crate::house::{chat, complete, gathered, options, stream, tiny};
use crate::schema::valid;

fn path() -> PathBuf {
    let default = || {
        let home = std::env::var_os("HOME").unwrap_or_default();
        PathBuf::from(home).join(".cache/stillhouse/models/smollm2-135m-instruct.gguf")
    };
    let path = std::env::var_os("STILLHOUSE_MODEL").map_or_else(default, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: run scripts/fetch-model.sh, or set STILLHOUSE_MODEL",
        path.display()
    );
    path
}

/// One for all that is asked of it here: loading takes longer than answering.
fn real() -> Arc<LocalUpstream> {
    let mut settings = options(tiny());
    settings.source = Source::File(path());
    settings.threads = 2;
    settings.name = "smollm2".to_owned();
    LocalUpstream::start(settings).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_bound_to_schemas() {
    let local = real();
    let schemas: Vec<(String, serde_json::Value)> =
        serde_json::from_str(include_str!("../../../lm/tests/it/schemas.json")).unwrap();
    assert_eq!(schemas.len(), 20);
    let asked = schemas.into_iter().map(|(ask, schema)| {
        let local = Arc::clone(&local);
        async move {
            let format =
                json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
            let body = json!({
                "model": "smollm2", "temperature": 0.7, "seed": 1, "max_tokens": 160,
                "messages": [{"role": "user", "content": format!("{ask} Answer as JSON.")}],
                "response_format": format,
            });
            (chat(&local, body).await, schema)
        }
    });
    for (answer, schema) in futures_util::future::join_all(asked).await {
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "stop", "{schema}: {choice}");
        let text = choice["message"]["content"].as_str().unwrap();
        let value = serde_json::from_str(text).unwrap();
        assert!(valid(&schema, &schema, &value), "{schema}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_and_scores() {
    let local = real();
    let body = json!({
        "model": "smollm2", "temperature": 0, "max_tokens": 12,
        "messages": [{"role": "user", "content": "What is the capital of France? Answer briefly."}],
    });
    let answer = chat(&local, body.clone()).await;
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("Paris"), "{text}");
    let events = stream(&local, Endpoint::Chat, body).await;
    assert_eq!(gathered(&events, 0, "content").0, text);

    let score = |continuation: &'static str| {
        let local = Arc::clone(&local);
        async move {
            let body = json!({
                "model": "smollm2", "prompt": format!("The capital of France is{continuation}"),
                "max_tokens": 1, "echo": true, "logprobs": 1,
            });
            let answer = complete(&local, body).await;
            let scores = answer["choices"][0]["logprobs"]["token_logprobs"].clone();
            let scores = scores.as_array().unwrap();
            scores[scores.len() - 2].as_f64().unwrap()
        }
    };
    let (paris, banana) = tokio::join!(score(" Paris"), score(" banana"));
    assert!(paris > -1.5 && banana < -8.0, "{paris} {banana}");
}
