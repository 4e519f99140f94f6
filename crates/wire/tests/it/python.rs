//! What we read of a body is what Python's `json` reads of it, or the body is refused.

use std::io::Write;
use std::process::{Command, Stdio};

use bytes::Bytes;
use record::Endpoint;
use serde_json::Value;
use wire::Policy;

use crate::generate::{Random, body};

/// Reads bodies, one a line as a JSON string, and prints what Python reads, one a line.
const READER: &str = r#"
import json, sys

class Twice(Exception):
    pass

def pairs(items):
    seen = dict(items)
    if len(seen) != len(items):
        raise Twice
    return seen

for line in sys.stdin:
    text = json.loads(line)
    out = {"json": True, "twice": False}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        print('{"json": false}')
        continue
    try:
        json.loads(text, object_pairs_hook=pairs)
    except Twice:
        out["twice"] = True
    if not isinstance(value, dict):
        print('{"json": false}')
        continue
    def integer(name):
        number = value.get(name)
        return number if type(number) is int else None
    limits = [integer(n) for n in ("max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict")]
    limits = [l for l in limits if l is not None]
    options = value.get("stream_options")
    out.update(
        model=value.get("model"),
        stream=value.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=max(limits) if limits else None,
        n=integer("n") or 1,
        best_of=integer("best_of"),
        echo=value.get("echo") is True,
        store=value.get("store") is True,
        user=value.get("user"),
        previous_response_id=value.get("previous_response_id"),
        tools=bool(value.get("tools")),
        logit_bias=bool(value.get("logit_bias")),
        prompt_logprobs=integer("prompt_logprobs"),
    )
    # Half a surrogate pair is no text, NaN no number; we refuse both, and so does serde_json.
    try:
        json.dumps(out, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        print('{"json": false}')
        continue
    print(json.dumps(out))
"#;

fn python(bodies: &[String]) -> Vec<Value> {
    let mut child = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<String> = bodies
        .iter()
        .map(|body| Value::from(&**body).to_string())
        .collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What we read, in the same shape.
fn ours(policy: &Policy) -> Value {
    serde_json::json!({
        "json": true,
        "twice": false,
        "model": policy.model,
        "stream": policy.stream,
        "include_usage": policy.include_usage,
        "max_tokens": policy.max_tokens,
        "n": policy.n,
        "best_of": policy.best_of,
        "echo": policy.echo,
        "store": policy.store,
        "user": policy.user,
        "previous_response_id": policy.previous_response_id,
        "tools": policy.tools,
        "logit_bias": policy.logit_bias,
        "prompt_logprobs": policy.prompt_logprobs,
    })
}

#[test]
fn we_read_what_python_reads() {
    let total = crate::cases(3_000, 300_000);
    let mut random = Random::new(41);
    let (mut read, mut refused) = (0u64, 0u64);
    for _ in 0..total / 3_000 {
        let bodies: Vec<String> = (0..3_000u32)
            .map(|number| body(&mut random, number % 4 != 0))
            .collect();
        let answers = python(&bodies);
        assert_eq!(answers.len(), bodies.len());
        for (text, mut theirs) in bodies.iter().zip(answers) {
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            match Policy::read(&Endpoint::Chat, &bytes) {
                Ok(policy) => {
                    read += 1;
                    let mut ours = ours(&policy);
                    if policy.echo && policy.logprobs.is_some() {
                        // Ours adds what `echo` asks for.
                        ours["prompt_logprobs"].take();
                        theirs["prompt_logprobs"].take();
                    }
                    assert_eq!(ours, theirs, "{text}");
                }
                Err(error) => {
                    refused += 1;
                    let code = error.code.as_deref().unwrap_or_default();
                    match code {
                        // Or something worse comes after it.
                        "duplicate_key" => {
                            let worse = theirs["json"] == false;
                            assert!(worse || theirs["twice"] == true, "{text}");
                        }
                        // We refuse more than Python does (NaN, 1e400), never less.
                        "invalid_json" => {}
                        _ => assert!(error.param.is_some(), "{text}"),
                    }
                }
            }
        }
    }
    // The test means something only if it saw plenty of both.
    assert!(
        read > total / 5 && refused > total / 5,
        "{read} read, {refused} refused"
    );
}

#[test]
fn we_read_what_serde_reads() {
    let mut random = Random::new(42);
    for number in 0..crate::cases(20_000, 1_000_000) {
        let text = body(&mut random, number % 2 == 0);
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        // On a listed path only the syntax can be refused.
        let ours = Policy::read(&Endpoint::Listed("/x".into()), &bytes);
        let theirs = serde_json::from_str::<Value>(&text);
        match (&ours, &theirs) {
            (Ok(policy), Ok(value)) => {
                if let Some(model) = value["model"].as_str() {
                    assert_eq!(policy.model, model, "{text}");
                }
                assert_eq!(policy.stream, value["stream"] == true, "{text}");
            }
            (Err(error), Ok(_)) => {
                let code = error.code.as_deref();
                let deep = error.message.contains("levels");
                assert!(code == Some("duplicate_key") || deep, "{error}: {text}");
            }
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => panic!("we read what serde_json does not ({error}): {text}"),
        }
    }
}
