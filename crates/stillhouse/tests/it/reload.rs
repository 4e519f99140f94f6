//! Settings that change while the server runs: plans, prices, upstreams and models, without
//! dropping a stream; a wrong file changes nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::still::{Still, read_request, until};

#[test]
fn plans_and_prices_are_taken_over() {
    let still = Still::new();
    let server = still.serve();
    let secret = still.account();
    assert_eq!(still.ask(&secret).0, 200);
    still.write_settings(
        "[plans.default]\nrequests_per_minute = 1\n",
        "output_dollars_per_million_tokens = 7",
    );
    server.signal("-HUP");
    until("the plan is in force", || {
        let plan = still.json(&["plan", "show", "default"]);
        plan["limits"]["requests_per_minute"] == 1
    });
    let models = still.json(&["model", "list"]);
    assert_eq!(
        models["models"][0]["dollars_per_million_tokens"]["output"],
        "7.00"
    );
    assert_eq!(still.ask(&secret).0, 200);
    let (status, body) = still.ask(&secret);
    assert_eq!(status, 429, "{body}");
}

#[test]
fn a_wrong_file_changes_nothing() {
    let still = Still::new();
    let server = still.serve();
    still.write_settings("[plans.default]\nrequests_per_minut = 1\n", "");
    server.signal("-HUP");
    until("the server complains", || {
        server
            .read_log()
            .contains("the settings were not read again")
    });
    let log = server.read_log();
    assert!(log.contains("did you mean `requests_per_minute`"), "{log}");
    // The file is wrong for the command line too; the server still serves.
    let other = still.data.path().join("good.toml");
    std::fs::write(&other, "").unwrap();
    let plan = still.json(&[
        "--config",
        other.to_str().unwrap(),
        "plan",
        "show",
        "default",
    ]);
    assert!(plan["limits"]["requests_per_minute"].is_null());
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
}

/// A model server whose streamed answers begin with `word` and end when the gate is opened.
fn gated_model(word: &'static str) -> (u16, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (open, gate) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream_answer(stream, word, &gate);
        }
    });
    (port, open)
}

fn stream_answer(mut stream: TcpStream, word: &str, gate: &Receiver<()>) {
    if read_request(&stream).is_none() {
        return;
    }
    let event = |delta: &str, rest: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{delta}\"}},\"finish_reason\":{rest}}}]}}\n\n"
        )
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let first = format!("{head}{}", event(word, "null"));
    if stream.write_all(first.as_bytes()).is_err() || gate.recv().is_err() {
        return;
    }
    let last = format!("{}data: [DONE]\n\n", event("end", "\"stop\""));
    let _ = stream.write_all(last.as_bytes());
}

/// Asks for a stream and reads until this word has come.
fn open_stream(still: &Still, secret: &str, word: &str) -> BufReader<TcpStream> {
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut stream = TcpStream::connect(("127.0.0.1", still.port)).unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "no `{word}` came");
    }
    reader
}

fn upstream(name: &str, port: u16) -> String {
    format!("[upstreams.{name}]\nkind = \"openai\"\nservers = [\"http://127.0.0.1:{port}/v1\"]\n")
}

#[test]
fn an_upstream_is_replaced_under_an_open_stream() {
    let still = Still::new();
    let (first, open_first) = gated_model("first");
    let (second, open_second) = gated_model("second");
    let of = |name: &str, port| {
        format!(
            "{}[models.m]\nupstream = \"{name}\"\n",
            upstream(name, port)
        )
    };
    still.write_all_settings(&of("first", first));
    let server = still.serve();
    let secret = still.account();
    let mut old = open_stream(&still, &secret, "first");
    // The first upstream is taken away, the second added, in one go.
    still.write_all_settings(&of("second", second));
    server.signal("-HUP");
    until("the second upstream serves", || {
        still.json(&["model", "list"])["models"][0]["upstream"] == "second"
    });
    let mut new = open_stream(&still, &secret, "second");
    // Both run, each at its own upstream, and the old one is still counted.
    assert_eq!(still.json(&["status"])["in_flight"], 2);
    open_second.send(()).unwrap();
    open_first.send(()).unwrap();
    for stream in [&mut old, &mut new] {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("end") && rest.contains("[DONE]"), "{rest}");
    }
    until("both have ended", || {
        still.json(&["status"])["in_flight"] == 0
    });
    // The same name with another server is another upstream too.
    let (third, _open_third) = gated_model("third");
    still.write_all_settings(&of("second", third));
    server.signal("-HUP");
    until("the reload is done", || {
        server.read_log().matches("are taken over").count() == 2
    });
    drop(open_stream(&still, &secret, "third"));
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    assert_eq!(still.json(&["ledger", "verify"])["sound"], true);
}

#[test]
fn a_secret_that_is_missing_changes_nothing() {
    let still = Still::new();
    let server = still.serve();
    let secret = still.account();
    let new = format!(
        "{}secret = {{ env = \"NO_SUCH_SECRET\" }}\n[models.m]\n",
        upstream("new", 9)
    );
    still.write_all_settings(&new);
    server.signal("-HUP");
    until("the server complains", || {
        server
            .read_log()
            .contains("the settings were not read again")
    });
    let log = server.read_log();
    assert!(log.contains("NO_SUCH_SECRET is not set"), "{log}");
    assert_eq!(still.ask(&secret).0, 200);
    assert_eq!(
        still.json(&["model", "list"])["models"][0]["upstream"],
        "canned"
    );
}

#[test]
fn a_model_in_process_comes_and_goes() {
    let still = Still::new();
    let server = still.serve();
    let file = still.data.path().join("tiny.gguf");
    let bytes = lm::testing::tiny_gguf(lm::Family::Llama, 7);
    std::fs::write(&file, bytes).unwrap();
    let more = format!(
        "[upstreams.own]\nkind = \"local\"\nthreads = 1\nfile = {file:?}\n[models.own]\nupstream = \"own\"\n"
    );
    still.write_settings(&more, "");
    server.signal("-HUP");
    let models = || {
        let listed = still.json(&["model", "list"]);
        let names = listed["models"].as_array().unwrap().iter();
        let names: Vec<String> = names.map(|model| model["name"].to_string()).collect();
        names.join(" ")
    };
    until("the model is loaded", || models() == r#""m" "own""#);
    still.write_settings("", "");
    server.signal("-HUP");
    until("the model is gone", || models() == r#""m""#);
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
}

/// Calls a verb over the local socket, which has all of them.
fn call(still: &Still, route: &str, body: &str) -> String {
    let path = still.data.path().join("stillhouse.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    let length = body.len();
    let request = format!(
        "POST /v1/{route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_model_and_a_server_are_switched_under_an_open_stream() {
    let still = Still::new();
    let (gated, open) = gated_model("gated");
    let settings = format!("{}[models.m]\nupstream = \"u\"\n", upstream("u", gated));
    still.write_all_settings(&settings);
    let server = still.serve();
    let secret = still.account();
    let mut stream = open_stream(&still, &secret, "gated");
    let off = call(
        &still,
        "model/set",
        r#"{"model":"m","on":false,"why":"it rests"}"#,
    );
    assert!(off.starts_with("HTTP/1.1 200"), "{off}");
    // In force at once: the verb's answer came after the switch.
    let (status, body) = still.ask(&secret);
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("model_unavailable"), "{body}");
    // The stream that was open goes on to its end.
    open.send(()).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("[DONE]"), "{rest}");
    // It is kept over a restart.
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    let server = still.serve();
    assert_eq!(still.ask(&secret).0, 503);
    assert!(call(&still, "model/set", r#"{"model":"m","on":true}"#).starts_with("HTTP/1.1 200"));
    drop(open_stream(&still, &secret, "gated"));
    // A server that is off gets nothing new; it was the only one.
    let body = format!(r#"{{"upstream":"u","server":"http://127.0.0.1:{gated}/v1","on":false}}"#);
    let off = call(&still, "upstream/set", &body);
    assert!(off.starts_with("HTTP/1.1 200"), "{off}");
    let (status, body) = still.ask(&secret);
    assert!(
        status == 503 && body.contains("upstream_unavailable"),
        "{status} {body}"
    );
    // And still after a reload that makes nothing new, by the verb.
    let reloaded = call(&still, "server/reload", "{}");
    assert!(reloaded.starts_with("HTTP/1.1 200"), "{reloaded}");
    assert_eq!(still.ask(&secret).0, 503);
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
}
