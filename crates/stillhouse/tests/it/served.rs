//! A run whose teacher is served by another house: asked for scores and texts over HTTP under a
//! grant's token, through a wire that can be spoilt. What it bought is what the teacher's house was
//! paid for, to the token, also where the teacher dies, hangs, changes or tells what can't be.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use lm::Family;
use lm::testing::tiny_gguf;

use crate::still::{Said, Server, Still, read_request, until};

/// What becomes of an answer's body on its way. A text that begins as an answer is sent as it is.
type Spoil = Box<dyn FnMut(&str, String) -> Option<String> + Send>;

/// A teacher's house, a wire to it, and a house of the student's.
struct Both {
    teacher: Still,
    server: Option<Server>,
    student: Still,
    grant: String,
    spoil: Arc<Mutex<Spoil>>,
}

fn issue(still: &Still, more: &str) -> serde_json::Value {
    still.good(&["organization", "create", "Acme"]);
    still.good(&["account", "create", "lab", "--organization", "Acme"]);
    let words = format!(
        "grant issue --account lab --teacher teacher --purpose students --tier train \
         --budget-tokens 1000000 --expires 30d {more}"
    );
    still.json(&words.split_whitespace().collect::<Vec<_>>())
}

/// Hands requests on, one a connection, and their answers back as `spoil` leaves them.
fn wire(to: u16, spoil: Arc<Mutex<Spoil>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let spoil = Arc::clone(&spoil);
            std::thread::spawn(move || hand_on(stream, to, &spoil));
        }
    });
    port
}

fn hand_on(mut stream: TcpStream, to: u16, spoil: &Mutex<Spoil>) {
    let Some(request) = read_request(&stream) else {
        return;
    };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)) else {
        return;
    };
    let (first, rest) = request.split_once("\r\n").unwrap();
    let asked = format!("{first}\r\nconnection: close\r\n{rest}");
    server.write_all(asked.as_bytes()).unwrap();
    let mut answer = String::new();
    if server.read_to_string(&mut answer).is_err() {
        return;
    }
    // Its length is another when it is spoilt: the end of the connection ends it.
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let kept = head.split("\r\n").filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("content-length") && !line.starts_with("transfer-encoding")
    });
    let head: Vec<&str> = kept.collect();
    let told = (spoil.lock().unwrap())(first, body.to_owned());
    if let Some(whole) = told.as_ref().filter(|told| told.starts_with("HTTP/1.1 ")) {
        let _ = stream.write_all(whole.as_bytes());
    } else if let Some(body) = told {
        let answer = format!("{}\r\nconnection: close\r\n\r\n{body}", head.join("\r\n"));
        let _ = stream.write_all(answer.as_bytes());
    }
}

impl Both {
    fn new(upstream: &str) -> Self {
        let (teacher, student) = (Still::new(), Still::new());
        let path = teacher.data.path().join("teacher.gguf");
        std::fs::write(&path, tiny_gguf(Family::Llama, 2)).unwrap();
        teacher.write_all_settings(&format!(
            "[upstreams.here]\nkind = \"local\"\nfile = {:?}\nthreads = 1\n\
             [models.teacher]\nupstream = \"here\"\ninput_dollars_per_million_tokens = 1000\n\
             output_dollars_per_million_tokens = 2000\n",
            path.display().to_string()
        ));
        let issued = issue(&teacher, "");
        let spoil: Arc<Mutex<Spoil>> = Arc::new(Mutex::new(Box::new(|_, body| Some(body))));
        let port = wire(teacher.port, Arc::clone(&spoil));
        let token = student.data.path().join("token");
        std::fs::write(&token, issued["token"].as_str().unwrap()).unwrap();
        student.write_all_settings(&format!(
            "[upstreams.elsewhere]\nkind = \"openai\"\nservers = [\"http://127.0.0.1:{port}/v1\"]\n\
             endpoints = [\"chat\", \"completions\", \"score\", \"models\"]\n\
             secret = {{ file = {:?} }}\nretries = 0\n{upstream}\
             [models.teacher]\nupstream = \"elsewhere\"\ninput_dollars_per_million_tokens = 1000\n\
             output_dollars_per_million_tokens = 2000\n\
             [models.coder]\nupstream = \"elsewhere\"\n",
            token.display().to_string()
        ));
        let own = issue(&student, "--teacher coder");
        let server = Some(teacher.serve());
        let both = Self {
            grant: issued["grant"]["id"].as_str().unwrap().to_owned(),
            teacher,
            server,
            student,
            spoil,
        };
        both.write_files(own["grant"]["id"].as_str().unwrap());
        both
    }

    fn write_files(&self, grant: &str) {
        let path = |name: &str| self.student.data.path().join(name);
        std::fs::write(path("student.gguf"), tiny_gguf(Family::Llama, 1)).unwrap();
        for (name, from, to) in [("items.jsonl", 0, 9), ("holdout.jsonl", 20, 26)] {
            let rows =
                (from..to).map(|n| format!("{{\"id\":\"r{n}\",\"text\":\"what is {n}\"}}\n"));
            std::fs::write(path(name), rows.collect::<String>()).unwrap();
        }
        let text = format!(
            "[run]\nname = \"tiny\"\nseed = 5\ngrant = \"{grant}\"\nthreads = 1\n\
             [student]\nmodel = \"student.gguf\"\ntuning = {{ kind = \"lora\", rank = 4, alpha = 8.0 }}\n\
             [teacher]\nname = \"teacher\"\nlicence = \"own\"\nidempotent = true\n\
             [data]\nitems = \"items.jsonl\"\nholdout = \"holdout.jsonl\"\nstudent = \"{{text}}?\"\n\
             [stages.cold_start]\nsteps = 1\n\
             learning = {{ batch = 2, rate = {{ rate = 1e-2 }}, loss = {{ kind = \"cross_entropy\" }} }}\n\
             sampling = {{ max_tokens = 12, stop = [\"e\", \"a\", \"t\"] }}\n\
             [stages.on_policy]\nsteps = 4\ncheckpoint_every = 2\n\
             learning = {{ batch = 2, rows = 128, rate = {{ rate = 1e-2 }}, loss = {{ kind = \"reverse_kl\", support = {{ student = 4 }} }} }}\n\
             sampling = {{ max_tokens = 6 }}\n\
             [evaluate]\nscorer = {{ kind = \"regex\", pattern = \"[aeiou]\" }}\nmax_tokens = 8\n\
             [budget]\ndollars = 100\ntokens = 100000\nmachine_dollars_per_hour = 0.1\n"
        );
        std::fs::write(path("run.toml"), text).unwrap();
    }

    /// Every third row is code, and has a teacher of its own on the student's machine.
    fn route(&self) {
        let path = |name: &str| self.student.data.path().join(name);
        std::fs::write(path("coder.gguf"), tiny_gguf(Family::Llama, 3)).unwrap();
        for name in ["items.jsonl", "holdout.jsonl"] {
            let text = std::fs::read_to_string(path(name)).unwrap();
            let rows = text.lines().enumerate().map(|(number, line)| {
                let domain = if number % 3 == 0 { "code" } else { "prose" };
                line.replace('}', &format!(",\"domain\":\"{domain}\"}}\n"))
            });
            std::fs::write(path(name), rows.collect::<String>()).unwrap();
        }
        let text = std::fs::read_to_string(path("run.toml")).unwrap();
        let teachers = "[[teachers]]\nname = \"coder\"\nmodel = \"coder.gguf\"\nlicence = \"mit\"\n\
                        rows = { field = \"domain\", is = [\"code\"] }\n[data]";
        std::fs::write(path("run.toml"), text.replace("[data]", teachers)).unwrap();
    }

    /// Drives the run until it stands, over advice against it.
    fn drive(&self) -> Said {
        let file = self.student.data.path().join("run.toml");
        let shown = self.student.say(&["distill", "watch", "tiny"]);
        let said = match shown.code {
            0 => self.student.say(&["distill", "resume", "tiny"]),
            _ => self
                .student
                .say(&["distill", "run", file.to_str().unwrap()]),
        };
        match said.code {
            3 => self
                .student
                .say(&["distill", "resume", "tiny", "--why", "a test"]),
            _ => said,
        }
    }

    fn spoil(&self, spoil: impl FnMut(&str, String) -> Option<String> + Send + 'static) {
        *self.spoil.lock().unwrap() = Box::new(spoil);
    }

    fn heal(&self) {
        self.spoil(|_, body| Some(body));
    }

    /// Tokens that the teacher's house was paid for, and the dollars.
    fn sold(&self) -> (u64, f64) {
        let mut sum = serde_json::Value::Null;
        until("the sums are up to date", || {
            let costs = self.teacher.json(&["ledger", "cost"]);
            sum = costs["sum"].clone();
            costs["behind"] == false
        });
        let tokens = |name: &str| sum[name].as_u64().unwrap();
        let all = tokens("input_tokens") + tokens("output_tokens");
        (all, sum["dollars"].as_str().unwrap().parse().unwrap())
    }

    fn run(&self) -> serde_json::Value {
        self.student.json(&["distill", "watch", "tiny"])
    }

    /// Tokens that the run bought.
    fn bought(&self) -> u64 {
        self.run()["row"]["spent_tokens"].as_u64().unwrap()
    }

    /// The run ends well once nothing is in its way, and what it bought is what was sold.
    fn ends(&self) {
        self.heal();
        let said = self.drive();
        assert!([0, 4].contains(&said.code), "{}{}", said.out, said.err);
        assert_eq!(self.bought(), self.sold().0);
    }

    /// The run is paused for a reason, with what it has done.
    fn pauses(&self, says: &str) {
        let said = self.drive();
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        assert!(said.err.contains(says), "{}", said.err);
        assert!(said.err.contains("distill resume"), "{}", said.err);
        assert_eq!(self.run()["row"]["stage"], "paused");
    }
}

#[test]
fn a_served_teacher_writes_scores_and_is_paid_once() {
    let both = Both::new("");
    // Now and then an answer is lost on its way: the same key brings it again, unpaid.
    let mut count = 0;
    both.spoil(move |_, body| {
        count += 1;
        (count % 5 != 3).then_some(body)
    });
    let said = both.drive();
    assert!([0, 4].contains(&said.code), "{}{}", said.out, said.err);
    let (tokens, sold) = both.sold();
    assert_eq!(both.bought(), tokens);
    assert!(tokens > 100, "{tokens}");
    let shown = both.run();
    // The machine's time comes on top.
    let spent: f64 = shown["row"]["spent_dollars"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(0.0 < sold && sold <= spent + 1e-9, "{sold} of {spent}");
    assert!(shown["row"]["teacher_score"].is_object(), "{shown}");
    // Scores, texts of the hold-out and of the collection.
    assert!(shown["bought"].as_u64().unwrap() > 4 + 6 + 9, "{shown}");
    assert_eq!(shown["lost"], 0, "{shown}");
    assert_eq!(both.student.json(&["ledger", "verify"])["sound"], true);
}

#[test]
fn beside_a_teacher_here_the_served_one_is_paid_for_its_own_rows() {
    let both = Both::new("");
    both.route();
    let file = both.student.data.path().join("run.toml");
    let file = file.to_str().unwrap();
    // What can't be is told before anything is made.
    let good = std::fs::read_to_string(file).unwrap();
    for (from, to, says) in [
        (
            ", support = { student = 4 }",
            "",
            "with the teacher `teacher`: a served teacher gives no whole",
        ),
        ("\"code\"]", "\"poems\"]", "`domain` is nowhere poems"),
        (
            "field = \"domain\"",
            "field = \"domian\"",
            "did you mean `domain`?",
        ),
        (
            "name = \"coder\"",
            "name = \"teacher\"",
            "`name` is there twice",
        ),
    ] {
        std::fs::write(file, good.replace(from, to)).unwrap();
        let said = both.student.say(&["distill", "run", file]);
        assert!(said.code != 0 && said.err.contains(says), "{}", said.err);
    }
    std::fs::write(file, good).unwrap();
    let said = both.drive();
    assert!([0, 4].contains(&said.code), "{}{}", said.out, said.err);
    let shown = both.run();
    assert_eq!(shown["row"]["teacher"], "teacher, coder");
    let rows = |place: usize, name: &str| shown["teachers"][place][name].as_u64().unwrap();
    assert_eq!((rows(0, "items"), rows(0, "holdout")), (6, 4));
    assert_eq!((rows(1, "items"), rows(1, "holdout")), (3, 2));
    // Six texts of the cold start, four of the hold-out, and scores: what was sold is what was bought,
    // and the tokens of the other one come on top.
    assert!(shown["bought"].as_u64().unwrap() > 6 + 4, "{shown}");
    let (tokens, _) = both.sold();
    assert!(tokens < both.bought(), "{tokens} of {}", both.bought());
    assert!(shown["row"]["teacher_score"].is_object(), "{shown}");
    let page = both.student.good(&["distill", "watch", "tiny"]);
    assert!(
        page.contains("teacher coder: 3 rows (33 %), 2 of the hold-out"),
        "{page}"
    );
    assert_eq!(both.student.json(&["ledger", "verify"])["sound"], true);
}

#[test]
fn texts_alone_are_planned_and_a_perplexity_is_bought() {
    let both = Both::new("");
    let file = both.student.data.path().join("run.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    // A cold start alone: its plan has measured a step of learning, for which nobody is asked.
    let (before, rest) = text.split_once("[stages.on_policy]").unwrap();
    let (_, after) = rest.split_once("[evaluate]").unwrap();
    std::fs::write(&file, format!("{before}[evaluate]{after}")).unwrap();
    let said = both
        .student
        .say(&["distill", "plan", file.to_str().unwrap()]);
    assert!([0, 3].contains(&said.code), "{}{}", said.out, said.err);
    let run = both.run();
    let id = run["row"]["id"].as_str().unwrap();
    let probed = both
        .student
        .data
        .path()
        .join(format!("runs/{id}/probed.json"));
    let probed: serde_json::Value =
        serde_json::from_slice(&std::fs::read(probed).unwrap()).unwrap();
    assert!(probed["seconds"]["learning"].as_f64().unwrap() > 0.0);
    both.ends();

    // A perplexity: the teacher says how likely the expected texts are.
    let text = text.replace("name = \"tiny\"", "name = \"likely\"");
    let text = text.replace(
        "holdout.jsonl\"\n",
        "holdout.jsonl\"\nexpected = \"text\"\n",
    );
    let (before, rest) = text.split_once("scorer = {").unwrap();
    let (_, after) = rest.split_once("}\n").unwrap();
    std::fs::write(
        &file,
        format!("{before}scorer = {{ kind = \"perplexity\" }}\n{after}"),
    )
    .unwrap();
    let said = both
        .student
        .say(&["distill", "run", file.to_str().unwrap()]);
    let said = match said.code {
        3 => both
            .student
            .say(&["distill", "resume", "likely", "--why", "a test"]),
        _ => said,
    };
    assert!([0, 4].contains(&said.code), "{}{}", said.out, said.err);
    let likely = both.student.json(&["distill", "watch", "likely"]);
    assert!(likely["row"]["teacher_score"].is_object(), "{likely}");
    let tokens = |run: &serde_json::Value| run["row"]["spent_tokens"].as_u64().unwrap();
    assert_eq!(both.bought() + tokens(&likely), both.sold().0);
}

#[test]
fn a_teacher_that_dies_or_hangs_pauses_the_run_and_it_goes_on() {
    let mut both = Both::new("first_byte_timeout_ms = 2000\n");
    let mut scores = 0;
    both.spoil(move |first, body| {
        scores += u32::from(first.contains("/score"));
        if scores > 2 {
            std::thread::sleep(std::time::Duration::from_secs(3));
        }
        Some(body)
    });
    both.pauses("first byte");
    both.heal();
    both.server = None;
    both.pauses("broke off");
    both.server = Some(both.teacher.serve());
    both.ends();
}

#[test]
fn a_teacher_that_changes_or_tells_what_cannot_be_pauses_the_run() {
    let both = Both::new("");
    let mut scores = 0;
    both.spoil(move |first, body| {
        scores += u32::from(first.contains("/score"));
        let other = scores > 2;
        Some(match other {
            true => body.replace("blake3:", "blake3:00"),
            false => body,
        })
    });
    both.pauses("changed its version");
    both.spoil(|first, body| {
        let score = first.contains("/score");
        Some(match score {
            true => body.replace("\"at\":[-", "\"at\":["),
            false => body,
        })
    });
    both.pauses("impossible");
    both.heal();
    both.teacher.good(&["grant", "revoke", &both.grant]);
    both.pauses("revoked");
}

/// A refusal as our own door writes it.
fn refusal(status: &str, headers: &str, code: &str) -> String {
    let body = format!(
        r#"{{"error":{{"message":"not now","type":"invalid_request_error","param":null,"code":"{code}"}}}}"#
    );
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn a_teacher_that_says_come_later_is_waited_for() {
    let both = Both::new("");
    // Texts are asked for eight at a time; its house takes one.
    let words = ["grant", "narrow", &both.grant, "--concurrency", "1"];
    both.teacher.good(&words);
    // Beside that, a first answer that still runs, and a server that is full.
    let mut count = 0;
    both.spoil(move |_, body| {
        count += 1;
        Some(match count {
            2 => refusal("409 Conflict", "", "idempotency_key_in_use"),
            5 => refusal(
                "503 Service Unavailable",
                "retry-after: 1\r\n",
                "overloaded",
            ),
            _ => body,
        })
    });
    let said = both.drive();
    assert!([0, 4].contains(&said.code), "{}{}", said.out, said.err);
    assert_eq!(both.bought(), both.sold().0);
    assert_eq!(both.run()["lost"], 0);
    // The run came too early, and not once for nothing.
    let words = ["exchange", "list", "--kind", "refusal"];
    let refused = both.teacher.json(&words);
    let refused = refused["exchanges"].as_array().unwrap();
    assert!(!refused.is_empty());
    let all = refused.iter().map(|row| &row["reason"]);
    assert!(
        all.into_iter().all(|why| why == "concurrency"),
        "{refused:?}"
    );
}

#[test]
fn a_teacher_that_says_come_tomorrow_pauses_the_run() {
    let both = Both::new("");
    let mut count = 0;
    both.spoil(move |_, body| {
        count += 1;
        Some(match count > 3 {
            true => refusal(
                "429 Too Many Requests",
                "retry-after: 86400\r\n",
                "rate_limit",
            ),
            false => body,
        })
    });
    both.pauses("429");
    // Nothing is owed for a refusal. (The wire refused only after it had asked.)
    assert!(both.bought() < both.sold().0);
    both.heal();
    let said = both.drive();
    assert!([0, 4].contains(&said.code), "{}{}", said.out, said.err);
}
