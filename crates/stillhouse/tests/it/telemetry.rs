//! Traces as a receiver gets them, by its own definition of the format; and a log at its most
//! talkative, which must not hold what is nobody's business.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use prost::Message;

use crate::still::{Still, until};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A receiver on loopback: what was posted to it, with its head.
fn receiver(status: &'static str) -> (u16, mpsc::Receiver<(String, ExportTraceServiceRequest)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || take(stream, status, &sender));
        }
    });
    (port, received)
}

fn take(
    mut stream: TcpStream,
    status: &str,
    sender: &mpsc::Sender<(String, ExportTraceServiceRequest)>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head += &line;
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        let _ = sender.send((head, request));
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
    scopes.flat_map(|scope| scope.spans.clone()).collect()
}

fn attribute(span: &Span, key: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|one| one.key == key)?;
    found.value.clone()?.value
}

fn text(span: &Span, key: &str) -> Option<String> {
    match attribute(span, key)? {
        Value::StringValue(text) => Some(text),
        other => panic!("{key} is {other:?}"),
    }
}

/// Asks with further header lines.
fn ask(still: &Still, secret: &str, more: &str, prompt: &str) -> String {
    let body = format!(
        "{{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}]}}"
    );
    let mut stream = TcpStream::connect(("127.0.0.1", still.port)).unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n\
         connection: close\r\n{more}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn traces_reach_a_receiver_as_it_understands_them() {
    let (port, received) = receiver("200 OK");
    let still = Still::new();
    let secret_file = still.data.path().join("otlp");
    std::fs::write(&secret_file, "Bearer otlp-secret\n").unwrap();
    let telemetry = format!(
        "[telemetry]\notlp_url = \"http://127.0.0.1:{port}/\"\nservice_name = \"house\"\n\
         otlp_authorization = {{ file = \"{}\" }}\n",
        secret_file.display()
    );
    still.write_settings(&telemetry, "upstream_model = \"inner\"");
    let server = still.serve();
    let secret = still.account();
    let more = format!("traceparent: {PARENT}\r\n");
    assert!(ask(&still, &secret, &more, "a prompt").contains(" 200 OK"));
    let unsampled = more.replace("-01\r", "-00\r");
    assert!(ask(&still, &secret, &unsampled, "a prompt").contains(" 200 OK"));
    assert!(ask(&still, "sk-sh-nobody", "", "a prompt").contains(" 401 "));
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    let all: Vec<_> = received.try_iter().collect();
    assert!(!all.is_empty(), "sent at the latest when the server stops");
    let (head, request) = &all[0];
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("content-type: application/x-protobuf"),
        "{head}"
    );
    assert!(head.contains("authorization: Bearer otlp-secret"), "{head}");
    let resource = request.resource_spans[0].resource.clone().unwrap();
    assert_eq!(resource.attributes[0].key, "service.name");
    let spans: Vec<Span> = all.iter().flat_map(|(_, request)| spans(request)).collect();
    assert_eq!(spans.len(), 3, "two of the exchange, one of the refusal");
    whole_exchange(&spans[0], &spans[1]);
    let refusal = &spans[2];
    assert_eq!(
        text(refusal, "error.type").as_deref(),
        Some("invalid_api_key")
    );
    assert!(refusal.parent_span_id.is_empty());
    assert_ne!(refusal.trace_id, spans[0].trace_id);
    let written = format!("{all:?}");
    for never in ["a prompt", "hello", &secret, "sk-sh-", "otlp-secret\""] {
        assert!(!written.contains(never), "{never} is in {written}");
    }
}

fn whole_exchange(server: &Span, client: &Span) {
    assert_eq!(hex(&server.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&server.parent_span_id), "b7ad6b7169203331");
    assert_eq!(server.kind, SpanKind::Server as i32);
    assert_eq!(server.name, "POST /v1/chat/completions");
    assert_eq!(client.kind, SpanKind::Client as i32);
    assert_eq!(client.trace_id, server.trace_id);
    assert_eq!(client.parent_span_id, server.span_id);
    assert_eq!(client.name, "chat inner");
    assert!(server.start_time_unix_nano <= client.start_time_unix_nano);
    assert!(client.start_time_unix_nano <= client.end_time_unix_nano);
    assert!(client.end_time_unix_nano <= server.end_time_unix_nano);
    for (key, expected) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "inner"),
        ("gen_ai.response.model", "m"),
        ("server.address", "127.0.0.1"),
    ] {
        assert_eq!(text(client, key).as_deref(), Some(expected), "{key}");
    }
    assert_eq!(text(server, "gen_ai.request.model").as_deref(), Some("m"));
    assert_eq!(
        attribute(client, "gen_ai.usage.input_tokens"),
        Some(Value::IntValue(7))
    );
    assert_eq!(
        attribute(client, "gen_ai.usage.output_tokens"),
        Some(Value::IntValue(2))
    );
    let Some(Value::ArrayValue(reasons)) = attribute(client, "gen_ai.response.finish_reasons")
    else {
        panic!("{client:?}");
    };
    assert_eq!(
        reasons.values[0].value,
        Some(Value::StringValue("stop".into()))
    );
    assert_eq!(text(client, "error.type"), None);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_receiver_that_is_away_or_refuses_holds_nobody_up() {
    let (port, _received) = receiver("400 Bad Request");
    let still = Still::new();
    for url in [
        format!("http://127.0.0.1:{port}"),
        "http://127.0.0.1:1".to_owned(),
    ] {
        let telemetry = format!("[telemetry]\notlp_url = \"{url}\"\ntrace_queue_spans = 1\n");
        still.write_settings(&telemetry, "");
        let server = still.serve();
        let secret = still.json(&["key", "list"]);
        let secret = match secret["total"].as_u64() {
            Some(0) | None => still.account(),
            Some(_) => {
                let made = still.json(&["key", "create", "--account", "web"]);
                made["secret"].as_str().unwrap().to_owned()
            }
        };
        for _ in 0..5 {
            assert!(ask(&still, &secret, "", "hi").contains(" 200 OK"));
        }
        server.signal("-TERM");
        assert_eq!(server.ended(), Some(0));
    }
}

#[test]
fn settings_of_telemetry_that_cannot_be_are_named() {
    let still = Still::new();
    for (line, what) in [
        ("trace_ratio = 1.5", "telemetry.trace_ratio"),
        ("otlp_url = \"ftp://x\"", "telemetry.otlp_url"),
        ("otlp_url = \"localhost:4318\"", "telemetry.otlp_url"),
        ("trace_queue_spans = 0", "telemetry.trace_queue_spans"),
        ("tracing = true", "unknown key"),
    ] {
        still.write_settings(&format!("[telemetry]\n{line}\n"), "");
        let said = still.say(&["config", "check"]);
        assert_eq!(said.code, 2, "{line}: {}", said.err);
        assert!(said.err.contains(what), "{line}: {}", said.err);
    }
}

#[test]
fn the_log_holds_no_secret_and_no_text_even_at_trace_level() {
    let still = Still::new();
    let upstream_secret = "upstream-s3cret-value";
    let secret_file = still.data.path().join("secret");
    std::fs::write(&secret_file, upstream_secret).unwrap();
    let log = "[log]\nformat = \"json\"\nfilter = \"trace\"\n[telemetry]\nmetrics = true\n";
    still.write_settings(log, "");
    add_upstream_secret(&still, &secret_file);
    let server = still.serve();
    let secret = still.account();
    let grant = still.json(&[
        "grant",
        "issue",
        "--account",
        "web",
        "--teacher",
        "m",
        "--purpose",
        "a test",
        "--tier",
        "score",
        "--budget-tokens",
        "100000",
        "--expires",
        "1h",
    ]);
    let token = grant["token"].as_str().unwrap().to_owned();
    let prompt = "the-quick-brown-prompt";
    assert!(ask(&still, &secret, "", prompt).contains(" 200 OK"));
    assert!(ask(&still, &token, "", prompt).contains(" 200 OK"));
    assert!(ask(&still, "sk-sh-wrong-s3cret", "", prompt).contains(" 401 "));
    put_into_the_path(&still, &token);
    until("both exchanges are in the log", || {
        server
            .read_log()
            .matches("\"message\":\"exchange\"")
            .count()
            == 2
    });
    server.signal("-TERM");
    let path = server.log.clone();
    assert_eq!(server.ended(), Some(0));
    let log = std::fs::read_to_string(path).unwrap();
    assert!(
        log.contains("\"TRACE\""),
        "the log is at its most talkative"
    );
    for line in log.lines() {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "{line}");
        for never in [
            &secret,
            &token,
            upstream_secret,
            prompt,
            "wrong-s3cret",
            "hello",
        ] {
            assert!(!line.contains(never), "{never} is in {line}");
        }
    }
}

/// Lets the model's server ask for a credential.
fn add_upstream_secret(still: &Still, secret: &Path) {
    let path = still.data.path().join("stillhouse.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let kind = "kind = \"openai\"\n";
    let with = format!("{kind}secret = {{ file = \"{}\" }}\n", secret.display());
    std::fs::write(&path, settings.replacen(kind, &with, 1)).unwrap();
}

/// A token in a path that leads nowhere.
fn put_into_the_path(still: &Still, token: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", still.port)).unwrap();
    let head =
        format!("GET /g/{token}/v1/nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 404 "), "{answer}");
}
