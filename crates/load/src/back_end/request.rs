//! Requests as a back end reads them: HTTP/1.1 with a length, one after the other on a connection.
use std::ops::Range;

/// Largest head.
const HEAD_BYTES_MAX: usize = 16 * base::units::KIB;

/// Most fields of a head.
const FIELDS_MAX: usize = 64;

/// What the server wants of the back end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// `GET`: may the client come in?
    Connect,
    /// `POST`: it says something.
    Message,
    /// `DELETE`: it is gone.
    End,
    /// A method that no one uses here.
    Other,
}

/// One whole request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub(super) wish: Wish,
    /// The client's number, if the path ends with the ClientID of one.
    pub(super) client: Option<u32>,
    /// Where its body is.
    pub(super) body: Range<usize>,
}

/// The request at the start of `bytes`; `None` if it is not complete.
///
/// # Errors
/// What is wrong with it, if it can't be read.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Request>, &'static str> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Request::new(&mut fields);
    let start = match head.parse(bytes) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => return Err("a head that is not HTTP/1.1"),
    };
    let mut length = 0;
    for field in head.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(field.value).unwrap_or_default();
            length = text.parse::<usize>().map_err(|_| "a length that is no number")?;
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("a body in chunks");
        }
    }
    let body = start..start.saturating_add(length);
    if bytes.len() < body.end {
        return Ok(None);
    }
    let wish = match head.method {
        Some("GET") => Wish::Connect,
        Some("POST") => Wish::Message,
        Some("DELETE") => Wish::End,
        Some(_) | None => Wish::Other,
    };
    Ok(Some(Request { wish, client: client(head.path.unwrap_or_default()), body }))
}

/// The client whose ClientID a path ends with: those are the names of [`crate::dialect::subject`].
fn client(path: &str) -> Option<u32> {
    let path = path.split('?').next().unwrap_or_default();
    let (_, id) = path.rsplit_once('/')?;
    let digits = id.strip_prefix("load.").filter(|digits| digits.len() == 11)?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_at_its_last_byte_and_not_before() {
        let bytes = b"POST /hooks/load.00000000007 HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello";
        for split in 0..bytes.len() {
            assert_eq!(read(&bytes[..split]), Ok(None), "split at {split}");
        }
        let more = [&bytes[..], b"GET /"].concat();
        let request = read(&more).unwrap().unwrap();
        assert_eq!(
            (request.wish, request.client, &more[request.body.clone()]),
            (Wish::Message, Some(7), &b"hello"[..])
        );
    }

    #[test]
    fn a_request_without_a_length_has_no_body() {
        let request = read(b"DELETE /load.00000000001 HTTP/1.1\r\n\r\n").unwrap().unwrap();
        assert_eq!((request.wish, request.client, request.body.is_empty()), (Wish::End, Some(1), true));
        assert_eq!(read(b"PUT /x HTTP/1.1\r\n\r\n").unwrap().unwrap().wish, Wish::Other);
    }

    #[test]
    fn what_can_not_be_read_is_told() {
        assert!(read(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
        assert!(read(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(read(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n").is_err());
    }

    #[test]
    fn only_a_clients_own_name_is_a_client() {
        let known = ["/load.00000000009", "/a/b/load.00000000009?x=1"];
        assert!(known.iter().all(|path| client(path) == Some(9)));
        assert!(
            ["/", "", "load.00000000009", "/load.9", "/load.0000000000x"].iter().all(|path| client(path).is_none())
        );
    }
}
