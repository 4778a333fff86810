//! Who is let in: bounds on connections, whom a proxy introduces, and what other settings change of it.
use std::time::Duration;

use hub::Namespace;
use shard::{Admission, Command, Endpoints, Input, Limits, Origins, Refusal, ShardConfig, Ticket};

use crate::desk::{Desk, dev, frame, namespace, text_of, upgrade};
use crate::emulation::{CONNECT, post};

/// One request for each of Centrifugo's transports.
fn requests() -> [String; 6] {
    [
        upgrade("/connection/websocket"),
        upgrade("/connection/uni_websocket"),
        post("/connection/sse", CONNECT),
        post("/connection/http_stream", CONNECT),
        post("/connection/uni_sse", "{}"),
        post("/connection/uni_http_stream", "{}"),
    ]
}

fn is_let_in(answer: &[u8]) -> bool {
    let answer = String::from_utf8_lossy(answer);
    if answer.starts_with("HTTP/1.1 101 ") || answer.starts_with("HTTP/1.1 200 ") {
        return true;
    }
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\n"), "no body: {answer}");
    false
}

#[test]
fn all_shards_together_have_room_for_so_many() {
    let limits = Limits { sessions: 4, ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { shards: 2, limits, ..dev() });
    let mut inside = Vec::new();
    for (number, request) in requests().into_iter().enumerate() {
        desk.turn_to(number % 2);
        let conn = desk.connect();
        let answer = desk.say(conn, request);
        assert_eq!(is_let_in(&answer), number < 4, "{number}");
        inside.push((number % 2, conn));
    }
    assert_eq!(desk.refusals(Refusal::Capacity), 1);
    // Whoever is no Centrifugo client is none of them.
    desk.open("/sub/a");
    assert!(desk.publish("a", "x").contains("offset"));
    // Each that ends makes room for one.
    for (shard, conn) in inside.into_iter().take(4) {
        desk.turn_to(shard);
        desk.break_off(conn);
        desk.settle();
        for expected in [true, false] {
            let conn = desk.connect();
            let answer = desk.say(conn, upgrade("/connection/websocket"));
            assert_eq!(is_let_in(&answer), expected);
        }
    }
}

#[test]
fn so_many_come_in_a_second() {
    let limits = Limits { sessions_per_second: 3, ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { shards: 2, limits, ..dev() });
    for _ in 0..3 {
        let mut count = 0;
        for (number, request) in requests().into_iter().enumerate() {
            desk.turn_to(number % 2);
            let conn = desk.connect();
            count += usize::from(is_let_in(&desk.say(conn, request)));
        }
        assert_eq!(count, 3);
        desk.pass(Duration::from_secs(1));
    }
}

/// A server behind a proxy that knows its users.
fn proxied() -> ShardConfig {
    let admission = Admission { user_field: "x-user-id".into(), ..Admission::default() };
    let namespaces = vec![Namespace { publish: hub::Access::ALL, ..namespace(">", 0) }];
    ShardConfig { dev: false, admission, namespaces, ..dev() }
}

#[test]
fn who_is_in_front_of_the_server_may_say_who_the_user_is() {
    let said = |request: &str| request.replace("Host: h\r\n", "Host: h\r\nX-USER-ID: ann\r\n");
    let mut desk = Desk::new(&proxied());
    let subscribe = r#"{"id":2,"subscribe":{"channel":"a"}}"#;
    let publish = r#"{"id":3,"publish":{"channel":"a","data":1}}"#;
    let conn = desk.connect();
    desk.say(conn, said(&upgrade("/connection/websocket")));
    let heard = desk.say(conn, frame(0x81, format!("{CONNECT}\n{subscribe}\n{publish}")));
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(
        heard.contains(r#""connect":{"client":"#) && heard.contains(r#""info":{"user":"ann","client":"#),
        "{heard}"
    );
    for request in &requests()[2..] {
        let conn = desk.connect();
        let answer = desk.ask(conn, said(request));
        assert!(answer.contains(r#""connect":{"client":"#), "{answer}");
    }
    let conn = desk.connect();
    desk.say(conn, said(&upgrade("/connection/uni_websocket")));
    let heard = desk.say(conn, frame(0x81, "null"));
    assert!(text_of(&heard).starts_with(r#"{"connect":{"client":"#));
    assert_eq!(desk.holdings()[0].users, 1);
    assert_eq!(desk.holdings()[0].lent, 0);
    // Without the field, with an empty one, or where nobody is in front: as ever.
    let config = ShardConfig { admission: Admission::default(), ..proxied() };
    for (config, request) in [
        (proxied(), post("/connection/uni_sse", "{}")),
        (proxied(), said(&post("/connection/uni_sse", "{}")).replace("ann", "")),
        (config, said(&post("/connection/uni_sse", "{}"))),
    ] {
        let answer = Desk::new(&config).request(request);
        assert!(answer.contains(r#"{"disconnect":{"code":3501,"#), "{answer}");
    }
    // A token says more than the field; where nobody has to say who he is, nobody has to believe the field.
    let answer = desk.request(said(&post("/connection/uni_sse", r#"{"token":"x"}"#)));
    assert!(answer.contains(r#"{"disconnect":{"code":3500,"#), "{answer}");
    let mut open = Desk::new(&ShardConfig { anonymous: true, ..proxied() });
    let conn = open.connect();
    open.say(conn, said(&upgrade("/connection/websocket")));
    let heard = open.say(conn, frame(0x81, format!("{CONNECT}\n{subscribe}\n{publish}")));
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(heard.contains(r#""info":{"user":"","client":"#) || heard.contains("\"code\":103"), "{heard}");
}

#[test]
fn other_settings_hold_for_those_who_come_and_disturb_nobody() {
    let mut desk = Desk::new(&dev());
    let page = |origin: &str| {
        upgrade("/connection/websocket").replace("Host: h\r\n", &format!("Host: h\r\nOrigin: {origin}\r\n"))
    };
    assert!(desk.request(page("https://a.org")).starts_with("HTTP/1.1 101 "));
    let conn = desk.connect();
    let begun = desk.ask(conn, post("/connection/http_stream", CONNECT));
    let told = |name: &str| {
        let rest = begun.split_once(&format!("\"{name}\":\"")).unwrap().1;
        rest.split_once('"').unwrap().0.to_owned()
    };
    // The settings do not say what this run of the server is called.
    let origins = Origins::Globs(vec!["https://b.org".into()]);
    let endpoints = Endpoints { origins, node: Box::default(), ..dev().endpoints };
    let limits = Limits { sessions: 3, ..Limits::default() };
    let config = Box::new(ShardConfig { endpoints, limits, admission: Admission::default(), ..dev() });
    desk.handle(Input::Command { ticket: Ticket(1), command: Command::Configure(config) });
    assert!(desk.request(page("https://a.org")).starts_with("HTTP/1.1 403 "));
    assert!(desk.request(page("https://b.org")).starts_with("HTTP/1.1 101 "));
    assert!(desk.request(page("https://b.org")).starts_with("HTTP/1.1 503 "), "those before count");
    let body = format!(
        r#"{{"session":"{}","node":"{}","data":"{{\"id\":2,\"subscribe\":{{\"channel\":\"a\"}}}}"}}"#,
        told("session"),
        told("node")
    );
    assert!(desk.request(post("/emulation", &body)).starts_with("HTTP/1.1 204 "));
    assert_eq!(desk.hear_text(conn), "{\"id\":2,\"subscribe\":{}}\n");
}
