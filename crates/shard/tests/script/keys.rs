//! Who may do what: development, keys, namespaces.
use hub::{Access, Namespace};
use shard::{Refusal, ShardConfig};

use crate::desk::{Desk, close_of, dev, frame, namespace, text_of, upgrade};

/// A server in earnest: news may be listened to, chat may be published to as well.
fn earnest() -> ShardConfig {
    let chat = Namespace { publish: Access::ALL, ..namespace("chat.>", 0) };
    let hidden = Namespace { subscribe: Access::default(), ..namespace("hidden.>", 0) };
    ShardConfig {
        dev: false,
        anonymous: true,
        api_keys: vec!["secret".to_owned(), "other".to_owned(), String::new()],
        namespaces: vec![namespace("news.>", 0), chat, hidden],
        ..dev()
    }
}

fn status(answer: &str) -> &str {
    &answer[9..12]
}

fn post(subject: &str, field: &str) -> String {
    format!("POST /pub/{subject} HTTP/1.1\r\nHost: h\r\n{field}Content-Length: 1\r\n\r\nx")
}

#[test]
fn publishing_needs_a_key_or_an_open_namespace() {
    let mut desk = Desk::new(&earnest());
    for (subject, field, expected) in [
        ("news.a", "", "401"),
        ("news.a", "X-API-Key: wrong\r\n", "401"),
        ("news.a", "X-API-Key: \r\n", "401"),
        ("news.a", "X-API-Key: secret\r\n", "200"),
        ("news.a", "x-api-key: other\r\n", "200"),
        ("news.a", "Authorization: apikey secret\r\n", "200"),
        ("news.a", "Authorization: ApiKey secret\r\n", "200"),
        ("news.a", "Authorization: Bearer secret\r\n", "401"),
        ("elsewhere", "X-API-Key: secret\r\n", "200"),
        ("elsewhere", "", "401"),
        ("chat.a", "", "200"),
    ] {
        let answer = desk.request(post(subject, field));
        assert_eq!(status(&answer), expected, "{subject} {field:?}: {answer}");
        if expected == "401" {
            assert!(answer.contains("\r\nWWW-Authenticate: apikey\r\n") && answer.contains("X-API-Key"), "{answer}");
        }
    }
    assert_eq!(desk.refusals(Refusal::Unauthorized), 5);
    assert!(!desk.request(post("chat.a", "")).contains("Access-Control"), "other origins are a matter of development");
}

#[test]
fn the_publish_stream_needs_a_key() {
    let mut desk = Desk::new(&earnest());
    assert_eq!(status(&desk.request(upgrade("/pub"))), "401");
    let with_key = upgrade("/pub").replace("\r\n\r\n", "\r\nX-API-Key: secret\r\n\r\n");
    assert_eq!(status(&desk.request(with_key)), "101");
}

#[test]
fn listening_needs_a_namespace_that_lets() {
    let mut desk = Desk::new(&earnest());
    for (subjects, expected) in
        [("news.a", "101"), ("chat.a,news.b", "101"), ("news.a,hidden.a", "403"), ("elsewhere", "403"), ("news", "403")]
    {
        let answer = desk.request(upgrade(&format!("/sub/{subjects}")));
        assert_eq!(status(&answer), expected, "{subjects}: {answer}");
    }
    assert_eq!(desk.refusals(Refusal::Forbidden), 3);
}

#[test]
fn echo_is_for_development_only() {
    assert_eq!(status(&Desk::new(&dev()).request(upgrade("/echo"))), "101");
    let mut desk = Desk::new(&earnest());
    assert_eq!(desk.request(upgrade("/echo")), "");
    assert_eq!(desk.world().handed_over.len(), 1);
}

fn session(desk: &mut Desk) -> base::ConnId {
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    conn
}

#[test]
fn sessions_keep_to_their_namespaces() {
    let mut desk = Desk::new(&earnest());
    let conn = session(&mut desk);
    desk.say(conn, frame(0x81, "{\"id\":1,\"connect\":{}}"));
    for (command, expected) in [
        ("\"subscribe\":{\"channel\":\"news.a\"}", "\"subscribe\":{}"),
        ("\"subscribe\":{\"channel\":\"hidden.a\"}", "\"code\":103,"),
        ("\"subscribe\":{\"channel\":\"elsewhere\"}", "\"code\":102,"),
        ("\"subscribe\":{\"channel\":\"chat.a\",\"token\":\"t\"}", "\"code\":103,"),
        ("\"publish\":{\"channel\":\"chat.a\",\"data\":1}", "\"publish\":{}"),
        ("\"publish\":{\"channel\":\"news.b\",\"data\":1}", "\"code\":103,"),
        ("\"publish\":{\"channel\":\"elsewhere\",\"data\":1}", "\"code\":102,"),
    ] {
        let answer = desk.say(conn, frame(0x81, format!("{{\"id\":2,{command}}}")));
        assert!(text_of(&answer).contains(expected), "{command}: {}", text_of(&answer));
    }
}

#[test]
fn a_token_that_nobody_can_verify_is_none() {
    let mut desk = Desk::new(&earnest());
    let conn = session(&mut desk);
    assert_eq!(close_of(&desk.say(conn, frame(0x81, "{\"id\":1,\"connect\":{\"token\":\"x\"}}"))).0, 3500);
    let mut desk = Desk::new(&ShardConfig { anonymous: false, ..earnest() });
    let conn = session(&mut desk);
    assert_eq!(close_of(&desk.say(conn, frame(0x81, "{\"id\":1,\"connect\":{}}"))).0, 3501);
}
