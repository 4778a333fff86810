//! Tokens: who may connect and subscribe, until when, and what others are told. The verifier here takes
//! `user` or `user+channel+channel/seconds`, and for a subscription `user#channel/seconds`; the server's has its own tests.
use std::sync::Arc;
use std::time::Duration;

use base::ConnId;
use shard::{Holdings, ShardConfig, Token, TokenError, TokenKind, TokenSub, TokenVerifier, Tokens};

use crate::desk::{Desk, close_of, dev, frame, namespace, text_of, upgrade};

#[derive(Debug)]
pub(crate) struct Plain;

impl TokenVerifier for Plain {
    fn verify(&self, kind: TokenKind, token: &str) -> Result<Token, TokenError> {
        let (whose, left) = token.split_once('/').map_or((token, None), |(whose, left)| (whose, Some(left)));
        let mut subs = whose.split('+');
        let whose = subs.next().unwrap_or_default();
        let subs = subs.map(|channel| TokenSub { channel: channel.into(), ..TokenSub::default() }).collect();
        let (user, channel) = whose.split_once('#').unwrap_or((whose, ""));
        match (user, kind) {
            ("forged", _) => return Err(TokenError::Invalid),
            ("old", _) => return Err(TokenError::Expired),
            (_, TokenKind::Connection) if !channel.is_empty() => return Err(TokenError::Invalid),
            (_, TokenKind::Subscription) if channel.is_empty() => return Err(TokenError::Invalid),
            _ => {}
        }
        let info = format!("{{\"of\":\"{whose}\"}}");
        let left = left.map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
        let info = info.into_bytes().into();
        let meta = format!("{{\"meta\":\"{whose}\"}}").into_bytes().into();
        Ok(Token { user: user.into(), channel: channel.into(), info, meta, left, subs, ..Token::default() })
    }

    fn regex_fits(&self, _: &str, _: &str) -> bool {
        false
    }
}

fn earnest() -> ShardConfig {
    let open = hub::Namespace { publish: hub::Access::ALL, ..namespace("open.>", 0) };
    let closed =
        hub::Namespace { subscribe: hub::Access::default(), publish: hub::Access::ALL, ..namespace("closed.>", 0) };
    let tokens = Tokens { verifier: Some(Arc::new(Plain)), ..Tokens::default() };
    ShardConfig { dev: false, tokens, namespaces: vec![open, closed], ..dev() }
}

fn begun(desk: &mut Desk) -> ConnId {
    let conn = desk.connect();
    assert!(desk.say(conn, upgrade("/connection/websocket")).starts_with(b"HTTP/1.1 101 "));
    conn
}

fn open(desk: &mut Desk, token: &str) -> (ConnId, String) {
    let conn = begun(desk);
    let answer = say(desk, conn, &format!("{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}"));
    (conn, answer)
}

fn say(desk: &mut Desk, conn: ConnId, command: &str) -> String {
    text_of(&desk.say(conn, frame(0x81, command))).to_owned()
}

fn subscribe(desk: &mut Desk, conn: ConnId, channel: &str, token: &str) -> Vec<u8> {
    let command = format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\",\"token\":\"{token}\"}}}}");
    desk.say(conn, frame(0x81, command))
}

const REPLY_109: &str = "{\"id\":2,\"error\":{\"code\":109,\"message\":\"token expired\"}}";

#[test]
fn a_token_says_who_connects_and_for_how_long() {
    let mut desk = Desk::new(&earnest());
    let (_, answer) = open(&mut desk, "ann");
    assert!(answer.contains("\"connect\":{\"client\":\"") && !answer.contains("expires"), "{answer}");
    let (_, answer) = open(&mut desk, "ann/60");
    assert!(answer.contains("\"expires\":true,\"ttl\":60"), "{answer}");
    let (_, answer) = open(&mut desk, "ann/999999999");
    assert!(answer.contains("\"ttl\":31536000"), "{answer}");
    let (_, answer) = open(&mut desk, "ann/0");
    assert_eq!(answer, "{\"id\":1,\"error\":{\"code\":110,\"message\":\"expired\"}}");
    for (token, code) in [("", 3501), ("forged", 3500), ("ann#open.a", 3500)] {
        let conn = begun(&mut desk);
        let heard = desk.say(conn, frame(0x81, format!("{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}")));
        assert_eq!(close_of(&heard).0, code, "{token}");
    }
}

#[test]
fn without_a_key_no_token_is_good_but_in_development() {
    let mut desk = Desk::new(&ShardConfig { tokens: Tokens::default(), anonymous: true, ..earnest() });
    let conn = begun(&mut desk);
    let heard = desk.say(conn, frame(0x81, "{\"id\":1,\"connect\":{\"token\":\"ann\"}}"));
    assert_eq!(close_of(&heard), (3500, "invalid token".to_owned()));
    let mut desk = Desk::new(&dev());
    assert!(open(&mut desk, "ann").1.contains("\"client\""));
}

#[test]
fn an_expired_token_is_an_error_and_the_rest_of_its_message_is_dropped() {
    let mut desk = Desk::new(&earnest());
    let conn = begun(&mut desk);
    let both = "{\"id\":1,\"connect\":{\"token\":\"old\"}}\n{\"id\":2,\"subscribe\":{\"channel\":\"open.a\"}}";
    assert_eq!(say(&mut desk, conn, both), "{\"id\":1,\"error\":{\"code\":109,\"message\":\"token expired\"}}");
    let heard = desk.say(conn, frame(0x81, "{\"id\":2,\"subscribe\":{\"channel\":\"open.a\"}}"));
    assert_eq!(close_of(&heard).0, 3501);
    let (conn, _) = open(&mut desk, "old");
    desk.pass(Duration::from_secs(11));
    assert_eq!(close_of(&desk.hear(conn)).0, 3502);
}

#[test]
fn who_does_not_refresh_is_disconnected_after_the_grace() {
    let mut desk = Desk::new(&earnest());
    let (conn, _) = open(&mut desk, "ann/60");
    desk.pass(Duration::from_secs(84));
    assert_eq!(desk.hear(conn), b"");
    desk.pass(Duration::from_secs(1));
    assert_eq!(close_of(&desk.hear(conn)), (3005, "connection expired".to_owned()));
    desk.finish(conn);
    assert_eq!((desk.shard().holdings(), desk.next_timeout()), (Holdings::default(), None));
}

#[test]
fn a_refresh_gives_more_time_to_the_same_user() {
    let mut desk = Desk::new(&earnest());
    let (conn, _) = open(&mut desk, "ann/60");
    desk.pass(Duration::from_secs(70));
    let answer = say(&mut desk, conn, "{\"id\":2,\"refresh\":{\"token\":\"ann/100\"}}");
    assert_eq!(answer, "{\"id\":2,\"refresh\":{\"expires\":true,\"ttl\":100}}");
    desk.pass(Duration::from_secs(124));
    assert_eq!(desk.hear(conn), b"");
    let answer = say(&mut desk, conn, "{\"id\":3,\"refresh\":{\"token\":\"ann/0\"}}");
    assert_eq!(answer, "{\"id\":3,\"error\":{\"code\":110,\"message\":\"expired\"}}");
    assert_eq!(say(&mut desk, conn, "{\"id\":4,\"refresh\":{\"token\":\"ann\"}}"), "{\"id\":4,\"refresh\":{}}");
    desk.pass(Duration::from_secs(100_000));
    assert_eq!(desk.hear(conn), b"", "a token without an end never ends");
    for (token, code) in [("", 3501), ("forged", 3500), ("bob", 3500), ("old", 3005)] {
        let (conn, _) = open(&mut desk, "ann/60");
        let heard = desk.say(conn, frame(0x81, format!("{{\"id\":2,\"refresh\":{{\"token\":\"{token}\"}}}}")));
        assert_eq!(close_of(&heard).0, code, "{token}");
    }
}

#[test]
fn a_subscription_token_opens_what_the_namespace_does_not() {
    let mut desk = Desk::new(&earnest());
    let (conn, _) = open(&mut desk, "ann");
    for (channel, token, code) in [
        ("closed.a", "", 103),
        ("closed.a", "forged#closed.a", 103),
        ("open.a", "forged#open.a", 103),
        ("closed.a", "ann", 103),
        ("closed.a", "old#closed.a", 109),
        ("closed.a", "ann#closed.a/0", 110),
        ("elsewhere", "ann#elsewhere", 102),
    ] {
        let heard = subscribe(&mut desk, conn, channel, token);
        let answer = text_of(&heard);
        assert!(answer.starts_with(&format!("{{\"id\":2,\"error\":{{\"code\":{code},")), "{channel} {token}: {answer}");
    }
    let heard = subscribe(&mut desk, conn, "closed.a", "ann#closed.a");
    assert_eq!(text_of(&heard), "{\"id\":2,\"subscribe\":{}}");
    let heard = subscribe(&mut desk, conn, "open.a", "ann#open.a/30");
    assert_eq!(text_of(&heard), "{\"id\":2,\"subscribe\":{\"expires\":true,\"ttl\":30}}");
    for token in ["bob#closed.b", "#closed.b", "ann#closed.c"] {
        let (conn, _) = open(&mut desk, "ann");
        assert_eq!(close_of(&subscribe(&mut desk, conn, "closed.b", token)).0, 3500, "{token}");
    }
}

#[test]
fn a_subscription_ends_with_its_token_unless_it_is_refreshed() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..earnest() });
    let (conn, _) = open(&mut desk, "ann");
    for channel in ["closed.a", "closed.b"] {
        subscribe(&mut desk, conn, channel, &format!("ann#{channel}/60"));
    }
    let refresh = |channel: &str, token: &str| {
        format!("{{\"id\":2,\"sub_refresh\":{{\"channel\":\"{channel}\",\"token\":\"{token}\"}}}}")
    };
    let answer = say(&mut desk, conn, &refresh("closed.a", "ann#closed.a/100"));
    assert_eq!(answer, "{\"id\":2,\"sub_refresh\":{\"expires\":true,\"ttl\":100}}");
    desk.pass(Duration::from_secs(85));
    let push =
        "{\"push\":{\"channel\":\"closed.b\",\"unsubscribe\":{\"code\":2501,\"reason\":\"subscription expired\"}}}";
    assert_eq!(text_of(&desk.hear(conn)), push);
    assert!(say(&mut desk, conn, &refresh("closed.b", "ann#closed.b/9")).contains("\"code\":103,"));
    assert!(say(&mut desk, conn, &refresh("closed.a", "")).contains("\"code\":107,"));
    assert_eq!(say(&mut desk, conn, &refresh("closed.a", "old#closed.a")), REPLY_109);
    assert!(say(&mut desk, conn, &refresh("closed.a", "ann#closed.a/0")).contains("\"code\":110,"));
    assert_eq!(
        say(&mut desk, conn, "{\"id\":3,\"unsubscribe\":{\"channel\":\"closed.a\"}}"),
        "{\"id\":3,\"unsubscribe\":{}}"
    );
    desk.pass(Duration::from_secs(1_000));
    assert_eq!(desk.hear(conn), b"", "who has left is not told that it ended");
    for (channel, token, code) in
        [("", "", 3501), ("closed.a", "forged#closed.a", 3500), ("closed.a", "bob#closed.a", 3500)]
    {
        let (conn, _) = open(&mut desk, "ann");
        subscribe(&mut desk, conn, "closed.a", "ann#closed.a/60");
        assert_eq!(close_of(&desk.say(conn, frame(0x81, refresh(channel, token)))).0, code, "{token}");
        desk.finish(conn);
    }
}

#[test]
fn subscribers_are_told_who_publishes() {
    let mut desk = Desk::new(&earnest());
    let (conn, _) = open(&mut desk, "ann");
    subscribe(&mut desk, conn, "closed.a", "ann#closed.a");
    let heard = desk.say(conn, frame(0x81, "{\"id\":3,\"publish\":{\"channel\":\"closed.a\",\"data\":1}}"));
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.contains("\"info\":{\"user\":\"ann\",\"client\":\""), "{heard}");
    assert!(heard.contains("\"conn_info\":{\"of\":\"ann\"},\"chan_info\":{\"of\":\"ann#closed.a\"}}"), "{heard}");
    desk.finish(conn);
    assert_eq!(desk.shard().holdings(), Holdings::default());
}
