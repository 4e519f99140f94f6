//! `model pull` from a hub, against a stand-in on loopback: the real hub can't be asked in tests.
//! It answers as Hugging Face's `resolve` route does (range, etag, commit).

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::still::{Still, read_request};

fn stand_in(file: &'static [u8]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let heard = Arc::clone(&heard);
            std::thread::spawn(move || serve(stream, file, &heard));
        }
    });
    (address, asked)
}

fn serve(mut stream: TcpStream, file: &[u8], asked: &Mutex<Vec<String>>) {
    while let Some(head) = read_request(&stream) {
        let line = head.lines().next().unwrap_or_default().to_owned();
        let known = line.contains("/owner/repo/resolve/main/small.gguf");
        asked.lock().unwrap().push(line);
        let range = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let bytes = value.trim().strip_prefix("bytes=")?;
            let (from, to) = bytes.split_once('-')?;
            let last = to.parse().unwrap_or(file.len() - 1).min(file.len() - 1);
            name.eq_ignore_ascii_case("range")
                .then_some((from.parse::<usize>().ok()?, last))
        });
        let (status, part, extra) = match (known, range) {
            (false, _) => ("404 Not Found", &file[..0], String::new()),
            (true, None) => ("200 OK", file, String::new()),
            (true, Some((from, to))) => {
                let content = format!("content-range: bytes {from}-{to}/{}\r\n", file.len());
                ("206 Partial Content", &file[from..=to], content)
            }
        };
        let head = format!(
            "HTTP/1.1 {status}\r\netag: \"e1\"\r\nx-repo-commit: c1\r\n{extra}content-length: {}\r\n\r\n",
            part.len()
        );
        if stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(part))
            .is_err()
        {
            return;
        }
    }
}

#[test]
fn a_model_of_ones_own_choice_is_pulled_listed_and_removed() {
    let still = Still::new();
    let (hub, asked) = stand_in(b"GGUF, or at least its first letters");
    let pull = [
        "model",
        "pull",
        "owner/repo/small.gguf",
        "--endpoint",
        &hub,
        "--name",
        "mine",
    ];
    let pulled = still.json(&pull);
    assert_eq!(pulled["name"], "mine");
    let file = std::fs::read(pulled["file"].as_str().unwrap()).unwrap();
    assert_eq!(file, b"GGUF, or at least its first letters");
    assert!(!asked.lock().unwrap().is_empty());
    assert!(still.good(&["model", "pulled"]).contains("mine"));
    let models = still.data.path().join("models");
    assert_eq!(
        std::fs::read_dir(&models).unwrap().count(),
        1,
        "nothing but the model stays"
    );
    still.good(&["model", "rm", "mine"]);
    assert!(still.good(&["model", "pulled"]).contains("(none)"));
}

#[test]
fn what_is_no_model_or_not_there_is_not_kept() {
    let still = Still::new();
    let (hub, _) = stand_in(b"<html>a page</html>");
    let said = still.say(&["model", "pull", "owner/repo/small.gguf", "--endpoint", &hub]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("is not a GGUF file"), "{}", said.err);
    let said = still.say(&["model", "pull", "owner/repo/other.gguf", "--endpoint", &hub]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("can't be fetched"), "{}", said.err);
    assert!(still.good(&["model", "pulled"]).contains("(none)"));
}
