//! A small blocking HTTP/1.1 client: one connection per request, with a deadline for everything.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// An HTTP response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// Returns the value of a header field; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(field, _)| field == name)?;
        Some(&field.1)
    }

    /// Returns the body as JSON, or null if it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Panics unless this is an error in the format of RFC 9457.
    ///
    /// # Panics
    ///
    /// If it is not.
    #[track_caller]
    pub fn expect_problem(&self, status: u16) -> &Self {
        self.expect(status);
        let kind = self.header("content-type").unwrap_or_default();
        assert!(
            kind.starts_with("application/problem+json"),
            "no problem: {self}"
        );
        let json = self.json();
        assert!(json.is_object(), "the problem is no JSON object: {self}");
        assert_eq!(
            json["status"], status,
            "the problem names another status: {self}"
        );
        assert!(
            json["title"].is_string(),
            "the problem has no title: {self}"
        );
        self
    }

    /// Panics unless the status is `status`.
    ///
    /// # Panics
    ///
    /// If it is another one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "another status: {self}");
        self
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.status, self.headers, self.body)
    }
}

/// Sends a request to `address`, and waits for the complete response. A body is JSON.
pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&str>,
    within: Duration,
) -> io::Result<Response> {
    ask_with(address, method, path, &[], body, within)
}

/// Like [`ask`], with more header fields. A `Content-Type` among them replaces JSON as the type of the body.
pub fn ask_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: Option<&str>,
    within: Duration,
) -> io::Result<Response> {
    let deadline = Instant::now() + within;
    let mut stream = TcpStream::connect_timeout(&address, within)?;
    stream.set_write_timeout(Some(within))?;
    // If the server refuses a body for its length, writing may fail, and the response is there all the same.
    let written = stream.write_all(&request(address, (method, path), fields, body));
    let answer = read_until_closed(&mut stream, deadline);
    match (parse(&answer), written) {
        (Some(response), _) => Ok(response),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(io::Error::other(format!(
            "no whole answer in {within:?}: {:?}",
            String::from_utf8_lossy(&answer)
        ))),
    }
}

fn request(
    address: SocketAddr,
    (method, path): (&str, &str),
    fields: &[(&str, &str)],
    body: Option<&str>,
) -> Vec<u8> {
    let own = [
        ("Host", address.to_string()),
        ("Connection", "close".to_owned()),
    ];
    let has_content_type = fields
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind =
        (body.is_some() && !has_content_type).then_some(("Content-Type", "application/json"));
    let length = body.map(|body| ("Content-Length", body.len().to_string()));
    let given = fields.iter().copied().chain(kind);
    let given = given.map(|(name, value)| (name, value.to_owned()));
    let lines = own.into_iter().chain(given).chain(length);
    let lines = lines.map(|(name, value)| format!("{name}: {value}\r\n"));
    let lines: String = lines.collect();
    let body = body.unwrap_or_default();
    format!("{method} {path} HTTP/1.1\r\n{lines}\r\n{body}").into_bytes()
}

/// Reads to the end, or to the deadline, or until the connection breaks.
fn read_until_closed(stream: &mut TcpStream, deadline: Instant) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let remaining = deadline.saturating_duration_since(Instant::now());
        if remaining.is_zero() || stream.set_read_timeout(Some(remaining)).is_err() {
            return answer;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return answer,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
        }
    }
}

fn parse(answer: &[u8]) -> Option<Response> {
    let (head, body) = split_once(answer, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let is_chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked {
        dechunk(body)?
    } else {
        body.to_vec()
    };
    Some(Response {
        status,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// Joins the chunks of a body. Their sizes count bytes, so a chunk may end within a character.
fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (size, after) = split_once(rest, b"\r\n")?;
        let size = str::from_utf8(size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(after.get(..size)?);
        rest = after.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut windows = bytes.windows(separator.len());
    let index = windows.position(|window| window == separator)?;
    Some((&bytes[..index], &bytes[index + separator.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_headers_and_body() {
        let answer =
            parse(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://a/\r\n\r\nhm").unwrap();
        assert_eq!(answer.status, 307);
        assert_eq!(answer.header("location"), Some("http://a/"));
        assert_eq!(answer.body, "hm");
    }

    #[test]
    fn joins_chunks() {
        let answer =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\xc3\r\n1\r\n\xa9\r\n0\r\n\r\n";
        assert_eq!(parse(answer).unwrap().body, "aé");
    }
}
