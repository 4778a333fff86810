//! As much HTTP/1.1 as the command line clients need: a request, its answer, the next.
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::LoadError;
use crate::address::host_and_port;

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = base::units::MIB;

/// One connection, kept alive between requests.
#[derive(Debug)]
pub(crate) struct HttpClient {
    stream: TcpStream,
    host: String,
    key: String,
    kept: Vec<u8>,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// Empty: not named.
    pub(crate) content_type: &'a str,
    pub(crate) body: &'a [u8],
}

/// Connects to the host of `url`.
pub(crate) fn dial(url: &str) -> Result<(TcpStream, String), LoadError> {
    let host = host_and_port(url)?;
    let unreachable = |error: io::Error| LoadError::Server(format!("{host}: {error}"));
    let mut last = LoadError::Server(format!("{host}: no address"));
    for address in host.to_socket_addrs().map_err(unreachable)? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => {
                // Without it, a small request would wait for the peer's delayed acknowledgement.
                stream.set_nodelay(true).map_err(unreachable)?;
                return Ok((stream, host));
            }
            Err(error) => last = unreachable(error),
        }
    }
    Err(last)
}

impl HttpClient {
    /// Connects. `key` empty: none is sent.
    pub(crate) fn connect(url: &str, key: &str) -> Result<Self, LoadError> {
        let (stream, host) = dial(url)?;
        stream.set_read_timeout(Some(TIMEOUT)).map_err(LoadError::io("SO_RCVTIMEO"))?;
        Ok(Self { stream, host, key: key.to_owned(), kept: Vec::new() })
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn send(&mut self, request: Request<'_>) -> Result<Answer, LoadError> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.path, self.host);
        for (name, value) in [("X-API-Key", self.key.as_str()), ("Content-Type", request.content_type)] {
            if !value.is_empty() {
                head += &format!("{name}: {value}\r\n");
            }
        }
        head += &format!("Content-Length: {}\r\n\r\n", request.body.len());
        let bytes = [head.as_bytes(), request.body].concat();
        self.stream.write_all(&bytes).map_err(LoadError::io("sending a request"))?;
        loop {
            if let Some((answer, length)) = read_answer(&self.kept)? {
                self.kept.drain(..length);
                return Ok(answer);
            }
            let mut chunk = [0; 4_096];
            let count = self.stream.read(&mut chunk).map_err(LoadError::io("waiting for the server's answer"))?;
            self.kept.extend_from_slice(&chunk[..count]);
            if count == 0 || self.kept.len() > ANSWER_BYTES_MAX {
                return Err(LoadError::Server("the server ended the connection without a whole answer".to_owned()));
            }
        }
    }
}

/// The answer at the start of `bytes` and its length, if it is complete.
fn read_answer(bytes: &[u8]) -> Result<Option<(Answer, usize)>, LoadError> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let malformed = |what: &str| LoadError::Server(format!("the server's answer is not understood: {what}"));
    let start = match head.parse(bytes) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(malformed(&error.to_string())),
    };
    let status = head.code.unwrap_or(0);
    let field = |name: &str| head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let length = match field("content-length") {
        Some(field) => std::str::from_utf8(field.value).ok().and_then(|text| text.parse().ok()),
        None if status == 204 => Some(0),
        None => None,
    };
    let Some(length) = length.filter(|length: &usize| *length <= ANSWER_BYTES_MAX) else {
        return Err(malformed("no usable Content-Length"));
    };
    let body = bytes.get(start..start + length).map(|body| String::from_utf8_lossy(body).into_owned());
    Ok(body.map(|body| (Answer { status, body }, start + length)))
}

/// Writes text so that it can be one segment of a path (RFC 3986 section 2.1).
pub(crate) fn path_segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' | b':' | b'$' | b'@' => {
                out.push(char::from(byte));
            }
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_at_its_last_byte_and_not_before() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for split in 0..bytes.len() {
            assert!(read_answer(&bytes[..split]).unwrap().is_none());
        }
        let (answer, length) = read_answer(&[&bytes[..], b"HTTP"].concat()).unwrap().unwrap();
        assert_eq!((answer.status, answer.body.as_str(), length), (200, "ok", bytes.len()));
        assert!(read_answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(read_answer(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().is_some());
    }

    #[test]
    fn a_segment_holds_any_text() {
        assert_eq!(path_segment("news.eu"), "news.eu");
        assert_eq!(path_segment("a/b c,ü"), "a%2Fb%20c%2C%C3%BC");
    }
}
