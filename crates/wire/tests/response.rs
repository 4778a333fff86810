//! RFC 9112, sections 4 and 6: responses, as another parser reads them.
use wire::response::{CONTINUE, phrase, write, write_head};

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_response_with_a_body() {
    let out = text(|out| write(out, 200, &[("Content-Type", "text/plain")], Some(b"hello"), true));
    assert_eq!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"
    );
}

#[test]
fn a_response_without_a_body() {
    let out = text(|out| write(out, 404, &[], None, false));
    assert_eq!(out, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let out = text(|out| write(out, 204, &[], None, true));
    assert_eq!(out, "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
}

#[test]
fn a_head_whose_body_ends_with_the_connection() {
    let out = text(|out| write_head(out, 200, &[("Content-Type", "text/event-stream")], None, false));
    assert_eq!(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
}

#[test]
fn lengths_of_every_size() {
    for length in [0, 9, 10, 99, 100, 4_294_967_296, u64::MAX] {
        let out = text(|out| write_head(out, 200, &[], Some(length), true));
        assert!(out.contains(&format!("\r\nContent-Length: {length}\r\n")), "{out}");
    }
}

#[test]
fn a_value_does_not_become_a_field() {
    let out = text(|out| write(out, 400, &[("X", "a\r\nSet-Cookie: b\n\0")], None, true));
    assert!(out.contains("\r\nX: a  Set-Cookie: b  \r\n"), "{out}");
}

#[test]
fn every_status_that_is_sent_has_its_phrase() {
    for status in 100..600 {
        let out = text(|out| write(out, status, &[], None, true));
        let mut room = [httparse::EMPTY_HEADER; 8];
        let mut response = httparse::Response::new(&mut room);
        assert!(response.parse(out.as_bytes()).unwrap().is_complete());
        assert_eq!((response.code, response.reason), (Some(status), Some(phrase(status))));
    }
    for status in [101, 200, 204, 400, 401, 403, 404, 405, 408, 409, 413, 426, 429, 431, 500, 501, 503, 505] {
        assert!(!phrase(status).is_empty(), "{status}");
    }
    assert_eq!(CONTINUE, b"HTTP/1.1 100 Continue\r\n\r\n");
}
