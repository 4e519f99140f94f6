//! A browser as far as the tests need one: a cookie, forms, one connection a request.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What was answered.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Said {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A browser, or a program where it has a token.
#[derive(Clone)]
pub(crate) struct Browser {
    address: SocketAddr,
    pub(crate) cookie: Option<String>,
    pub(crate) token: Option<String>,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            cookie: None,
            token: None,
        }
    }

    /// A program with a token.
    pub(crate) fn with_token(mut self, token: String) -> Self {
        self.token = Some(token);
        self
    }

    pub(crate) async fn get(&mut self, path: &str) -> Said {
        self.send("GET", path, &[], "").await
    }

    /// Sends a form as a page of ours does.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Said {
        self.post_from(path, fields, &[("sec-fetch-site", "same-origin")])
            .await
    }

    /// Sends a form with headers that say where it is from.
    pub(crate) async fn post_from(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Said {
        let body = form(fields);
        let content = [("content-type", "application/x-www-form-urlencoded")];
        let headers: Vec<_> = content.iter().chain(headers).copied().collect();
        self.send("POST", path, &headers, &body).await
    }

    /// The token of the session's forms.
    pub(crate) async fn csrf(&mut self) -> String {
        let said = self.get("/").await;
        let (_, rest) = said
            .body
            .split_once("name=\"csrf\" value=\"")
            .unwrap_or_else(|| panic!("no form: {said:?}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Calls the API with JSON.
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: &Value) -> Said {
        let body = body.to_string();
        let content = [("content-type", "application/json")];
        self.send(method, &format!("/api/v1{path}"), &content, &body)
            .await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Said {
        let mut stream = self.begin(method, path, headers, body).await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        let said = Said {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if let Some(set) = said.header("set-cookie")
            && let Some(pair) = set.split(';').next()
            && pair.starts_with("stillhouse=")
        {
            self.cookie = Some(pair.to_owned()).filter(|pair| pair != "stillhouse=");
        }
        said
    }

    /// Sends a request, and leaves the answer to be read.
    pub(crate) async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> TcpStream {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        if let Some(cookie) = &self.cookie {
            head.push_str(&format!("cookie: {cookie}\r\n"));
        }
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server may answer, and close, before it has read all.
        let _ = stream
            .write_all(format!("{head}\r\n{body}").as_bytes())
            .await;
        stream
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let escaped =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}
