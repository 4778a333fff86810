//! `POST /pub/…` and what subscribers get of it.
use shard::{Answer, Command, Input, Ticket};

use crate::desk::{Desk, dev, frame, upgrade, with_history};

/// A request with a body, and a WebSocket listener to see what becomes of it.
fn published(field: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut desk = Desk::new(&dev());
    let listener = desk.connect();
    desk.say(listener, upgrade("/sub/a"));
    let head = format!("POST /pub/a HTTP/1.1\r\nHost: h\r\n{field}Content-Length: {}\r\n\r\n", body.len());
    let answer = desk.request([head.as_bytes(), body].concat());
    (answer, desk.hear(listener))
}

#[test]
fn the_content_type_decides_between_text_and_binary() {
    for (field, body, first) in [
        ("", &b"text"[..], Some(0x81)),
        ("", b"\xff", Some(0x82)),
        ("Content-Type: text/plain\r\n", b"text", Some(0x81)),
        ("Content-Type: TEXT/html; charset=utf-8\r\n", b"text", Some(0x81)),
        ("Content-Type: application/json\r\n", b"{}", Some(0x81)),
        ("Content-Type: application/octet-stream\r\n", b"text", Some(0x82)),
        // What curl says of any body.
        ("Content-Type: application/x-www-form-urlencoded\r\n", b"hello", Some(0x81)),
        ("Content-Type: application/x-www-form-urlencoded\r\n", b"\xfe", Some(0x82)),
        ("Content-Type: text/plain\r\n", b"\xff", None),
    ] {
        let (answer, heard) = published(field, body);
        match first {
            Some(first) => {
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{field:?}: {answer}");
                assert_eq!((heard[0], &heard[2..]), (first, body), "{field:?}");
            }
            None => {
                assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("not valid UTF-8"), "{answer}");
                assert!(heard.is_empty());
            }
        }
    }
}

#[test]
fn an_empty_body_is_an_empty_message() {
    let (answer, heard) = published("", b"");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(heard, b"\x81\0");
}

#[test]
fn the_answer_tells_the_place() {
    let mut desk = Desk::new(&with_history());
    let first = desk.publish("a", "1");
    let second = desk.publish("a", "2");
    assert!(first.contains("\"offset\":1,") && second.contains("\"offset\":2,"), "{first} {second}");
    let epoch = |answer: &str| answer.split("\"epoch\":\"").nth(1).unwrap()[..6].to_owned();
    assert_eq!(epoch(&first), epoch(&second));
}

#[test]
fn a_key_publishes_once() {
    let mut desk = Desk::new(&with_history());
    let post = |body: &str, subject: &str| {
        format!("POST /pub/{subject} HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\nContent-Length: 1\r\n\r\n{body}")
    };
    let listener = desk.connect();
    desk.say(listener, upgrade("/sub/a"));
    let first = desk.request(post("1", "a"));
    let again = desk.request(post("2", "a"));
    assert_eq!(first, again);
    assert_eq!(desk.hear(listener), b"\x81\x011");
    assert!(desk.request(post("1", "b")).contains("\"offset\":1,"), "another subject's key is another");
    desk.pass(hub::KEY_AGE + std::time::Duration::from_secs(1));
    assert!(desk.request(post("3", "a")).starts_with("HTTP/1.1 200 "));
    assert_eq!(desk.hear(listener), b"\x81\x013");
}

#[test]
fn a_body_that_is_announced_is_asked_for() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    let head = "POST /pub/a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(desk.ask(conn, head), "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(desk.ask(conn, "ab").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_body_in_chunks_is_put_together() {
    let mut desk = Desk::new(&dev());
    let listener = desk.connect();
    desk.say(listener, upgrade("/sub/a"));
    let conn = desk.connect();
    desk.say(conn, "PUT /pub/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r");
    assert!(desk.ask(conn, "\n1;x=y\r\nd\r\n0\r\nTrailer: x\r\n\r\n").starts_with("HTTP/1.1 200 "));
    assert_eq!(desk.hear(listener), b"\x81\x04abcd");
}

#[test]
fn a_command_of_the_control_plane_publishes_and_is_answered() {
    let mut desk = Desk::new(&with_history());
    let listener = desk.connect();
    desk.say(listener, upgrade("/sub/a"));
    let draft = hub::Draft { payload: b"x"[..].into(), kind: hub::Kind::Binary, extra: None };
    let command = Command::Publish { subject: "a".into(), draft };
    desk.handle(Input::Command { ticket: Ticket(9), command });
    desk.settle();
    assert!(matches!(desk.world().answers[..], [Answer::Published(position)] if position.offset == 1));
    assert_eq!(desk.hear(listener), b"\x82\x01x");
}

#[test]
fn a_publication_reaches_subscribers_on_every_shard() {
    let mut desk = Desk::new(&shard::ShardConfig { shards: 3, ..with_history() });
    for owner in 0..3 {
        let subject = desk.subject_of(owner);
        let listener = desk.connect();
        desk.say(listener, upgrade(&format!("/sub/{subject}")));
        let stream = desk.connect();
        let hello = [&[u8::try_from(subject.len()).unwrap()], subject.as_bytes(), b"hello"].concat();
        let request = [upgrade("/pub").into_bytes(), frame(0x82, hello)].concat();
        assert!(desk.say(stream, request).starts_with(b"HTTP/1.1 101 "));
        assert_eq!(desk.hear(listener), b"\x82\x05hello", "owner {owner}");
        desk.publish(&subject, "there");
        assert_eq!(desk.hear(listener), b"\x81\x05there", "owner {owner}");
    }
}
