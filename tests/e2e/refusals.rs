//! What is refused: the status or close code, in words, counted by kind.
use std::io::Write;

use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::server::Server;

fn upgrade(path: &str, version: &str, key: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

#[test]
fn malformed_requests_get_their_status_and_words() {
    let server = Server::dev(&[]);
    let many = format!("GET /sub/a HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(100));
    let large = format!("GET /sub/a HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "b".repeat(20_000));
    let list = (0..65).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let subjects = format!("GET /sub/{list} HTTP/1.1\r\nHost: x\r\n\r\n");
    let long = format!("GET /sub/{} HTTP/1.1\r\nHost: x\r\n\r\n", "s".repeat(256));
    let version = upgrade("/sub/a", "12", KEY);
    let key = upgrade("/sub/a", "13", "short");
    let cases: &[(&str, &str, &str)] = &[
        ("nonsense\r\n\r\n", "400", "not understood"),
        ("GET /sub/a HTTP/1.1\r\n\r\n", "400", "Host"),
        (&many, "431", "not understood"),
        (&large, "431", "not understood"),
        (&subjects, "400", "more than 64 subjects"),
        (&long, "400", "longer than 255"),
        (&version, "426", "13"),
        (&key, "400", "Sec-WebSocket-Key"),
        ("GET /sub/%ff HTTP/1.1\r\nHost: x\r\n\r\n", "400", "not valid UTF-8"),
        ("GET /sub/%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400", "two hex digits"),
        ("GET /sub/ HTTP/1.1\r\nHost: x\r\n\r\n", "400", "empty"),
        ("GET /sub/a.* HTTP/1.1\r\nHost: x\r\n\r\n", "400", "wildcard"),
        ("GET /sub/a?since=rubbish HTTP/1.1\r\nHost: x\r\n\r\n", "400", "position"),
        ("GET /sub/a?timeout=soon HTTP/1.1\r\nHost: x\r\n\r\n", "400", "whole number of seconds"),
        ("DELETE /sub/a HTTP/1.1\r\nHost: x\r\n\r\n", "405", "GET"),
        ("GET /pub/a HTTP/1.1\r\nHost: x\r\n\r\n", "405", "POST or PUT"),
        ("GET /pub HTTP/1.1\r\nHost: x\r\n\r\n", "426", "upgrade"),
        ("POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", "413", "at most"),
        ("POST /pub/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400", "chunk"),
        (
            "POST /pub/a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n\u{0}",
            "200",
            "offset",
        ),
        ("GET /nothing-here HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404", "error"),
    ];
    for (request, status, words) in cases {
        let request = if *status == "200" {
            request.replace("\r\nHost", "\r\nConnection: close\r\nHost")
        } else {
            (*request).to_owned()
        };
        let response = server.exchange(request.as_bytes());
        let shown = &request[..request.len().min(90)];
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?} → {response}");
        assert!(response.to_lowercase().contains(&words.to_lowercase()), "{shown:?} → {response}");
    }
    assert!(server.exchange(version.as_bytes()).contains("Sec-WebSocket-Version: 13"));
    assert!(server.metric("ringcast_refusals_total", "bad_subject") >= 4.0);
}

#[test]
fn frames_against_the_rules_are_closed_with_their_code() {
    let server = Server::dev(&[]);
    let cases: &[(&[u8], u16)] = &[
        (b"\x81\x05hello", 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x80\x80\0\0\0\0", 1002),
        (b"\x09\x80\0\0\0\0", 1002),
        (b"\x89\xfe\x00\x7e\0\0\0\0", 1002),
        (b"\x88\x81\0\0\0\0\x03", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (b"\x82\xff\0\0\0\x01\0\0\0\0\0\0\0\0", 1009),
    ];
    for (frame, code) in cases {
        let mut stream = server.connect();
        stream.write_all(upgrade("/echo", "13", KEY).as_bytes()).unwrap();
        stream.write_all(frame).unwrap();
        let mut bytes = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut bytes);
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let close = &bytes[head..];
        assert_eq!(close.first(), Some(&0x88), "{frame:?} → {close:?}");
        assert_eq!(u16::from_be_bytes([close[2], close[3]]), *code, "{frame:?}");
        assert!(close.len() > 6, "a reason in words");
    }
}

#[test]
fn a_publish_stream_says_what_is_wrong_with_a_frame() {
    let server = Server::dev(&[]);
    let cases: [(Message, CloseCode); 4] = [
        (Message::text("text"), CloseCode::Unsupported),
        (Message::binary(vec![9, b'a']), CloseCode::Invalid),
        (Message::binary(vec![2, 0xff, 0xff, 1]), CloseCode::Invalid),
        (Message::binary(b"\x01*x".to_vec()), CloseCode::Policy),
    ];
    for (message, code) in cases {
        let mut publisher = server.websocket("/pub");
        publisher.send(message).unwrap();
        let Message::Close(Some(frame)) = publisher.read().unwrap() else { panic!("no close frame") };
        assert_eq!(frame.code, code);
        assert!(!frame.reason.is_empty());
    }
}

#[test]
fn without_dev_publishing_needs_a_key_and_subscribing_a_namespace() {
    let file = std::env::temp_dir().join(format!("ringcast-keys-{}.toml", std::process::id()));
    std::fs::write(
        &file,
        "[api]\nkeys = [\"a-long-enough-secret\"]\n\n[[namespace]]\npattern = \"public.>\"\nsubscribe = true\n",
    )
    .unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap(), "--shards", "1"]);
    let publish = |subject: &str, more: &str| {
        let request =
            format!("POST /pub/{subject} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}Content-Length: 1\r\n\r\na");
        server.exchange(request.as_bytes())[9..12].to_owned()
    };
    assert_eq!(publish("public.a", ""), "401");
    assert_eq!(publish("public.a", "X-API-Key: wrong\r\n"), "401");
    assert_eq!(publish("public.a", "X-API-Key: a-long-enough-secret\r\n"), "200");
    assert_eq!(publish("other", "Authorization: apikey a-long-enough-secret\r\n"), "200");
    assert_eq!(&server.get("/sub/public.a?timeout=0")[9..12], "204");
    assert_eq!(&server.get("/sub/other?timeout=0")[9..12], "403");
    assert_eq!(&server.exchange(upgrade("/pub", "13", KEY).as_bytes())[9..12], "401");
    assert_eq!(&server.exchange(upgrade("/echo", "13", KEY).as_bytes())[9..12], "404");
    drop(server);
    std::fs::remove_file(file).unwrap();
}
