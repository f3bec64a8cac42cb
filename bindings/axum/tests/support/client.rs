//! HTTP/1.1 as it goes over the wire: no library between a test and the bytes that the server gets and gives.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request, with no header but those that were asked for, `Host` and `Content-Length` apart.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn request(method: &str, path: &str) -> Request {
    Request { method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
}

pub(crate) fn get(path: &str) -> Request {
    request("GET", path)
}

pub(crate) fn post(path: &str) -> Request {
    request("POST", path)
}

impl Request {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn body(mut self, kind: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.header("Content-Type", kind)
    }

    pub(crate) fn form(self, body: impl AsRef<[u8]>) -> Self {
        self.body("application/x-www-form-urlencoded", body)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
    }

    pub(crate) fn bytes(&self, host: &str) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        };
        if !self.has("host") {
            line("Host", host.as_bytes());
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        if !self.has("content-length") && !self.has("transfer-encoding") && self.method != "GET" {
            line("Content-Length", self.body.len().to_string().as_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The header, which comes once at most.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name}: {all:?}");
        all.first().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status and the word of a refusal, which looks as every refusal must.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        assert!(self.all("set-cookie").is_empty() && self.header("location").is_none(), "{self:?}");
        let value: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(value["status"], self.status, "{self:?}");
        assert!(value["title"].is_string() && value["detail"].is_string(), "{self:?}");
        let word = value["type"].as_str().unwrap().strip_prefix("urn:doorward:problem:").unwrap();
        (self.status, word.to_owned())
    }
}

/// A connection that is kept open from one request to the next.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), host: address.to_string() }
    }

    pub(crate) async fn send(&mut self, request: &Request) -> Response {
        self.write(&request.bytes(&self.host)).await;
        self.read(&request.method).await
    }

    /// A server that has refused what it saw may not read the rest.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes).await;
    }

    /// The response to a request of this method. A server that waits for what does not come fails the test.
    pub(crate) async fn read(&mut self, method: &str) -> Response {
        timeout(Duration::from_secs(20), self.response(method)).await.expect("an answer within 20 s")
    }

    async fn response(&mut self, method: &str) -> Response {
        let status = self.line().await;
        let status = status.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {status:?}"));
        let mut response =
            Response { status: status.parse().unwrap(), headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line().await;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}"));
            response.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let has_body = method != "HEAD" && response.status != 204;
        let length = response.header("content-length").map(|length| length.parse().unwrap());
        if has_body {
            response.body = vec![0; length.expect("every response has a length")];
            self.stream.read_exact(&mut response.body).await.unwrap();
        }
        response
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        line.trim_end_matches("\r\n").to_owned()
    }
}
