//! Users that are kept out, and tokens that were revoked, on whatever transport and shard.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::ConnId;
use shard::{
    Admission, Answer, Blocks, Command, Input, Order, ShardConfig, Ticket, Token, TokenError, TokenKind, TokenVerifier,
    Tokens, Whom,
};

use crate::desk::{Desk, close_of, dev, frame, namespace, upgrade};
use crate::emulation::post;
use crate::session::lines;

/// Users and tokens, as the server's list has them.
#[derive(Default, Debug)]
struct List(Mutex<BTreeSet<String>>);

impl Blocks for List {
    fn is_blocked(&self, user: &str) -> bool {
        self.0.lock().unwrap().contains(user)
    }
}

/// Takes `user/id`, and `user/id/channel`; one whose id is on the list has expired.
#[derive(Debug)]
struct Known(Arc<List>);

impl TokenVerifier for Known {
    fn verify(&self, _: TokenKind, token: &str) -> Result<Token, TokenError> {
        let mut parts = token.split('/');
        let mut part = || parts.next().unwrap_or_default();
        let (user, id, channel) = (part(), part(), part());
        if self.0.is_blocked(id) {
            return Err(TokenError::Expired);
        }
        Ok(Token { user: user.into(), id: id.into(), channel: channel.into(), ..Token::default() })
    }

    fn regex_fits(&self, _: &str, _: &str) -> bool {
        false
    }
}

fn config(shards: u16) -> (ShardConfig, Arc<List>) {
    let list = Arc::new(List::default());
    let tokens = Tokens { verifier: Some(Arc::new(Known(Arc::clone(&list)))), ..Tokens::default() };
    let blocks: Arc<dyn Blocks> = Arc::clone(&list) as _;
    let admission = Admission { blocks: Some(blocks), user_field: "x-user".into(), ..Admission::default() };
    let closed = hub::Namespace { subscribe: hub::Access::default(), ..namespace("closed.>", 0) };
    let namespaces = vec![closed, namespace(">", 0)];
    (ShardConfig { shards, dev: false, anonymous: true, tokens, admission, namespaces, ..dev() }, list)
}

fn connect(desk: &mut Desk, token: &str) -> (ConnId, Vec<u8>) {
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    let heard = desk.say(conn, frame(0x81, format!("{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}")));
    (conn, heard)
}

fn session(desk: &mut Desk, token: &str) -> ConnId {
    let (conn, heard) = connect(desk, token);
    assert!(String::from_utf8_lossy(&heard).contains("\"client\""), "{token}");
    conn
}

/// What the control plane has done, on the shard that the script talks to.
fn order(desk: &mut Desk, user: &str, order: Order) -> usize {
    let whom = Whom { user: user.into(), ..Whom::default() };
    let command = Command::Order { whom: whom.into(), order: order.into() };
    desk.handle(Input::Command { ticket: Ticket(4), command });
    desk.settle();
    match desk.world().answers.pop() {
        Some(Answer::Obeyed(count)) => count,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_blocked_comes_in_by_no_transport() {
    let (config, list) = config(1);
    let mut desk = Desk::new(&config);
    let here = session(&mut desk, "ann/t");
    list.0.lock().unwrap().extend(["ann".to_owned(), String::new()]);
    for token in ["ann/t", "ann/other", ""] {
        let (_, heard) = connect(&mut desk, token);
        assert_eq!(close_of(&heard), (3503, "force disconnect".to_owned()), "{token:?}");
    }
    session(&mut desk, "bob/t");
    for path in ["sse", "http_stream"] {
        let body = "{\"id\":1,\"connect\":{\"token\":\"ann/t\"}}";
        let answer = desk.request(post(&format!("/connection/{path}"), body));
        assert!(answer.contains("\"disconnect\":{\"code\":3503"), "{path}: {answer}");
    }
    for path in ["uni_sse", "uni_http_stream"] {
        for body in ["{\"token\":\"ann/t\"}", "{}"] {
            let answer = desk.request(post(&format!("/connection/{path}"), body));
            assert!(answer.contains("\"disconnect\":{\"code\":3503"), "{path} {body}: {answer}");
        }
    }
    let refresh = "{\"id\":2,\"refresh\":{\"token\":\"ann/new\"}}";
    assert_eq!(close_of(&desk.say(here, frame(0x81, refresh))).0, 3503);
    list.0.lock().unwrap().clear();
    session(&mut desk, "ann/t");
    session(&mut desk, "");
}

#[test]
fn a_revoked_token_is_over_for_who_has_shown_it_and_for_who_shows_it() {
    let (config, list) = config(2);
    let mut desk = Desk::new(&config);
    let (one, two, other) = (session(&mut desk, "ann/t1"), session(&mut desk, "bob/t1"), session(&mut desk, "ann/t2"));
    let nameless = session(&mut desk, "ann");
    list.0.lock().unwrap().insert("t1".into());
    assert_eq!(order(&mut desk, "", Order::EndToken { id: "t1".into() }), 2);
    for conn in [one, two] {
        assert_eq!(close_of(&desk.hear(conn)), (3005, "connection expired".to_owned()));
    }
    assert!(desk.hear(other).is_empty() && desk.hear(nameless).is_empty());
    let (_, heard) = connect(&mut desk, "ann/t1");
    assert!(String::from_utf8_lossy(&heard).contains("\"code\":109"), "so that it fetches another one");
    // Another token takes the place of the one before.
    let refresh = |token: &str| frame(0x81, format!("{{\"id\":2,\"refresh\":{{\"token\":\"{token}\"}}}}"));
    assert!(String::from_utf8_lossy(&desk.say(other, refresh("ann/t3"))).contains("\"refresh\""));
    assert_eq!(order(&mut desk, "", Order::EndToken { id: "t2".into() }), 0);
    assert_eq!(close_of(&desk.say(other, refresh("ann/t1"))).0, 3005);
    assert_eq!(order(&mut desk, "", Order::EndToken { id: "t3".into() }), 0);
    assert_eq!(order(&mut desk, "", Order::EndToken { id: String::new().into() }), 0);
    for conn in [one, two, other, nameless] {
        desk.finish(conn);
    }
    assert_eq!(desk.shard().holdings().token_ids, 0);
}

#[test]
fn a_subscription_ends_with_the_token_that_allows_it() {
    let (config, _) = config(2);
    let mut desk = Desk::new(&config);
    let (ann, bob) = (session(&mut desk, "ann/t"), session(&mut desk, "bob/t2"));
    let say = |desk: &mut Desk, conn, command: String| lines(&desk.say(conn, frame(0x81, command))).concat();
    let subscribe = |channel: &str, token: &str| {
        format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\",\"token\":\"{token}\"}}}}")
    };
    for (conn, channel, token) in [
        (ann, "closed.a", "ann/s1/closed.a"),
        (ann, "closed.b", "ann/s2/closed.b"),
        (bob, "closed.a", "bob/s1/closed.a"),
    ] {
        assert!(say(&mut desk, conn, subscribe(channel, token)).contains("\"subscribe\":{"));
    }
    // A later token of a subscription takes the place of the one before.
    let refresh = "{\"id\":3,\"sub_refresh\":{\"channel\":\"closed.a\",\"token\":\"bob/s3/closed.a\"}}";
    assert!(say(&mut desk, bob, refresh.to_owned()).contains("\"sub_refresh\""));
    assert_eq!(order(&mut desk, "", Order::EndToken { id: "s1".into() }), 0, "no session has shown it");
    desk.pass(Duration::from_millis(1));
    let heard = lines(&desk.hear(ann)).concat();
    assert!(heard.contains("\"channel\":\"closed.a\",\"unsubscribe\":{\"code\":2501"), "{heard}");
    assert!(!heard.contains("closed.b") && desk.hear(bob).is_empty(), "{heard}");
    assert!(say(&mut desk, ann, subscribe("closed.a", "ann/s4/closed.a")).contains("\"subscribe\":{"));
    for conn in [ann, bob] {
        desk.finish(conn);
    }
    assert_eq!(desk.shard().holdings().identities, 0);
}

#[test]
fn a_subscription_ends_with_its_tokens_and_may_begin_again() {
    let (config, list) = config(1);
    let mut desk = Desk::new(&config);
    let conn = session(&mut desk, "ann/t");
    let subscribe = |desk: &mut Desk, token: &str| {
        let command = format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"closed.a\",\"token\":\"{token}\"}}}}");
        lines(&desk.say(conn, frame(0x81, command))).concat()
    };
    assert!(subscribe(&mut desk, "ann/s1/closed.a").contains("\"subscribe\":{"));
    list.0.lock().unwrap().insert("s1".into());
    assert_eq!(order(&mut desk, "bob", Order::Expire { subject: "closed.a".into() }), 0);
    assert!(desk.hear(conn).is_empty());
    assert_eq!(order(&mut desk, "ann", Order::Expire { subject: "closed.a".into() }), 1);
    let heard = lines(&desk.hear(conn)).concat();
    assert!(heard.contains("\"channel\":\"closed.a\",\"unsubscribe\":{\"code\":2501"), "{heard}");
    assert!(subscribe(&mut desk, "ann/s1/closed.a").contains("\"code\":109"));
    assert!(subscribe(&mut desk, "ann/s2/closed.a").contains("\"subscribe\":{"));
    assert_eq!(order(&mut desk, "ann", Order::Expire { subject: "other".into() }), 1);
    assert!(desk.hear(conn).is_empty());
}
