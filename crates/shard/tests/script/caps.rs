//! Capabilities of tokens: what they open and close beside namespaces, patterns, refreshes, and that nothing is left of them.
use std::sync::Arc;

use base::ConnId;
use hub::{Access, Cap, Meant, Naming, Offer, Operation, Pattern};
use serde_json::{Value, json};
use shard::{Holdings, ShardConfig, Token, TokenError, TokenKind, TokenVerifier, Tokens};

use crate::desk::{Desk, close_of, dev, frame, namespace, upgrade};
use crate::session::lines;

const HST: Operation = Operation::History;
const PRS: Operation = Operation::Presence;
const PUB: Operation = Operation::Publish;
const SUB: Operation = Operation::Subscribe;

/// Takes the names of the tokens below. An expression is here what a name ends in.
#[derive(Debug)]
struct Known;

fn cap(meant: Meant, channel: &str, allow: &[Operation], deny: &[Operation]) -> Cap {
    let of = |operations: &[Operation]| operations.iter().copied().collect();
    Cap { channels: [channel.into()].into(), meant, allow: of(allow), deny: of(deny) }
}

fn caps_of(name: &str) -> Option<Vec<Cap>> {
    let any = |channel| cap(Meant::Wildcard, channel, &[SUB, PUB, PRS, HST], &[]);
    Some(match name {
        "plain" => vec![],
        "all" => vec![any("*")],
        "reader" => vec![cap(Meant::Exact, "closed.a", &[SUB, PRS, HST], &[])],
        "writer" => vec![cap(Meant::Wildcard, "closed.*", &[PUB], &[])],
        "expressive" => vec![cap(Meant::Regex, "_1", &[SUB], &[])],
        "muted" => vec![cap(Meant::Wildcard, "*", &[], &[PUB])],
        "blind" => vec![any("*"), cap(Meant::Exact, "open.secret", &[], &[SUB, PRS, HST])],
        "named" => vec![cap(Meant::Exact, "$private", &[SUB], &[]), cap(Meant::Exact, "limited#bob", &[SUB], &[])],
        _ => return None,
    })
}

impl TokenVerifier for Known {
    fn verify(&self, kind: TokenKind, token: &str) -> Result<Token, TokenError> {
        let user = "ann".into();
        if kind == TokenKind::Subscription {
            let (channel, more) = token.split_once('/').unwrap_or((token, ""));
            let allow = (more == "allow").then_some([PUB, HST, PRS]).into_iter().flatten().collect();
            let deny = (more == "deny").then_some([PUB]).into_iter().flatten().collect();
            return Ok(Token { user, channel: channel.into(), allow, deny, ..Token::default() });
        }
        let caps = caps_of(token).ok_or(TokenError::Invalid)?;
        Ok(Token { user, caps: caps.into_iter().collect(), ..Token::default() })
    }

    fn regex_fits(&self, expression: &str, name: &str) -> bool {
        name.ends_with(expression)
    }
}

fn config(shards: u16) -> ShardConfig {
    let closed = |pattern| hub::Namespace {
        subscribe: Access::default(),
        presence: true,
        recovery: Offer::Withheld,
        wildcards: true,
        ..namespace(pattern, 9)
    };
    let open = hub::Namespace {
        subscribe: Access::ALL,
        publish: Access::ALL,
        presence_access: Access::ALL,
        history_access: Access::ALL,
        recovery: Offer::Always,
        ..closed("open.>")
    };
    let naming = Arc::new(Naming::default());
    let limited = hub::Namespace { user_limited: true, pattern: Pattern::carrying(None, &naming), ..closed(">") };
    let tokens = Tokens { verifier: Some(Arc::new(Known)), ..Tokens::default() };
    let namespaces = vec![open, closed("closed.>"), limited];
    ShardConfig { shards, dev: false, anonymous: true, tokens, namespaces, ..dev() }
}

fn session(desk: &mut Desk, token: &str) -> ConnId {
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    let answer = desk.say(conn, frame(0x81, json!({"id": 1, "connect": {"token": token}}).to_string()));
    assert!(String::from_utf8_lossy(&answer).contains("\"client\""), "{token}");
    conn
}

fn say(desk: &mut Desk, conn: ConnId, command: &str, params: Value) -> Value {
    let heard = desk.say(conn, frame(0x81, json!({"id": 7, command: params}).to_string()));
    let lines = lines(&heard);
    let answers = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    answers.into_iter().find(|answer| answer["id"] == 7).unwrap()
}

fn code(desk: &mut Desk, conn: ConnId, command: &str, channel: &str) -> u64 {
    let answer = say(desk, conn, command, json!({"channel": channel, "data": 1, "limit": 1}));
    answer["error"]["code"].as_u64().unwrap_or(0)
}

/// Subscribing, publishing, asking for presence and history, each by itself.
fn codes(token: &str, channel: &str) -> [u64; 4] {
    let mut desk = Desk::new(&config(2));
    ["subscribe", "publish", "presence", "history"].map(|command| {
        let conn = session(&mut desk, token);
        code(&mut desk, conn, command, channel)
    })
}

#[test]
fn capabilities_open_what_the_namespace_does_not_and_close_what_it_does() {
    for (token, channel, expected) in [
        ("plain", "closed.a", [103; 4]),
        ("plain", "open.a", [0; 4]),
        ("all", "closed.a", [0; 4]),
        ("reader", "closed.a", [0, 103, 0, 0]),
        ("reader", "closed.b", [103; 4]),
        ("reader", "open.a", [0; 4]),
        ("writer", "closed.a", [103, 0, 103, 103]),
        ("expressive", "closed.a_1", [0, 103, 103, 103]),
        ("expressive", "closed.a_2", [103; 4]),
        ("muted", "open.a", [0, 103, 0, 0]),
        ("blind", "open.secret", [103, 0, 103, 103]),
        ("blind", "closed.a", [0; 4]),
        // What no namespace names is not opened.
        ("all", "nowhere:a", [102; 4]),
    ] {
        assert_eq!(codes(token, channel), expected, "{token} {channel}");
    }
}

#[test]
fn what_is_private_or_for_other_users_is_opened_by_its_name_only() {
    for (token, channel, expected) in [
        ("all", "$private", 103),
        ("named", "$private", 0),
        ("all", "limited#bob", 103),
        ("named", "limited#bob", 0),
        ("all", "limited#ann", 0),
        ("all", "$limited#ann", 103),
    ] {
        let mut desk = Desk::new(&config(1));
        let conn = session(&mut desk, token);
        assert_eq!(code(&mut desk, conn, "subscribe", channel), expected, "{token} {channel}");
    }
}

#[test]
fn a_pattern_brings_nothing_that_is_denied() {
    for shards in [1, 3] {
        let mut desk = Desk::new(&config(shards));
        for (token, pattern, expected) in [
            ("plain", "open.*", 0),
            ("plain", "closed.*", 103),
            ("all", "closed.*", 0),
            ("reader", "closed.*", 103),
            ("expressive", "closed.*", 103),
            ("blind", "open.*", 103),
            ("blind", "open.>", 103),
            ("blind", "*.secret", 103),
            ("blind", "open.*.a", 0),
            ("blind", "closed.*", 0),
        ] {
            let conn = session(&mut desk, token);
            assert_eq!(code(&mut desk, conn, "subscribe", pattern), expected, "{token} {pattern}");
        }
    }
}

#[test]
fn a_subscription_is_positioned_by_capability_and_not_where_reading_is_denied() {
    let mut desk = Desk::new(&config(2));
    let asks = |channel: &str| json!({"channel": channel, "positioned": true, "recoverable": true});
    for (token, channel, recoverable) in [
        ("plain", "open.a", true),
        ("reader", "closed.a", true),
        ("expressive", "closed.a_1", false),
        ("all", "closed.a", true),
    ] {
        let conn = session(&mut desk, token);
        let answer = say(&mut desk, conn, "subscribe", asks(channel));
        assert_eq!(answer["subscribe"]["recoverable"] == true, recoverable, "{token} {channel}: {answer}");
    }
    // By `connect`, and where the namespace recovers for all: reading is denied, so nothing is.
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    let subs = json!({"open.a": {"recover": true}, "open.secret": {"recover": true}, "closed.b": {}, "$private": {}});
    let heard = desk.say(conn, frame(0x81, json!({"id": 1, "connect": {"token": "blind", "subs": subs}}).to_string()));
    let answer: Value = serde_json::from_str(&lines(&heard)[0]).unwrap();
    let subs = answer["connect"]["subs"].as_object().unwrap();
    assert_eq!(subs.keys().collect::<Vec<_>>(), ["closed.b", "open.a"], "{answer}");
    assert_eq!(subs["open.a"]["recoverable"], true, "{answer}");
}

#[test]
fn a_subscription_token_brings_operations_of_its_own_as_long_as_it_lasts() {
    let mut desk = Desk::new(&config(2));
    let conn = session(&mut desk, "plain");
    let with = |token: &str| json!({"channel": "closed.a", "token": token});
    assert_eq!(say(&mut desk, conn, "subscribe", with("closed.a/allow"))["error"], Value::Null);
    for command in ["publish", "presence", "history"] {
        assert_eq!(code(&mut desk, conn, command, "closed.a"), 0, "{command}");
        assert_eq!(code(&mut desk, conn, command, "closed.b"), 103, "{command}");
    }
    assert_eq!(say(&mut desk, conn, "sub_refresh", with("closed.a"))["error"], Value::Null);
    assert_eq!(code(&mut desk, conn, "publish", "closed.a"), 103);
    let conn = session(&mut desk, "all");
    assert_eq!(say(&mut desk, conn, "subscribe", with("closed.a/deny"))["error"], Value::Null);
    assert_eq!(code(&mut desk, conn, "publish", "closed.a"), 103, "a denial wins");
    assert_eq!(code(&mut desk, conn, "publish", "closed.b"), 0);
}

#[test]
fn a_refresh_brings_other_capabilities_and_ends_what_only_the_old_ones_allowed() {
    let mut desk = Desk::new(&config(2));
    let conn = session(&mut desk, "all");
    for channel in ["closed.a", "closed.*", "open.secret", "open.b"] {
        assert_eq!(code(&mut desk, conn, "subscribe", channel), 0, "{channel}");
    }
    let with_token = json!({"channel": "closed.c", "token": "closed.c"});
    assert_eq!(say(&mut desk, conn, "subscribe", with_token)["error"], Value::Null);
    let refresh = |token: &str| frame(0x81, json!({"id": 8, "refresh": {"token": token}}).to_string());
    let heard = lines(&desk.say(conn, refresh("reader")));
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].contains("\"channel\":\"closed.*\",\"unsubscribe\":{\"code\":2000"), "{heard:?}");
    assert!(heard[1].contains("\"id\":8,\"refresh\""), "{heard:?}");
    assert_eq!(code(&mut desk, conn, "subscribe", "closed.b"), 103);
    let heard = lines(&desk.say(conn, refresh("blind")));
    assert!(heard[0].contains("\"channel\":\"open.secret\",\"unsubscribe\""), "{heard:?}");
    let heard = lines(&desk.say(conn, refresh("plain")));
    assert!(heard[0].contains("\"channel\":\"closed.a\",\"unsubscribe\"") && heard.len() == 2, "{heard:?}");
    assert_eq!(code(&mut desk, conn, "unsubscribe", "closed.c"), 0);
    assert_eq!(desk.shard().holdings().caps, 0);
    assert_eq!(close_of(&desk.say(conn, refresh("unknown"))).0, 3500);
}

#[test]
fn nothing_is_left_of_them() {
    let mut desk = Desk::new(&config(1));
    let conns = ["all", "all", "reader"].map(|token| session(&mut desk, token));
    assert_eq!(desk.shard().holdings().caps, 3 + 2);
    for conn in conns {
        desk.finish(conn);
        desk.break_off(conn);
    }
    assert_eq!(desk.shard().holdings(), Holdings::default());
}
