//! Byte scripts from the protocol's description, and seeded noise.
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base::Prng;

use super::*;
use crate::centrifugo::{Connect, History, Publish, Request, Rpc, Send, Since, SubRefresh, Subscribe};
use crate::filter::FilterNode;

fn all(message: &str) -> Vec<Result<Command<'_>, DecodeError>> {
    commands(message.as_bytes()).collect()
}

fn one(message: &str) -> Request<'_> {
    let mut all = all(message);
    assert_eq!(all.len(), 1, "{message}");
    all.pop().unwrap().unwrap_or_else(|error| panic!("{message}: {error}")).request
}

fn refused(message: &str) -> bool {
    let all = all(message);
    all.len() == 1 && all[0].is_err()
}

#[test]
fn connect_and_subscribe_of_one_frame() {
    let message = "{\"id\":1,\"connect\":{\"token\":\"t\",\"name\":\"js\"}}\n{\"id\":2,\"subscribe\":{\"channel\":\"news\",\"flag\":1}}";
    let connect = Connect { token: "t".into(), name: "js".into(), ..Connect::default() };
    let subscribe = Subscribe { channel: "news".into(), flag: 1, ..Subscribe::default() };
    let want = [
        Ok(Command { id: 1, request: Request::Connect(connect) }),
        Ok(Command { id: 2, request: Request::Subscribe(subscribe) }),
    ];
    assert_eq!(all(message), want);
    assert_eq!(all(&format!("{message}\n")), want, "one line feed at the end is allowed");
}

#[test]
fn every_request_is_read_with_its_members() {
    let subscribe = one(concat!(
        r#"{"id":2,"subscribe":{"channel":"h","recover":true,"offset":18446744073709551615,"epoch":"kZbFqt","#,
        r#""token":"s","data":{"a":[1]},"positioned":true,"recoverable":true,"join_leave":true,"delta":"fossil","#,
        r#""flag":3,"type":1,"tf":{"op":"and","nodes":[{"key":"k\"","cmp":"in","vals":["a","\u00e4"],"nodes":null,"x":1}]}}}"#
    ));
    let vals = ["a", "ä"].map(Into::into).into();
    let leaf = FilterNode { key: "k\"".into(), cmp: "in".into(), vals, ..FilterNode::default() };
    let joint = FilterNode { op: "and".into(), nodes: [leaf].into(), ..FilterNode::default() };
    let want = Subscribe {
        channel: "h".into(),
        token: "s".into(),
        recover: true,
        epoch: "kZbFqt".into(),
        offset: u64::MAX,
        data: br#"{"a":[1]}"#.into(),
        positioned: true,
        recoverable: true,
        join_leave: true,
        delta: "fossil".into(),
        filter: Some(joint.into()),
        flag: 3,
        kind: 1,
    };
    assert_eq!(subscribe, Request::Subscribe(want));
    let publish = Publish { channel: "news".into(), data: b"{ \"b\":2 }".into() };
    assert_eq!(one(r#"{"publish":{"data":{ "b":2 },"channel":"news"},"id":4}"#), Request::Publish(publish));
    let history =
        History { channel: "h".into(), limit: -1, since: Some(Since { offset: 7, epoch: "e".into() }), reverse: true };
    let text = r#"{"id":1,"history":{"channel":"h","limit":-1,"since":{"offset":7,"epoch":"e"},"reverse":true}}"#;
    assert_eq!(one(text), Request::History(history));
    let rpc = Rpc { method: "m".into(), data: b"\"x\"".into() };
    assert_eq!(one(r#"{"id":1,"rpc":{"method":"m","data":"x"}}"#), Request::Rpc(rpc));
    let sub_refresh = SubRefresh { channel: "c".into(), token: "t".into() };
    assert_eq!(one(r#"{"id":1,"sub_refresh":{"channel":"c","token":"t"}}"#), Request::SubRefresh(sub_refresh));
    assert!(matches!(one(r#"{"id":1,"unsubscribe":{"channel":"c"}}"#), Request::Unsubscribe(it) if it.channel == "c"));
    assert!(matches!(one(r#"{"id":1,"presence":{"channel":"c"}}"#), Request::Presence(it) if it.channel == "c"));
    assert!(
        matches!(one(r#"{"id":1,"presence_stats":{"channel":"c"}}"#), Request::PresenceStats(it) if it.channel == "c")
    );
    assert!(matches!(one(r#"{"id":1,"refresh":{"token":"t"}}"#), Request::Refresh(it) if it.token == "t"));
    assert_eq!(one(r#"{"id":1,"ping":{}}"#), Request::Ping);
}

#[test]
fn id_0_is_a_pong_unless_it_sends() {
    assert_eq!(one("{}"), Request::Pong);
    assert_eq!(one(r#"{"connect":{}}"#), Request::Pong);
    assert_eq!(one(r#"{"id":0,"subscribe":{"channel":"c"}}"#), Request::Pong);
    assert_eq!(one(r#"{"send":{"data":1}}"#), Request::Send(Send { data: b"1".into() }));
    assert_eq!(one(r#"{"id":1}"#), Request::Empty);
    assert_eq!(one(r#"{"id":1,"dance":{}}"#), Request::Empty);
}

#[test]
fn the_first_request_in_the_protocols_order_counts() {
    let text = r#"{"id":1,"rpc":{},"publish":{"channel":"p"},"subscribe":{"channel":"s"},"ping":null,"connect":null}"#;
    assert!(matches!(one(text), Request::Subscribe(it) if it.channel == "s"));
    assert_eq!(one(r#"{"id":1,"send":{},"ping":{},"connect":{"x":[]}}"#), Request::Connect(Connect::default()));
}

#[test]
fn null_is_nothing() {
    let text = r#"{"id":1,"connect":{"token":null,"data":null,"name":null,"version":null,"subs":null,"headers":{}}}"#;
    assert_eq!(one(text), Request::Connect(Connect::default()));
    let text = r#"{"id":1,"subscribe":{"channel":null,"recover":null,"offset":null,"flag":null,"type":null}}"#;
    assert_eq!(one(text), Request::Subscribe(Subscribe::default()));
    assert_eq!(one(r#"{"id":null}"#), Request::Pong);
}

#[test]
fn names_are_borrowed_unless_escaped() {
    let Request::Publish(plain) = one(r#"{"id":1,"publish":{"channel":"новости"}}"#) else {
        panic!("a publish")
    };
    assert!(matches!(plain.channel, Cow::Borrowed("новости")));
    let Request::Publish(escaped) = one(r#"{"id":1,"publish":{"channel":"a\u0062\n"}}"#) else { panic!("a publish") };
    assert_eq!(escaped.channel, "ab\n");
}

#[test]
fn a_message_that_is_not_a_row_of_commands_is_refused() {
    assert_eq!(all(""), [Err(DecodeError::Nothing)]);
    assert_eq!(all("\n"), [Err(DecodeError::BlankLine)]);
    assert_eq!(all("{}\n\n{}"), [Ok(Command { id: 0, request: Request::Pong }), Err(DecodeError::BlankLine)]);
    assert_eq!(all("{}\n\n"), [Ok(Command { id: 0, request: Request::Pong }), Err(DecodeError::BlankLine)]);
    for text in [
        "null",
        "[]",
        "[1]",
        "1",
        "{",
        "{} {}",
        r#"{"id":-1}"#,
        r#"{"id":4294967296}"#,
        r#"{"id":"1"}"#,
        r#"{"id":1,"connect":[]}"#,
        r#"{"id":1,"connect":"x"}"#,
        r#"{"id":1,"connect":{"token":1}}"#,
        r#"{"id":1,"connect":{"token":"\ud800"}}"#,
        r#"{"id":1,"publish":{"channel":"c","data":{]}}"#,
        r#"{"id":1,"subscribe":{"channel":"c","offset":-1}}"#,
        r#"{"id":1,"id":2}"#,
    ] {
        assert!(refused(text), "{text}");
    }
    let not_text: Vec<_> = commands(b"{\"id\":1,\"publish\":{\"channel\":\"c\",\"data\":\"\xff\"}}").collect();
    assert!(matches!(not_text[..], [Err(DecodeError::Malformed { .. })]));
}

#[test]
fn nesting_is_bounded_by_the_message_and_not_by_the_stack() {
    let deep = "[".repeat(60_000) + &"]".repeat(60_000);
    let text = format!(r#"{{"id":1,"publish":{{"channel":"c","data":{deep}}},"unknown":{deep}}}"#);
    assert!(matches!(one(&text), Request::Publish(it) if it.data.len() == 120_000));
}

/// A command may wait for another core; what is kept then is the rest, and it reads as if nothing had been.
#[test]
fn stopping_anywhere_and_going_on_with_the_rest_changes_nothing() {
    for seed in 0..200 {
        let mut random = Prng::new(seed, "commands");
        let count = 1 + random.below(8);
        let mut message = String::new();
        for id in 1..=count {
            let kind = ["publish", "subscribe", "unsubscribe"][usize::try_from(random.below(3)).unwrap()];
            message.push_str(&format!(r#"{{"id":{id},"{kind}":{{"channel":"c{}"}}}}"#, random.below(1_000)));
            if id < count || random.one_in(2) {
                message.push('\n');
            }
        }
        let whole = all(&message);
        assert_eq!(whole.len() as u64, count, "seed {seed}");
        let (mut rest, mut parts) = (message.as_bytes(), Vec::new());
        while !rest.is_empty() {
            let mut some = commands(rest);
            parts.extend(some.by_ref().take(usize::try_from(1 + random.below(3)).unwrap()));
            assert_eq!(some.rest(), &rest[some.consumed()..]);
            rest = some.rest();
        }
        assert_eq!(parts, whole, "seed {seed}");
    }
}

/// Whatever a client sends, reading ends, and after an error nothing more is read.
#[test]
fn noise_is_survived() {
    let seeds = [
        r#"{"id":1,"connect":{"token":"a\u00e9","data":{"x":[1,2.5e-3,null]},"name":"js"}}"#,
        "{\"id\":2,\"subscribe\":{\"channel\":\"news\",\"offset\":7}}\n{}\n",
        r#"{"id":3,"publish":{"channel":"c","data":"text"}}"#,
    ];
    for seed in 0..20_000 {
        let mut random = Prng::new(seed, "noise");
        let mut message: Vec<u8> = seeds[usize::try_from(seed % 3).unwrap()].into();
        for _ in 0..=random.below(4) {
            let at = usize::try_from(random.below(message.len() as u64)).unwrap();
            match random.below(3) {
                0 => message[at] ^= 1 << random.below(8),
                1 => drop(message.remove(at)),
                _ => message.insert(at, b"{}[]\",:\n0\\"[usize::try_from(random.below(10)).unwrap()]),
            }
        }
        let results: Vec<_> = commands(&message).collect();
        assert!(!results.is_empty() && results.len() <= message.len(), "seed {seed}");
        assert!(results.iter().rev().skip(1).all(Result::is_ok), "seed {seed}");
    }
}

#[test]
fn a_connect_names_the_channels_that_the_server_is_to_subscribe_it_to() {
    let line = br#"{"id":1,"connect":{"subs":{"a":{"recover":true,"offset":7,"epoch":"e"},"b\n":null}}}"#;
    let Ok(Command { request: Request::Connect(connect), .. }) = commands(line).next().unwrap() else { panic!() };
    let known = Subscribe { channel: "a".into(), recover: true, offset: 7, epoch: "e".into(), ..Subscribe::default() };
    let other = Subscribe { channel: "b\n".into(), ..Subscribe::default() };
    assert_eq!(connect.subs, [known, other]);
    for wrong in [r#"{"id":1,"connect":{"subs":[]}}"#, r#"{"id":1,"connect":{"subs":{"a":[]}}}"#] {
        assert!(commands(wrong.as_bytes()).next().unwrap().is_err(), "{wrong}");
    }
}

#[test]
fn a_connect_says_header_fields() {
    let line = br#"{"id":1,"connect":{"headers":{"X-A":"1","x-a":"\u0031\n","X-B":null}}}"#;
    let Ok(Command { request: Request::Connect(connect), .. }) = commands(line).next().unwrap() else { panic!() };
    assert_eq!(
        connect.headers,
        [("X-A", "1"), ("x-a", "1\n"), ("X-B", "")].map(|(name, value)| (name.into(), value.into()))
    );
    for wrong in [r#"{"id":1,"connect":{"headers":["a"]}}"#, r#"{"id":1,"connect":{"headers":{"a":1}}}"#] {
        assert!(commands(wrong.as_bytes()).next().unwrap().is_err(), "{wrong}");
    }
}
