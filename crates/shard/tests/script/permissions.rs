//! What clients may do in the namespaces whose names channels carry: private channels, lists of users, names, formats.
use std::sync::Arc;

use base::ConnId;
use hub::{Access, DataFormat, NameRule, Names, Namespace, Naming, Offer, Pattern};
use shard::{Admission, ShardConfig, Token, TokenError, TokenKind, TokenVerifier, Tokens};

use crate::desk::{Desk, close_of, dev, frame, namespace, text_of, upgrade};

/// Takes `user` to connect, and `user,channel` to subscribe.
#[derive(Debug)]
struct Plain;

impl TokenVerifier for Plain {
    fn verify(&self, _: TokenKind, token: &str) -> Result<Token, TokenError> {
        let (user, channel) = token.split_once(',').unwrap_or((token, ""));
        Ok(Token { user: user.trim().into(), channel: channel.into(), ..Token::default() })
    }

    fn regex_fits(&self, _: &str, _: &str) -> bool {
        false
    }
}

#[derive(Debug)]
struct Digits;

impl NameRule for Digits {
    fn admits(&self, name: &str) -> bool {
        name.bytes().all(|byte| byte.is_ascii_digit())
    }
}

const USERS: Access = Access { client: true, subscriber: false, anonymous: false };
const SUBSCRIBERS: Access = Access { client: false, subscriber: true, anonymous: false };

/// `limited`, `open`, `numbered`, and channels without a namespace.
fn earnest() -> ShardConfig {
    let naming = Arc::new(Naming::default());
    let of = |name| Namespace { names: Names::Ascii, ..Namespace::closed(Pattern::carrying(name, &naming)) };
    let limited = Namespace { user_limited: true, subscribe: USERS, ..of(Some("limited")) };
    let open = Namespace { subscribe: Access::ALL, publish: SUBSCRIBERS, ..of(Some("open")) };
    let names = Names::Fitting(Arc::new(Digits));
    let numbered =
        Namespace { names, subscribe: USERS, format: DataFormat::JsonObject, publish: USERS, ..of(Some("numbered")) };
    ShardConfig {
        dev: false,
        anonymous: true,
        tokens: Tokens { verifier: Some(Arc::new(Plain)), ..Tokens::default() },
        namespaces: vec![limited, open, numbered, of(None)],
        ..dev()
    }
}

fn session(desk: &mut Desk, token: &str) -> ConnId {
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    let answer = desk.say(conn, frame(0x81, format!("{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}")));
    assert!(text_of(&answer).contains("\"connect\":{"), "{}", text_of(&answer));
    conn
}

/// The error's code of a command; 0: none.
fn code(desk: &mut Desk, conn: ConnId, command: &str) -> u32 {
    // Beside the reply there may be what was published.
    let heard = desk.say(conn, frame(0x81, format!("{{\"id\":2,{command}}}")));
    let answer = String::from_utf8_lossy(&heard);
    let code = answer.split_once("\"code\":").map(|(_, rest)| rest.split(',').next().unwrap().parse().unwrap());
    code.unwrap_or(0)
}

fn subscribe(desk: &mut Desk, conn: ConnId, channel: &str) -> u32 {
    code(desk, conn, &format!("\"subscribe\":{{\"channel\":\"{channel}\"}}"))
}

fn publish(desk: &mut Desk, conn: ConnId, channel: &str, data: &str) -> u32 {
    code(desk, conn, &format!("\"publish\":{{\"channel\":\"{channel}\",\"data\":{data}}}"))
}

#[test]
fn who_may_subscribe_is_said_by_the_name_the_user_and_the_namespace() {
    let mut desk = Desk::new(&earnest());
    let ann = session(&mut desk, "ann");
    let nobody = session(&mut desk, "");
    for (conn, channel, expected) in [
        (ann, "limited:room#bob,ann", 0),
        (ann, "limited:room#bob", 103),
        (ann, "limited:room", 0),
        (nobody, "limited:room#", 103),
        (nobody, "limited:room", 103),
        (ann, "open:a", 0),
        (nobody, "open:a", 0),
        (ann, "$open:a", 103),
        (ann, "open:köln", 107),
        (ann, "numbered:12", 0),
        (ann, "numbered:1a", 107),
        (nobody, "numbered:12", 103),
        (ann, "closed", 103),
        (ann, "other:a", 102),
        (ann, "$other:a", 102),
        (ann, ":a", 102),
    ] {
        assert_eq!(subscribe(&mut desk, conn, channel), expected, "{channel}");
    }
    let private = "\"subscribe\":{\"channel\":\"$open:a\",\"token\":\"ann,$open:a\"}";
    assert_eq!(code(&mut desk, ann, private), 0);
    let closed = "\"subscribe\":{\"channel\":\"closed\",\"token\":\"ann,closed\"}";
    assert_eq!(code(&mut desk, ann, closed), 0, "a token opens what the namespace does not");
    let long = format!("open:{}", "a".repeat(251));
    assert_eq!(subscribe(&mut desk, ann, &long), 107);
}

#[test]
fn who_may_publish_is_said_by_the_namespace_and_what_by_its_format() {
    let mut desk = Desk::new(&earnest());
    let ann = session(&mut desk, "ann");
    assert_eq!(publish(&mut desk, ann, "open:a", "1"), 103, "only subscribers may");
    assert_eq!(subscribe(&mut desk, ann, "open:a"), 0);
    assert_eq!(publish(&mut desk, ann, "open:a", "1"), 0);
    let nobody = session(&mut desk, "");
    assert_eq!(subscribe(&mut desk, nobody, "open:a"), 0);
    assert_eq!(publish(&mut desk, nobody, "open:a", "1"), 103, "only with a user");
    assert_eq!(publish(&mut desk, ann, "numbered:1", "[]"), 107);
    assert_eq!(publish(&mut desk, ann, "numbered:1", "{\"a\":1}"), 0);
    assert_eq!(publish(&mut desk, ann, "numbered:a", "{\"a\":1}"), 107);
}

#[test]
fn insecure_opens_every_namespace_that_there_is_and_nothing_else() {
    let admission = Admission { insecure: true, ..Admission::default() };
    let mut desk = Desk::new(&ShardConfig { admission, anonymous: false, ..earnest() });
    let nobody = session(&mut desk, "");
    for (channel, expected) in [("closed", 0), ("limited:room#bob", 0), ("$closed", 103), ("other:a", 102)] {
        assert_eq!(subscribe(&mut desk, nobody, channel), expected, "{channel}");
    }
    assert_eq!(publish(&mut desk, nobody, "elsewhere", "1"), 0);
    assert!(desk.request(upgrade("/sub/closed")).starts_with("HTTP/1.1 101 "));
    assert!(desk.request(upgrade("/sub/$closed")).starts_with("HTTP/1.1 403 "));
}

#[test]
fn a_token_without_a_user_is_refused_where_it_is_disallowed() {
    let admission = Admission { anonymous_tokens: false, ..Admission::default() };
    let mut desk = Desk::new(&ShardConfig { admission, ..earnest() });
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    assert_eq!(close_of(&desk.say(conn, frame(0x81, "{\"id\":1,\"connect\":{\"token\":\" \"}}"))).0, 3507);
    session(&mut desk, "ann");
}

#[test]
fn a_subscription_gets_what_is_forced_and_what_it_asks_for_if_it_may() {
    let with = |positioning, recovery, history_access| {
        let kept = Namespace { positioning, recovery, history_access, ..namespace(">", 9) };
        Desk::new(&ShardConfig { dev: false, anonymous: true, namespaces: vec![kept], ..dev() })
    };
    let asked = "\"subscribe\":{\"channel\":\"a\",\"positioned\":true,\"recoverable\":true}";
    let unasked = "\"subscribe\":{\"channel\":\"a\"}";
    for (positioning, recovery, access, command, positioned, recoverable) in [
        (Offer::Withheld, Offer::Withheld, Access::default(), asked, false, false),
        (Offer::Withheld, Offer::Withheld, Access::ALL, asked, true, true),
        (Offer::Withheld, Offer::Withheld, Access::ALL, unasked, false, false),
        (Offer::OnRequest, Offer::Withheld, Access::default(), asked, true, false),
        (Offer::Always, Offer::Withheld, Access::default(), unasked, true, false),
        (Offer::Withheld, Offer::OnRequest, Access::default(), asked, true, true),
        (Offer::Withheld, Offer::Always, Access::default(), unasked, true, true),
    ] {
        let mut desk = with(positioning, recovery, access);
        let conn = session(&mut desk, "");
        let answer = text_of(&desk.say(conn, frame(0x81, format!("{{\"id\":2,{command}}}")))).to_owned();
        let told = (answer.contains("\"positioned\":true"), answer.contains("\"recoverable\":true"));
        assert_eq!(told, (positioned, recoverable), "{positioning:?} {recovery:?} {command}: {answer}");
        assert_eq!(answer.contains("\"epoch\":"), positioned, "{answer}");
    }
}
