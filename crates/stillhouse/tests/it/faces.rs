//! The faces of the verbs: command line, admin API and pages have the same verbs, with the same
//! fields. (Which leaves the command line has beside is a unit test of the tree itself.)

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use operations::{VERBS, Verb};
use serde_json::Value;

use crate::still::{Still, until};

/// A house with two of everything, and a browser that its admin has signed in with.
struct House {
    still: Still,
    _server: crate::still::Server,
    port: u16,
    cookie: String,
}

impl House {
    fn new() -> Self {
        // A run, whose models are in settings that are then written over.
        let (still, file) = crate::distill::house();
        run_that_is_over(&still, &file);
        let planned = still.say(&["distill", "plan", &file]);
        assert!([0, 3].contains(&planned.code), "{}", planned.err);
        still.write_settings("[plans.default]\n", "");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let port = port.unwrap().port();
        let settings = still.data.path().join("stillhouse.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        let open = format!("[operator]\nlisten = [\"127.0.0.1:{port}\"]");
        let text = text.replace("[operator]\nlisten = []", &open);
        std::fs::write(&settings, text).unwrap();
        let server = still.serve();
        let mut house = Self {
            still,
            _server: server,
            port,
            cookie: String::new(),
        };
        house.sign_in();
        house.fill();
        house
    }

    fn sign_in(&mut self) {
        let made = self
            .still
            .json(&["operator", "create", "root", "--role", "admin"]);
        let secret = made["invitation"].as_str().unwrap();
        let form = format!("secret={secret}&password=correct+horse+battery");
        let head = format!(
            "POST /invitation HTTP/1.1\r\nsec-fetch-site: same-origin\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            form.len()
        );
        let (status, head, _) = self.send(&head, &form);
        assert_eq!(status, 303, "{head}");
        let set = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        self.cookie = set.unwrap().split(';').next().unwrap().to_owned();
    }

    fn fill(&self) {
        let still = &self.still;
        let secret = still.account();
        still.good(&["organization", "create", "Zeta"]);
        still.good(&["account", "create", "two", "--organization", "Zeta"]);
        still.good(&["key", "create", "--account", "two"]);
        for _ in 0..2 {
            still.good(&[
                "grant",
                "issue",
                "--account",
                "web",
                "--teachers",
                "m",
                "--purpose",
                "a student",
                "--tier",
                "score",
                "--budget-dollars",
                "1",
                "--expires",
                "30d",
            ]);
            still.good(&["token", "create", "--operator", "root", "--name", "scripts"]);
            self.ask(&secret);
        }
    }

    /// Asks the model, and has it kept.
    fn ask(&self, secret: &str) {
        let body = r#"{"model":"m","max_tokens":9,"store":true,"messages":[{"role":"user","content":"hi"}]}"#;
        let mut stream = TcpStream::connect(("127.0.0.1", self.still.port)).unwrap();
        let text = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 OK"), "{answer}");
    }

    /// Status, head and body of what the operator's port says.
    fn send(&self, head: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let (port, cookie) = (self.port, &self.cookie);
        let text = format!(
            "{head}host: 127.0.0.1:{port}\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.send(&format!("GET {path} HTTP/1.1\r\n"), "");
        (status, body)
    }

    /// What stands for one thing in the address of a verb's page.
    fn thing(&self, verb: &Verb) -> String {
        let first = |noun: &str, of: &str, field: &str| {
            let listed = self.still.json(&[noun, "list"]);
            match &listed[of][0][field] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }
        };
        match verb.noun {
            "ledger" => first("account", "accounts", "id"),
            "distill" => first("distill", "runs", "id"),
            "exchange" => first("exchange", "exchanges", "seq"),
            "model" | "upstream" | "plan" => first(verb.noun, &format!("{}s", verb.noun), "name"),
            // Root can't be revoked, being the last admin; the page is there all the same.
            noun => first(noun, &format!("{noun}s"), "id"),
        }
    }
}

/// Makes a run that was cancelled, and leaves what a kill leaves inside a checkpoint's write: files
/// that can go.
fn run_that_is_over(still: &Still, file: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let other = file.replace("run.toml", "over.toml");
    let named = text.replace("name = \"tiny\"", "name = \"over\"");
    std::fs::write(&other, named).unwrap();
    let planned = still.say(&["distill", "plan", &other]);
    assert!([0, 3].contains(&planned.code), "{}", planned.err);
    let run = still.json(&["distill", "cancel", "over"])["run"].clone();
    let checkpoints = still.runs().join(run.as_str().unwrap()).join("checkpoints");
    let half = checkpoints.join(".on_policy-000002.part");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("weights"), [0; 99]).unwrap();
}

/// One test for all three, so that no verb counts that lacks one of them.
#[test]
fn every_verb_has_three_faces() {
    let house = House::new();
    until("both exchanges are recorded", || {
        let listed = house.still.json(&["exchange", "list"]);
        listed["exchanges"].as_array().unwrap().len() == 2
    });
    let (status, text) = house.get("/api/v1/openapi.json");
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut wrong = Vec::new();
    let mut fields = 0;
    for verb in VERBS.iter() {
        wrong.extend(on_the_command_line(&house.still, verb));
        wrong.extend(in_the_api(&document, verb));
        wrong.extend(on_its_page(&house, verb));
        fields += (verb.fields)().len();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(
        "{} verbs with {fields} fields, each on the command line, in the admin API and on a page",
        VERBS.len()
    );
}

/// The names of a verb's fields; those inside of others have a point: `limits.concurrency`.
fn names(verb: &Verb) -> Vec<String> {
    let schema = (verb.input)().to_value();
    let inner = |field: &&'static str| {
        let property = &schema["properties"][field];
        match property["properties"].as_object() {
            None => vec![(*field).to_owned()],
            Some(inner) => inner.keys().map(|name| format!("{field}.{name}")).collect(),
        }
    };
    (verb.fields)().iter().flat_map(inner).collect()
}

fn on_the_command_line(still: &Still, verb: &Verb) -> Vec<String> {
    let help = still.good(&[verb.noun, verb.verb, "--help"]);
    let lacks = |name: &String| {
        let name = name.rsplit('.').next().unwrap_or(name);
        let long = name.replace('_', "-");
        let ways = [
            format!("--{long} "),
            format!("--{long}\n"),
            // A switch that takes what is there away.
            format!("-{long} "),
            format!("<{name}>"),
            format!("[{name}]"),
            format!("<{}>", name.to_uppercase()),
        ];
        !ways.iter().any(|way| help.contains(way))
    };
    let lacking = names(verb).into_iter().filter(lacks);
    let said = |name| format!("command line: {} {} lacks `{name}`", verb.noun, verb.verb);
    lacking.map(said).collect()
}

fn in_the_api(document: &Value, verb: &Verb) -> Vec<String> {
    let operation = &document["paths"][verb.path][verb.method.to_lowercase()];
    if operation["summary"] != verb.summary {
        return vec![format!("admin API: {} {} is missing", verb.noun, verb.verb)];
    }
    let parameters = operation["parameters"].as_array().unwrap();
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let lacks = |name: &String| {
        let (outer, inner) = name.split_once('.').unwrap_or((name, ""));
        let as_parameter = parameters.iter().any(|one| one["name"] == outer);
        let in_body = &body["properties"][outer];
        let is_whole = inner.is_empty() || !in_body["properties"][inner].is_null();
        !as_parameter && (in_body.is_null() || !is_whole)
    };
    let lacking = names(verb).into_iter().filter(lacks);
    let said = |name| format!("admin API: {} {} lacks `{name}`", verb.noun, verb.verb);
    lacking.map(said).collect()
}

fn on_its_page(house: &House, verb: &Verb) -> Vec<String> {
    let Some(page) = console::page_of(verb) else {
        return vec![format!("pages: {} {} has none", verb.noun, verb.verb)];
    };
    let mut address = page.to_owned();
    if page.contains("{}") {
        address = address.replace("{}", &house.thing(verb));
    }
    let (status, html) = house.get(&address);
    if status != 200 {
        return vec![format!("pages: {address} says {status}")];
    }
    let in_path: Vec<&str> = match verb.method {
        "GET" => verb.path_fields().collect(),
        _ => vec![],
    };
    // What goes on with a long list is offered where a list is long; here the page must take it,
    // and say that this is none.
    let goes_on = || house.get(&format!("{address}?after=nothing")).0 == 400;
    let offers = |name: &String| {
        in_path.contains(&name.as_str())
            || html.contains(&format!("name=\"{name}\""))
            || html.contains(&format!("{name}="))
            || (name == "after" && goes_on())
    };
    let lacking = names(verb).into_iter().filter(|name| !offers(name));
    let said = |name| {
        format!(
            "pages: {address} lacks `{name}` of {} {}",
            verb.noun, verb.verb
        )
    };
    lacking.map(said).collect()
}

/// Without the operator's port nobody could open a link.
#[test]
fn no_link_leads_to_a_port_that_is_off() {
    let still = Still::new();
    let mut child = still
        .command(&["serve", "--workers", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("the server answers", || {
        TcpStream::connect(("127.0.0.1", still.port)).is_ok()
    });
    child.kill().unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8(out).unwrap(), "");
}
