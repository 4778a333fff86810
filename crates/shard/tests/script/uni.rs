//! Unidirectional transports: the protocol page, section 1.7.
use std::time::Duration;

use base::ConnId;
use shard::{Close, Compression, Dialect, Endpoints, Farewell, Limits, Origins, Refusal, ShardConfig, Transport};

use crate::desk::{Desk, close_of, dev, frame, text_of, upgrade, with_history};
use crate::emulation::post;

const WEBSOCKET: &str = "/connection/uni_websocket";
const SSE: &str = "/connection/uni_sse";
const HTTP_STREAM: &str = "/connection/uni_http_stream";

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// What a response's body begins with, and the connection that it comes over.
fn stream(desk: &mut Desk, request: impl AsRef<[u8]>) -> (ConnId, String) {
    let conn = desk.connect();
    let answer = desk.ask(conn, request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("no-store"), "{head}");
    assert_eq!(head.contains("Content-Type: text/event-stream"), body.starts_with('\n'), "{head}");
    (conn, body.to_owned())
}

fn is_connect(push: &str) -> bool {
    push.starts_with(r#"{"connect":{"client":""#) && push.contains(r#","session":""#) && !push.contains("\"node\"")
}

/// A connection of each transport, with what begins and ends each of its pushes.
fn each(desk: &mut Desk) -> [(ConnId, &'static str, &'static str); 3] {
    let websocket = desk.open(WEBSOCKET);
    let answer = desk.say(websocket, frame(0x81, "{}"));
    assert!(is_connect(text_of(&answer)), "{}", text_of(&answer));
    let (sse, body) = stream(desk, get(SSE));
    assert!(is_connect(body.strip_prefix("\ndata: ").unwrap()) && body.ends_with("}\n\n"), "{body}");
    let (lines, body) = stream(desk, post(HTTP_STREAM, "{}"));
    assert!(is_connect(&body) && body.ends_with("}\n"), "{body}");
    [(websocket, "", ""), (sse, "data: ", "\n\n"), (lines, "", "\n")]
}

#[test]
fn what_goes_up_is_a_connect_request() {
    let mut desk = Desk::new(&dev());
    each(&mut desk);
    // A request may say it in a parameter, or nothing at all; `null` is nothing.
    for request in [
        get(&format!("{SSE}?cf_connect=%7B%22name%22%3A%22curl%22%7D")),
        get(&format!("{SSE}?cf_connect=null")),
        post(SSE, "{}"),
        post(SSE, "null"),
        post(SSE, ""),
        post(HTTP_STREAM, r#"{"name":"curl","version":"8","data":[1],"subs":{},"headers":{"a":"b"},"more":1}"#),
        post(HTTP_STREAM, " null "),
    ] {
        let (_, body) = stream(&mut desk, request);
        assert!(body.contains(r#"{"connect":{"client":""#), "{body}");
    }
    let conn = desk.connect();
    let answer = desk.say(conn, upgrade(&format!("{WEBSOCKET}?cf_connect=%7B%22name%22%3A%22js%22%7D")));
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(is_connect(text_of(&answer[end..])));
    // What it says after that is not heard.
    for more in ["{}", "", "{\"id\":1,\"subscribe\":{}}", "no JSON at all"] {
        assert_eq!(desk.ask(conn, frame(0x81, more)), "");
    }
    assert_eq!(desk.say(conn, frame(0x89, "p")), [0x8a, 1, b'p']);
}

#[test]
fn what_is_no_connect_request() {
    for wrong in ["x", "[]", "{", "1", "{\"token\":1}", "{\"connect\":1} {}", "\u{0}"] {
        let mut desk = Desk::new(&dev());
        for path in [SSE, HTTP_STREAM] {
            let answer = desk.request(post(path, wrong));
            assert!(answer.starts_with("HTTP/1.1 400 "), "{wrong}: {answer}");
        }
        let conn = desk.open(WEBSOCKET);
        let answer = desk.say(conn, frame(0x81, wrong));
        assert_eq!(text_of(&answer[..answer.len() - 15]), r#"{"disconnect":{"code":3501,"reason":"bad request"}}"#);
        assert_eq!(close_of(&answer[answer.len() - 15..]), (3501, "bad request".to_owned()), "{wrong}");
        assert_eq!(desk.refusals(Refusal::BadRequest), 2);
    }
    let mut desk = Desk::new(&dev());
    for answer in
        [desk.request(get(&format!("{SSE}?cf_connect=x"))), desk.request(upgrade(&format!("{WEBSOCKET}?cf_connect=x")))]
    {
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    for (request, status) in [
        (get(WEBSOCKET), 426),
        (get(HTTP_STREAM), 405),
        (post(SSE, &"x".repeat(70_000)), 413),
        (post(HTTP_STREAM, &"x".repeat(70_000)), 413),
        (post(SSE, "{}").replace("POST", "PUT"), 405),
        (post(SSE, "").replace("POST", "OPTIONS"), 204),
        (post(HTTP_STREAM, "").replace("POST", "OPTIONS"), 204),
    ] {
        let answer = desk.request(&request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.60}: {answer}");
    }
}

#[test]
fn a_large_first_message() {
    let mut endpoints = dev().endpoints;
    endpoints.uni_websocket.body_bytes = 200;
    let limits = Limits { command_bytes: 100, ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { endpoints, limits, ..dev() });
    let say = |length: usize| frame(0x81, format!("{{\"name\":\"{}\"}}", "x".repeat(length - 11)));
    let conn = desk.open(WEBSOCKET);
    let answer = desk.say(conn, say(200));
    assert!(is_connect(text_of(&answer)));
    let conn = desk.open(WEBSOCKET);
    let answer = desk.say(conn, say(201));
    assert_eq!(close_of(&answer).0, 1009);
}

#[test]
fn who_may_not_connect_is_disconnected() {
    let config = ShardConfig { dev: false, ..dev() };
    let mut desk = Desk::new(&config);
    let told = r#"{"disconnect":{"code":3501,"reason":"bad request"}}"#;
    let (conn, body) = stream(&mut desk, get(SSE));
    assert_eq!(body, format!("\ndata: {told}\n\n"));
    assert!(desk.is_shut(conn));
    let (conn, body) = stream(&mut desk, post(HTTP_STREAM, "{}"));
    assert_eq!(body, format!("{told}\n"));
    assert!(desk.is_shut(conn));
    let conn = desk.open(WEBSOCKET);
    let answer = desk.say(conn, frame(0x81, "{}"));
    assert_eq!(text_of(&answer[..told.len() + 2]), told);
    assert_eq!(close_of(&answer[told.len() + 2..]).0, 3501);
    // Who says nothing at all is not waited for.
    let conn = desk.open(WEBSOCKET);
    desk.pass(Duration::from_secs(11));
    let heard = desk.hear(conn);
    assert!(String::from_utf8_lossy(&heard).contains(r#"{"disconnect":{"code":3502,"reason":"stale"}}"#));
}

#[test]
fn a_websocket_says_goodbye_as_the_settings_say() {
    for (push, close_frame) in [(true, true), (true, false), (false, true), (false, false)] {
        let endpoints = Endpoints { uni_farewell: Farewell { push, close_frame }, ..dev().endpoints };
        let mut desk = Desk::new(&ShardConfig { endpoints, ..dev() });
        let conn = desk.open(WEBSOCKET);
        let heard = desk.say(conn, frame(0x81, "x"));
        assert_eq!(heard.windows(12).any(|some| some == b"\"disconnect\""), push);
        assert_eq!(heard.len() > 15 && heard[heard.len() - 15] == 0x88 || heard.first() == Some(&0x88), close_frame);
        assert!(desk.is_shut(conn));
    }
}

#[test]
fn pings() {
    let mut config = dev();
    config.heartbeat.ping_interval = Duration::from_secs(20);
    config.heartbeat.pong_timeout = Duration::from_secs(5);
    let mut desk = Desk::new(&config);
    let websocket = desk.open(WEBSOCKET);
    let answer = desk.say(websocket, frame(0x81, "{}"));
    assert!(text_of(&answer).contains(r#""ping":20,"#) && !text_of(&answer).contains("pong"), "{}", text_of(&answer));
    let (sse, _) = stream(&mut desk, get(SSE));
    let (lines, _) = stream(&mut desk, post(HTTP_STREAM, ""));
    desk.pass(Duration::from_secs(20));
    assert_eq!((&*desk.hear_text(sse), &*desk.hear_text(lines)), ("data: {}\n\n", "{}\n"));
    assert_eq!(desk.hear(websocket), [&[0x81, 2][..], b"{}", &[0x89, 0]].concat());
    // Nobody answers a stream's pings; a WebSocket's ping frame has to be answered.
    let mut pong = frame(0x8a, "");
    desk.tell(websocket, &mut pong);
    desk.pass(Duration::from_secs(21));
    for conn in [websocket, sse, lines] {
        assert!(!desk.hear(conn).is_empty() && !desk.is_shut(conn));
    }
    desk.pass(Duration::from_secs(60));
    assert!(!desk.is_shut(sse) && !desk.is_shut(lines));
    let heard = desk.hear(websocket);
    assert!(String::from_utf8_lossy(&heard).contains(r#"{"disconnect":{"code":3012,"reason":"no pong"}}"#));
}

#[test]
fn pages_of_other_origins() {
    let origins = Origins::Globs(vec!["https://*.example.com".into()]);
    let mut desk = Desk::new(&ShardConfig { endpoints: Endpoints { origins, ..dev().endpoints }, ..dev() });
    for (origin, admitted) in [("https://a.example.com", true), ("https://a.example.org", false)] {
        let from = |request: String| request.replace("Host: h\r\n", &format!("Host: h\r\nOrigin: {origin}\r\n"));
        let answer = desk.request(from(upgrade(WEBSOCKET)));
        assert!(answer.starts_with(if admitted { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " }), "{answer}");
        for request in [get(SSE), post(SSE, "{}"), post(SSE, "x"), post(HTTP_STREAM, "{}"), post(HTTP_STREAM, "x")] {
            let answer = desk.request(from(request));
            let said = answer.contains(&format!("\r\nAccess-Control-Allow-Origin: {origin}\r\n"));
            assert_eq!(said, admitted, "{answer}");
        }
    }
}

#[test]
fn none_of_them_is_served_where_it_is_off() {
    let mut desk = Desk::new(&ShardConfig { endpoints: Endpoints::default(), ..dev() });
    for request in [upgrade(WEBSOCKET), get(SSE), post(HTTP_STREAM, "{}")] {
        desk.say_alone(request.as_bytes());
    }
    assert_eq!(desk.world().handed_over.len(), 3);
}

#[test]
fn an_idle_one_holds_its_row() {
    let mut desk = Desk::new(&with_history());
    let all = each(&mut desk);
    let holdings = &desk.holdings()[0];
    assert_eq!((holdings.lent, holdings.sessions, holdings.frames), (0, 3, 0));
    let report = desk.report();
    for dialect in [Dialect::UniJson, Dialect::UniEvents, Dialect::UniLines] {
        let at = Transport::ALL.iter().position(|one| *one == Transport::Centrifugo(dialect)).unwrap();
        assert_eq!(report.connections[at], 1, "{dialect:?}");
    }
    for (conn, ..) in all {
        desk.finish(conn);
        assert_eq!(desk.world().closed.get(&conn.0), Some(&Close::Graceful));
    }
    assert_eq!(desk.holdings()[0].sessions, 0);
}

#[test]
fn they_leave_when_the_server_does() {
    let mut desk = Desk::new(&dev());
    let all = each(&mut desk);
    desk.drain(Duration::ZERO);
    desk.settle();
    for (conn, before, after) in all {
        let heard = desk.hear(conn);
        let told = format!(r#"{before}{{"disconnect":{{"code":3001,"reason":"shutdown"}}}}{after}"#);
        assert!(String::from_utf8_lossy(&heard).contains(&told), "{}", heard.escape_ascii());
    }
}

#[test]
fn a_websocket_may_be_compressed() {
    let compression = Compression { uni_enabled: true, ..Compression::default() };
    let mut desk = Desk::new(&ShardConfig { compression, ..dev() });
    let offer = "Host: h\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    let answer = desk.request(upgrade(WEBSOCKET).replace("Host: h\r\n", offer));
    assert!(answer.contains("Sec-WebSocket-Extensions: permessage-deflate; "), "{answer}");
    let answer = desk.request(upgrade("/connection/websocket").replace("Host: h\r\n", offer));
    assert!(!answer.contains("Sec-WebSocket-Extensions"), "{answer}");
}
