//! What back ends are told of a client beside its command: the header fields of its request, those of its `connect`, and its meta.
use std::sync::Arc;
use std::time::Duration;

use base::ConnId;
use hub::{Access, Namespace};
use serde_json::json;
use shard::{
    Ask, Calls, Command, Field, Granted, HookConn, HookReply, Input, Methods, Proxies, ShardConfig, Ticket, Token,
};

use crate::both::{BOTH, Spoken};
use crate::desk::{Desk, frame, namespace, upgrade};
use crate::emulation::post;
use crate::proxy::{ask, asks, config, data, granted, tell};

/// `x-both` is told as a field of the request and as one of the `connect`; `x-brief` to who is asked about connects only.
fn told(meta: bool) -> ShardConfig {
    let field = |name: &str, is_emulated, is_kept| Field { name: name.into(), is_emulated, is_kept };
    let fields = vec![
        field("x-both", false, true),
        field("x-both", true, true),
        field("x-brief", true, false),
        field("x-kept", true, true),
    ];
    let calls = Calls { bare: Methods { proxy: Some("rpc".into()) }, ..Calls::default() };
    let asked = Namespace {
        subscribe: Access::default(),
        subscribe_proxy: Some("subscribe".into()),
        ..namespace("asked.>", 0)
    };
    let connect = Some("connect".into());
    let proxies = Proxies { connect, calls, fields, meta, refresh: Some("refresh".into()) };
    ShardConfig { namespaces: vec![asked, namespace(">", 0)], proxies: Arc::new(proxies), ..config() }
}

fn said(fields: &[(Box<str>, Box<[u8]>)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (&**name, core::str::from_utf8(value).unwrap())).collect()
}

fn meta(question: &Ask) -> Option<&str> {
    question.meta.as_deref().map(|meta| core::str::from_utf8(meta).unwrap())
}

/// Somebody with this meta.
fn with_meta(user: &str, meta: &str, left: Option<Duration>) -> Granted {
    let token = Token { user: user.into(), meta: meta.as_bytes().into(), left, ..Token::default() };
    Granted { is_there: true, token, ..Granted::default() }
}

fn begin(spoken: Spoken, desk: &mut Desk) -> ConnId {
    let target = match spoken {
        Spoken::Json => "/connection/websocket",
        Spoken::Protobuf => "/connection/websocket?format=protobuf",
    };
    let conn = desk.connect();
    let request = upgrade(target);
    desk.say(conn, request.strip_suffix("\r\n").unwrap().to_owned() + "X-Both: own\r\nX-Kept: own\r\n\r\n");
    conn
}

#[test]
fn a_client_says_header_fields_in_its_connect() {
    for spoken in BOTH {
        let mut desk = Desk::new(&told(false));
        let conn = begin(spoken, &mut desk);
        let headers = json!({"X-Both": "said", "x-brief": "b", "X-KEPT": "k", "x-other": "o", "host": "h"});
        let connect = json!({"id": 1, "connect": {"headers": headers}});
        assert!(spoken.say(&mut desk, conn, &[connect]).is_empty());
        let (of, question) = ask(&mut desk);
        assert_eq!(said(&question.fields), [("x-both", "own")], "{spoken:?}");
        assert_eq!(said(&question.emulated), [("x-both", "said"), ("x-brief", "b"), ("x-kept", "k")], "{spoken:?}");
        tell(&mut desk, of, granted(with_meta("ann", "{}", None)));
        assert!(spoken.hear(&mut desk, conn)[0]["connect"].is_object());
        // What only connects are told is kept no longer, nor is a meta that nobody is told.
        let holdings = desk.shard().holdings();
        assert_eq!((holdings.kept_fields, holdings.metas), (1, 0));
        spoken.say(&mut desk, conn, &[json!({"id": 2, "subscribe": {"channel": "asked.a"}})]);
        let (of, question) = ask(&mut desk);
        assert_eq!(said(&question.fields), [("x-both", "own")], "{spoken:?}");
        assert_eq!(said(&question.emulated), [("x-both", "said"), ("x-kept", "k")], "{spoken:?}");
        assert_eq!(meta(&question), None);
        tell(&mut desk, of, data("1"));
        desk.leave_nothing(&[conn]);
    }
}

#[test]
fn who_shows_a_token_says_them_too_and_who_says_none_has_none() {
    for spoken in BOTH {
        let mut desk = Desk::new(&told(true));
        let token = |headers| json!({"id": 1, "connect": {"token": "ann", "headers": headers}});
        let [one, other] = [json!({"x-kept": "k"}), json!({"x-other": "o"})].map(|headers| {
            let conn = spoken.open(&mut desk);
            assert!(spoken.say(&mut desk, conn, &[token(headers)])[0]["connect"].is_object());
            conn
        });
        assert_eq!(desk.shard().holdings().kept_fields, 1);
        for (conn, wanted) in [(one, &[("x-kept", "k")][..]), (other, &[])] {
            spoken.say(&mut desk, conn, &[json!({"id": 2, "rpc": {"method": "m"}})]);
            let (of, question) = ask(&mut desk);
            assert_eq!((said(&question.fields), said(&question.emulated)), (vec![], wanted.to_vec()));
            // As the tests' token says it.
            assert_eq!(meta(&question), Some("{\"meta\":\"ann\"}"));
            tell(&mut desk, of, data("1"));
            spoken.hear(&mut desk, conn);
        }
        desk.leave_nothing(&[one, other]);
    }
}

#[test]
fn streams_and_unidirectional_clients_say_them_as_well() {
    for (request, transport) in [
        (post("/connection/uni_http_stream", "{\"headers\":{\"x-kept\":\"k\"}}"), "uni_http_stream"),
        (post("/connection/uni_sse", "{\"headers\":{\"X-Kept\":\"k\",\"x-both\":null}}"), "uni_sse"),
        (post("/connection/http_stream", "{\"id\":1,\"connect\":{\"headers\":{\"x-kept\":\"k\"}}}"), "http_stream"),
        (post("/connection/sse", "{\"id\":1,\"connect\":{\"headers\":{\"x-kept\":\"k\"}}}"), "sse"),
    ] {
        let mut desk = Desk::new(&told(true));
        let conn = desk.connect();
        desk.ask(conn, request);
        let (of, question) = ask(&mut desk);
        assert_eq!((question.transport, meta(&question)), (transport, None));
        assert!(said(&question.emulated).contains(&("x-kept", "k")), "{transport}: {question:?}");
        tell(&mut desk, of, granted(with_meta("ann", "[1]", Some(Duration::from_secs(1)))));
        assert!(desk.hear_text(conn).contains("\"client\""));
        desk.pass(Duration::from_secs(2));
        let (_, question) = ask(&mut desk);
        assert_eq!((meta(&question), said(&question.emulated).len()), (Some("[1]"), question.emulated.len()));
        assert!(said(&question.emulated).contains(&("x-kept", "k")), "{transport}: {question:?}");
        desk.leave_nothing(&[conn]);
    }
    let mut desk = Desk::new(&told(true));
    let conn = desk.open("/connection/uni_websocket");
    desk.say(conn, frame(0x81, "{\"headers\":{\"x-brief\":\"b\"}}"));
    assert_eq!(said(&ask(&mut desk).1.emulated), [("x-brief", "b")]);
    desk.break_off(conn);
    desk.leave_nothing(&[]);
}

fn tell_of(desk: &mut Desk, (of, number): (HookConn, u32), granted: Granted) {
    let told = shard::Told::Granted(Box::new(granted));
    let command = Command::Hook(Box::new(HookReply::Told { of, number, told }));
    desk.handle(Input::Command { ticket: Ticket(0), command });
    desk.settle();
}

#[test]
fn a_meta_is_told_with_all_that_follows_until_another_one_comes() {
    for spoken in BOTH {
        let mut desk = Desk::new(&told(true));
        let conn = spoken.open(&mut desk);
        spoken.say(&mut desk, conn, &[json!({"id": 1, "connect": {}})]);
        let (of, question) = ask(&mut desk);
        assert_eq!(meta(&question), None, "nobody has given it one yet");
        tell(&mut desk, of, granted(with_meta("ann", "{\"a\": 1}", Some(Duration::from_secs(10)))));
        let heard = spoken.hear(&mut desk, conn);
        assert!(heard[0]["connect"]["client"].is_string() && !heard[0].to_string().contains("meta"), "{heard:?}");
        for command in [json!({"id": 2, "rpc": {"method": "m"}}), json!({"id": 3, "subscribe": {"channel": "asked.a"}})]
        {
            spoken.say(&mut desk, conn, &[command]);
            let (of, question) = ask(&mut desk);
            assert_eq!(meta(&question), Some("{\"a\": 1}"));
            tell(&mut desk, of, data("1"));
            spoken.hear(&mut desk, conn);
        }
        // A refresh that says nothing of it leaves it as it was; one that does replaces it.
        for (before, given) in [("{\"a\": 1}", ""), ("{\"a\": 1}", "[2]"), ("[2]", "")] {
            desk.pass(Duration::from_secs(11));
            let (of, question) = ask(&mut desk);
            assert_eq!(meta(&question), Some(before), "{given}");
            let number = question.number;
            tell_of(&mut desk, (of, number), with_meta("", given, Some(Duration::from_secs(10))));
        }
        assert_eq!(desk.shard().holdings().metas, 1);
        desk.leave_nothing(&[conn]);
    }
}

#[test]
fn who_is_not_let_in_leaves_nothing_of_what_it_said() {
    let mut desk = Desk::new(&told(true));
    let conn = begin(Spoken::Json, &mut desk);
    Spoken::Json.say(&mut desk, conn, &[json!({"id": 1, "connect": {"headers": {"x-kept": "k", "x-brief": "b"}}})]);
    let (of, _) = ask(&mut desk);
    assert_eq!(desk.shard().holdings().kept_fields, 1);
    tell(&mut desk, of, granted(Granted::default()));
    desk.hear(conn);
    assert!(asks(&mut desk).is_empty());
    desk.leave_nothing(&[conn]);
    // What is no text is no command.
    for headers in ["[]", "{\"a\":1}", "\"a\"", "{\"a\":{}}"] {
        let conn = begin(Spoken::Json, &mut desk);
        let heard = desk.say(conn, frame(0x81, format!("{{\"id\":1,\"connect\":{{\"headers\":{headers}}}}}")));
        assert_eq!(crate::desk::close_of(&heard).0, 3_501, "{headers}");
        desk.leave_nothing(&[conn]);
    }
}
