//! Sessions and subscriptions whose end a back end may put off.
use std::sync::Arc;
use std::time::Duration;

use base::ConnId;
use hub::{Access, Namespace};
use shard::{About, Command, Granted, HookConn, HookReply, Input, Proxies, ShardConfig, Ticket, Token, Told};

use crate::desk::{Desk, close_of, frame, namespace, text_of};
use crate::proxy::{ask, asks, begin, config, error, granted, proxies, say, tell};
use crate::session::lines;

/// `config` with a proxy for ends, and connections and subscriptions that end by themselves after 25 seconds more.
fn refreshing() -> ShardConfig {
    let asked = Namespace {
        subscribe: Access::default(),
        subscribe_proxy: Some("subscribe".into()),
        sub_refresh_proxy: Some("sub_refresh".into()),
        ..namespace("asked.>", 10)
    };
    let proxies = Proxies { refresh: Some("refresh".into()), ..proxies() };
    ShardConfig { namespaces: vec![asked, namespace(">", 0)], proxies: Arc::new(proxies), ..config() }
}

/// A session of Ann's that lasts so long.
fn for_a_while(desk: &mut Desk, seconds: u64) -> ConnId {
    let conn = begin(desk, "{\"id\":1,\"connect\":{}}");
    let (of, _) = ask(desk);
    let token = Token { user: "ann".into(), left: Some(Duration::from_secs(seconds)), ..Token::default() };
    tell(desk, of, granted(Granted { is_there: true, token, ..Granted::default() }));
    let heard = text_of(&desk.hear(conn)).to_owned();
    assert!(heard.contains("\"client\"") && !heard.contains("expires"), "its client does not refresh it: {heard}");
    conn
}

fn tell_of(desk: &mut Desk, of: HookConn, number: u32, told: Told) {
    let command = Command::Hook(Box::new(HookReply::Told { of, number, told }));
    desk.handle(Input::Command { ticket: Ticket(0), command });
    desk.settle();
}

fn lasting(seconds: Option<u64>) -> Told {
    let token = Token { left: seconds.map(Duration::from_secs), ..Token::default() };
    granted(Granted { is_there: true, token, ..Granted::default() })
}

#[test]
fn a_session_lasts_as_long_as_the_back_end_says_and_goes_on_meanwhile() {
    let mut desk = Desk::new(&refreshing());
    let conn = for_a_while(&mut desk, 10);
    desk.pass(Duration::from_secs(9));
    assert!(asks(&mut desk).is_empty());
    desk.pass(Duration::from_secs(2));
    let (of, question) = ask(&mut desk);
    assert_eq!(
        (&*question.proxy, &question.about, question.user.as_deref()),
        ("refresh", &About::Refresh, Some("ann"))
    );
    // It is asked once, and the client is served meanwhile.
    desk.pass(Duration::from_secs(100));
    assert!(asks(&mut desk).is_empty());
    assert!(
        say(&mut desk, conn, "{\"id\":2,\"subscribe\":{\"channel\":\"open\"}}")[0]
            .starts_with("{\"id\":2,\"subscribe\"")
    );
    tell_of(&mut desk, of, question.number, lasting(Some(30)));
    desk.pass(Duration::from_secs(29));
    assert!(asks(&mut desk).is_empty());
    desk.pass(Duration::from_secs(2));
    let (of, again) = ask(&mut desk);
    // What was answered before is no answer to this; a back end that fails is asked again in a minute.
    tell_of(&mut desk, of, question.number, granted(Granted::default()));
    assert!(desk.hear(conn).is_empty());
    tell_of(&mut desk, of, again.number, Told::Failed);
    desk.pass(Duration::from_secs(59));
    assert!(asks(&mut desk).is_empty());
    desk.pass(Duration::from_secs(2));
    let (of, last) = ask(&mut desk);
    tell_of(&mut desk, of, last.number, granted(Granted { is_there: true, expired: true, ..Granted::default() }));
    assert_eq!(close_of(&desk.hear(conn)).0, 3_005);
    desk.leave_nothing(&[conn]);
}

#[test]
fn a_session_ends_with_any_other_answer_and_is_not_refreshed_by_its_client() {
    let over = Granted {
        is_there: true,
        token: Token { left: Some(Duration::ZERO), ..Token::default() },
        ..Granted::default()
    };
    for told in [granted(Granted::default()), error(1_000), granted(over), lasting(None)] {
        let mut desk = Desk::new(&refreshing());
        let conn = for_a_while(&mut desk, 1);
        desk.pass(Duration::from_secs(2));
        let (of, question) = ask(&mut desk);
        tell_of(&mut desk, of, question.number, told);
        assert_eq!(close_of(&desk.hear(conn)).0, 3_005);
        desk.leave_nothing(&[conn]);
    }
    for command in ["\"refresh\":{\"token\":\"ann\"}", "\"sub_refresh\":{\"channel\":\"asked.a\",\"token\":\"ann\"}"] {
        let mut desk = Desk::new(&refreshing());
        let conn = for_a_while(&mut desk, 10);
        subscribed(&mut desk, conn, Some(100));
        assert_eq!(close_of(&desk.say(conn, frame(0x81, format!("{{\"id\":3,{command}}}")))).0, 3_501);
        desk.leave_nothing(&[conn]);
    }
    // Who leaves while he is asked about is forgotten.
    let mut desk = Desk::new(&refreshing());
    let conn = for_a_while(&mut desk, 1);
    desk.pass(Duration::from_secs(2));
    let (of, question) = ask(&mut desk);
    desk.break_off(conn);
    tell_of(&mut desk, of, question.number, lasting(Some(10)));
    desk.leave_nothing(&[]);
}

/// Has the client subscribe for so long.
fn subscribed(desk: &mut Desk, conn: ConnId, seconds: Option<u64>) {
    say(desk, conn, "{\"id\":2,\"subscribe\":{\"channel\":\"asked.a\"}}");
    let (of, _) = ask(desk);
    tell(desk, of, lasting(seconds));
    let heard = lines(&desk.hear(conn));
    assert!(heard[0].starts_with("{\"id\":2,\"subscribe\":{") && !heard[0].contains("expires"), "{heard:?}");
}

#[test]
fn a_subscription_lasts_as_long_as_the_back_end_says() {
    let mut desk = Desk::new(&refreshing());
    let conn = for_a_while(&mut desk, 10_000);
    subscribed(&mut desk, conn, Some(10));
    desk.pass(Duration::from_secs(11));
    let (of, question) = ask(&mut desk);
    assert_eq!((&*question.proxy, &question.about), ("sub_refresh", &About::SubRefresh { channel: "asked.a".into() }));
    tell_of(&mut desk, of, question.number, lasting(Some(20)));
    desk.pass(Duration::from_secs(21));
    let (of, question) = ask(&mut desk);
    tell_of(&mut desk, of, question.number, Told::Failed);
    desk.pass(Duration::from_secs(61));
    // While it is asked about, the client unsubscribes and subscribes again: that is another subscription.
    let (of, question) = ask(&mut desk);
    say(&mut desk, conn, "{\"id\":5,\"unsubscribe\":{\"channel\":\"asked.a\"}}");
    subscribed(&mut desk, conn, Some(10));
    tell_of(&mut desk, of, question.number, granted(Granted::default()));
    assert!(desk.hear(conn).is_empty());
    desk.pass(Duration::from_secs(11));
    let (of, question) = ask(&mut desk);
    tell_of(&mut desk, of, question.number, granted(Granted::default()));
    let heard = lines(&desk.hear(conn));
    assert!(heard.len() == 1 && heard[0].contains("\"unsubscribe\":{\"code\":2501,"), "{heard:?}");
    // For ever, if it says so: nobody is asked again.
    subscribed(&mut desk, conn, Some(10));
    desk.pass(Duration::from_secs(11));
    let (of, question) = ask(&mut desk);
    tell_of(&mut desk, of, question.number, lasting(None));
    desk.pass(Duration::from_secs(1_000));
    assert!(asks(&mut desk).is_empty());
    desk.leave_nothing(&[conn]);
}
