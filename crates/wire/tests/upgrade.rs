//! RFC 6455, section 4: the opening handshake.
use wire::upgrade::{
    ResponseError, UpgradeError, accept_key, check, check_response, client_key, write_request, write_response,
};

use crate::head::{BROWSER, head};

const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

#[test]
fn the_example_of_the_rfc() {
    assert_eq!(accept_key(KEY), *b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(client_key(*b"the sample nonce"), KEY);
}

#[test]
fn what_a_browser_sends() {
    let head = head(BROWSER);
    let upgrade = check(&head).unwrap().unwrap();
    assert_eq!(upgrade.key, KEY);
    assert_eq!(upgrade.protocols().count(), 0);
    assert_eq!(upgrade.deflate().unwrap().map(|agreed| agreed.window), Some(wire::deflate::Window::Bits15));
}

/// The outcome for the browser's request with the line that begins with `name` replaced by `line`, or added.
fn with(name: &str, line: &str) -> Result<bool, UpgradeError> {
    let text = std::str::from_utf8(BROWSER).unwrap();
    let mut lines: Vec<&str> = text.trim_end().split("\r\n").filter(|line| !line.starts_with(name)).collect();
    let place = if name == "GET" { 0 } else { lines.len() };
    lines.splice(place..place, line.split("\r\n").filter(|line| !line.is_empty()));
    let bytes = lines.join("\r\n") + "\r\n\r\n";
    check(&head(bytes.as_bytes())).map(|upgrade| upgrade.is_some())
}

#[test]
fn what_is_allowed() {
    for (name, line) in [
        ("Connection", "connection: UPGRADE"),
        ("Connection", "Connection: keep-alive\r\nConnection: x , Upgrade ,y"),
        ("Upgrade", "Upgrade: h2c, WebSocket"),
        ("Content-Length", "Content-Length: 0"),
        // 22 characters of base64 whose last has more bits than 16 bytes need.
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: ABCDEFGHIJKLMNOPQRSTUV=="),
        ("Origin", ""),
        ("GET", "GET http://push.example.org/sub/a HTTP/1.1"),
    ] {
        assert_eq!(with(name, line), Ok(true), "{line}");
    }
}

#[test]
fn what_is_no_upgrade_at_all() {
    let plain = |fields: &str| {
        check(&head(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes())).map(|upgrade| upgrade.is_some())
    };
    assert_eq!(plain(""), Ok(false));
    assert_eq!(plain("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), Ok(false));
}

#[test]
fn each_rule_is_refused_by_name() {
    for (name, line, error) in [
        ("GET", "POST / HTTP/1.1", UpgradeError::Method),
        ("GET", "get / HTTP/1.1", UpgradeError::Method),
        ("GET", "GET / HTTP/1.0", UpgradeError::HttpVersion),
        ("Connection", "", UpgradeError::ConnectionMissing),
        ("Connection", "Connection: keep-alive", UpgradeError::ConnectionMissing),
        ("Connection", "Connection: upgraded", UpgradeError::ConnectionMissing),
        ("Upgrade", "", UpgradeError::UpgradeMissing),
        ("Upgrade", "Upgrade: websockets", UpgradeError::UpgradeMissing),
        ("Sec-WebSocket-Version", "", UpgradeError::VersionMissing),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8", UpgradeError::Version),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 013", UpgradeError::Version),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8", UpgradeError::Version),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8", UpgradeError::Version),
        ("Sec-WebSocket-Key", "", UpgradeError::KeyMissing),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key:", UpgradeError::KeyInvalid),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ", UpgradeError::KeyInvalid),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A", UpgradeError::KeyInvalid),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWF=", UpgradeError::KeyInvalid),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWFi", UpgradeError::KeyInvalid),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhl!HNhbXBsZSBub25jZQ==", UpgradeError::KeyInvalid),
        (
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            UpgradeError::KeyInvalid,
        ),
        ("Content-Length", "Content-Length: 1", UpgradeError::BodyPresent),
        ("Transfer-Encoding", "Transfer-Encoding: chunked", UpgradeError::BodyPresent),
        ("Content-Length", "Content-Length: x", UpgradeError::BodyPresent),
    ] {
        assert_eq!(with(name, line), Err(error), "{line:?} for {name}");
        assert_eq!(error.status(), if error == UpgradeError::Version { 426 } else { 400 });
    }
}

#[test]
fn protocols_in_order_over_several_fields() {
    let text = std::str::from_utf8(BROWSER).unwrap();
    let bytes = text.trim_end().to_owned()
        + "\r\nSec-WebSocket-Protocol: centrifuge-json, b\r\nsec-websocket-protocol: c\r\n\r\n";
    let head = head(bytes.as_bytes());
    let upgrade = check(&head).unwrap().unwrap();
    assert_eq!(upgrade.protocols().collect::<Vec<_>>(), [&b"centrifuge-json"[..], b"b", b"c"]);
}

#[test]
fn both_sides_agree() {
    let mut request = Vec::new();
    let key = client_key([7; 16]);
    write_request(&mut request, "127.0.0.1:8000", "/sub/a?b=c", &key, &[("X-API-Key", "secret")]);
    let head = head(&request);
    assert_eq!((head.len(), head.path(), head.query()), (request.len(), "/sub/a", Some("b=c")));
    assert_eq!(head.field("x-api-key"), Some(&b"secret"[..]));
    let upgrade = check(&head).unwrap().unwrap();
    let mut response = Vec::new();
    write_response(&mut response, upgrade.key, Some("centrifuge-json"), None);
    for end in 0..response.len() {
        assert_eq!(check_response(&response[..end], &key), Ok(None));
    }
    assert_eq!(check_response(&[&response[..], b"\x81\x01a"].concat(), &key), Ok(Some(response.len())));
    assert_eq!(check_response(&response, &client_key([8; 16])), Err(ResponseError::AcceptWrong));
}

#[test]
fn answers_that_make_no_websocket() {
    for (answer, error) in [
        ("HTTP/1.1 426 Upgrade Required\r\n\r\n", ResponseError::Status(426)),
        ("HTTP/1.1 200 OK\r\n\r\n", ResponseError::Status(200)),
        ("HTTP/1.1 101 x\r\nConnection: Upgrade\r\n\r\n", ResponseError::NotUpgraded),
        ("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", ResponseError::NotUpgraded),
        ("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", ResponseError::AcceptWrong),
        ("SSH-2.0-OpenSSH_9.2\r\n", ResponseError::Malformed),
    ] {
        assert_eq!(check_response(answer.as_bytes(), KEY), Err(error), "{answer}");
    }
}

#[test]
fn the_response_of_the_rfc() {
    let mut out = Vec::new();
    write_response(&mut out, KEY, None, None);
    assert_eq!(
        out.escape_ascii().to_string(),
        "HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\\r\\n\\r\\n"
    );
}
