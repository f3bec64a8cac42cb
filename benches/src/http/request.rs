//! One request, on a connection of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::Failure;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request<'a> {
    /// `GET`, with a cookie or without.
    Get { path: &'a str, cookie: Option<&'a str> },
    /// `POST` of a form, as a page of the same site sends it.
    Post { path: &'a str, form: &'a str },
}

/// What was answered, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// `NAME=VALUE` of the first cookie that it sets, as a browser sends it back.
    pub(super) cookie: Option<String>,
    pub(super) body: String,
}

impl Request<'_> {
    /// Asks whoever listens there.
    pub(super) fn send(self, port: u16) -> Result<Response, Failure> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.write_all(self.text(port).as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Response::read(&answer).ok_or_else(|| format!("no answer of HTTP: {answer:?}").into())
    }

    fn text(self, port: u16) -> String {
        let host = format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\n");
        match self {
            Self::Get { path, cookie } => {
                let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
                format!("GET {path} HTTP/1.1\r\n{host}{cookie}\r\n")
            }
            Self::Post { path, form } => format!(
                "POST {path} HTTP/1.1\r\n{host}Origin: http://127.0.0.1:{port}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                form.len()
            ),
        }
    }
}

impl Response {
    fn read(answer: &str) -> Option<Self> {
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let cookie = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next())?
        });
        Some(Self { status, cookie: cookie.map(|cookie| cookie.trim().to_owned()), body: body.to_owned() })
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_cookie_and_body_are_read() {
        let answer = "HTTP/1.1 303 See Other\r\nlocation: /\r\nSet-Cookie: id=s%3Aab.c=; Path=/; Expires=Tue, 01 Dec 2026 03:54:13 GMT\r\n\
                      set-cookie: other=1\r\n\r\nhere";
        let read = Response::read(answer).unwrap();
        assert_eq!(
            read,
            Response { status: 303, cookie: Some("id=s%3Aab.c=".to_owned()), body: "here".to_owned() }
        );
        assert_eq!(Response::read("HTTP/1.1 401 Unauthorized\r\n\r\n").unwrap().cookie, None);
        for answer in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 ok\r\n\r\n", "SSH-2.0\r\n\r\n"] {
            assert_eq!(Response::read(answer), None, "{answer}");
        }
    }
}
