//! A data folder, the binary on it, and a model server that says the same each time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a busy machine; nothing waits so long when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder of its own, with a settings file over a canned model server.
pub(crate) struct Still {
    pub(crate) data: TempDir,
    /// The data folder, where that is another.
    moved: Option<PathBuf>,
    pub(crate) port: u16,
    model: u16,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A server that runs; it is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) log: PathBuf,
}

impl Still {
    pub(crate) fn new() -> Self {
        let model = canned_model();
        let still = Self {
            data: private_folder(),
            moved: None,
            port: free_port(),
            model,
        };
        still.write_settings("[plans.default]\n", "");
        still
    }

    /// The settings file, with plans and further lines of the model.
    pub(crate) fn write_settings(&self, plans: &str, model: &str) {
        let (port, upstream) = (self.port, self.model);
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:{port}\"]\n\
             [operator]\nlisten = []\n\
             [upstreams.canned]\nkind = \"openai\"\nservers = [\"http://127.0.0.1:{upstream}/v1\"]\n\
             [models.m]\nupstream = \"canned\"\nmax_output_tokens = 100\n\
             input_dollars_per_million_tokens = 1000\n{model}\n{plans}"
        );
        std::fs::write(self.data.path().join("stillhouse.toml"), text).unwrap();
    }

    /// The settings file: the listener, and then these lines.
    pub(crate) fn write_all_settings(&self, rest: &str) {
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:{}\"]\n[operator]\nlisten = []\n{rest}",
            self.port
        );
        std::fs::write(self.data.path().join("stillhouse.toml"), text).unwrap();
    }

    /// The folder of runs.
    pub(crate) fn runs(&self) -> std::path::PathBuf {
        self.folder().join("runs")
    }

    /// Uses another data folder from now on.
    pub(crate) fn use_folder(&mut self, folder: &std::path::Path) {
        self.moved = Some(folder.to_owned());
    }

    fn folder(&self) -> &std::path::Path {
        self.moved.as_deref().unwrap_or(self.data.path())
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stillhouse"));
        command.arg("--data-dir").arg(self.folder()).args(arguments);
        command
            .env_clear()
            .env("HOME", self.data.path())
            .env("PATH", "/usr/bin:/bin");
        command
    }

    pub(crate) fn say(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().unwrap())
    }

    /// A command that succeeds.
    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let said = self.say(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    /// The JSON of a command that succeeds.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let all: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
        let text = self.good(&all);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// An account with a key, and the key's secret.
    pub(crate) fn account(&self) -> String {
        self.good(&["organization", "create", "Acme"]);
        self.good(&["account", "create", "web", "--organization", "Acme"]);
        let made = self.json(&["key", "create", "--account", "web"]);
        made["secret"].as_str().unwrap().to_owned()
    }

    /// Starts a server and waits until it answers.
    pub(crate) fn serve(&self) -> Server {
        let mut server = self.start(&[]);
        until("the server answers", || {
            assert!(
                server.child.try_wait().unwrap().is_none(),
                "{}",
                server.read_log()
            );
            self.is_open() && self.folder().join("stillhouse.sock").exists()
        });
        server
    }

    /// Whether the public port takes connections.
    pub(crate) fn is_open(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// Starts a server with further variables, and waits for nothing.
    pub(crate) fn start(&self, variables: &[(&str, &str)]) -> Server {
        let log = self.data.path().join("log");
        let file = std::fs::File::create(&log).unwrap();
        let child = self
            .command(&["serve", "--workers", "1"])
            .envs(variables.iter().copied())
            .stderr(file)
            .spawn()
            .unwrap();
        Server { child, log }
    }

    /// Asks the model with a credential; the status and the body.
    pub(crate) fn ask(&self, secret: &str) -> (u16, String) {
        answered(self.begin(secret, "hi"))
    }

    /// Sends a request whose answer is yet to come.
    pub(crate) fn begin(&self, secret: &str, prompt: &str) -> TcpStream {
        let body = serde_json::json!({
            "model": "m", "max_tokens": 9,
            "messages": [{ "role": "user", "content": prompt }],
        })
        .to_string();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .unwrap();
        stream
    }
}

impl Server {
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits until the server has ended, and gives its exit status.
    pub(crate) fn ended(mut self) -> Option<i32> {
        let mut status = None;
        until("the server ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    pub(crate) fn read_log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn said(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits until something is true.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A folder as the server itself would make it.
fn private_folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let alone = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder.path(), alone).unwrap();
    folder
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Reads one request, head and body, from a connection.
pub(crate) fn read_request(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
        if line == "\r\n" {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            return Some(head + &String::from_utf8(body).ok()?);
        }
    }
}

/// A model server on loopback that says the same each time, so that usage and cost are known.
fn canned_model() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) {
    let body = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#;
    while let Some(request) = read_request(&stream) {
        if request.contains("think for ever") {
            std::thread::sleep(PATIENCE);
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream
            .write_all(format!("{head}{body}").as_bytes())
            .is_err()
        {
            return;
        }
    }
}

/// A process that must not be left behind by a failing test.
pub(crate) fn quiet(command: &mut Command) -> Said {
    said(command.stdin(Stdio::null()).output().unwrap())
}

/// The status and the body of an answer, read to its end.
pub(crate) fn answered(mut stream: TcpStream) -> (u16, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    (status, body.unwrap_or_default())
}
