//! Server-side subscriptions: by the connection token, by `connect`, by the API; what comes in which order, and what is left.
use std::sync::Arc;
use std::time::Duration;

use base::ConnId;
use hub::{Namespace, Override, Position};
use shard::{
    Admission, Answer, Command, Input, Limits, Order, Personal, ShardConfig, Subscription, Ticket, Tokens, Whom,
};

use crate::desk::{Desk, close_of, dev, frame, namespace, upgrade};
use crate::session::lines;
use crate::token::Plain;

fn config(shards: u16) -> ShardConfig {
    let tokens = Tokens { verifier: Some(Arc::new(Plain)), ..Tokens::default() };
    let closed = |pattern| Namespace { subscribe: hub::Access::default(), ..namespace(pattern, 0) };
    let namespaces = vec![
        Namespace { join_leave: true, force_push_join_leave: true, presence: true, ..namespace("told.*", 0) },
        namespace("kept.*", 100),
        closed("closed.*"),
        closed("own.>"),
    ];
    ShardConfig { shards, dev: false, anonymous: true, tokens, namespaces, ..dev() }
}

fn connect(desk: &mut Desk, command: &str) -> (ConnId, Vec<u8>) {
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    let heard = desk.say(conn, frame(0x81, command));
    (conn, heard)
}

fn with_token(token: &str) -> String {
    format!("{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}")
}

fn owned(desk: &Desk, namespace: &str, shard: u16) -> String {
    desk.subject_like(shard, |number| format!("{namespace}.{number}"))
}

/// Publishes by the control plane, on the first shard.
fn publish(desk: &mut Desk, subject: &str, payload: &str) -> Position {
    let draft = hub::Draft { payload: payload.as_bytes().into(), kind: hub::Kind::Text, extra: None };
    let command = Command::Publish { subject: subject.into(), draft };
    desk.handle(Input::Command { ticket: Ticket(9), command });
    desk.settle();
    let answer = desk.world().answers.pop();
    let Some(Answer::Published(position)) = answer else { panic!("not published: {answer:?}") };
    position
}

fn order(desk: &mut Desk, user: &str, order: Order) -> usize {
    begin_order(desk, user, order);
    desk.settle();
    obeyed(desk).expect("the order is answered")
}

fn begin_order(desk: &mut Desk, user: &str, order: Order) {
    begin_as(desk, Ticket(5), user, order);
}

fn begin_as(desk: &mut Desk, ticket: Ticket, user: &str, order: Order) {
    let whom = Box::new(Whom { user: user.into(), ..Whom::default() });
    desk.handle(Input::Command { ticket, command: Command::Order { whom, order: Box::new(order) } });
}

fn obeyed(desk: &mut Desk) -> Option<usize> {
    let answer = desk.world().answers.pop()?;
    let Answer::Obeyed(count) = answer else { panic!("not obeyed: {answer:?}") };
    Some(count)
}

fn subscription(subject: &str) -> Subscription {
    Subscription {
        subject: subject.into(),
        info: Box::default(),
        data: Box::default(),
        left: None,
        since: None,
        changes: Override::default(),
    }
}

#[test]
fn a_token_subscribes_and_the_reply_comes_before_everything_else() {
    for shards in [1, 3] {
        let mut desk = Desk::new(&config(shards));
        // One that this shard owns, and answers for at once, and one that another one does.
        let (near, far) = (owned(&desk, "told", 0), owned(&desk, "told", shards - 1));
        let far = if far == near { "told.other".to_owned() } else { far };
        let conn = desk.connect();
        desk.say(conn, upgrade("/connection/websocket"));
        desk.tell(conn, frame(0x81, with_token(&format!("ann+{near}+{far}"))));
        // The near one is live by now: this waits behind the reply.
        desk.tell_publish(&near, "\"early\"");
        desk.settle();
        let heard = lines(&desk.hear(conn));
        assert!(heard[0].starts_with("{\"id\":1,\"connect\":{\"client\":\""), "{heard:?}");
        for channel in [&near, &far] {
            assert!(heard[0].contains(&format!("\"{channel}\":{{}}")), "{heard:?}");
        }
        let publications = heard.iter().filter(|line| line.contains("\"early\"")).count();
        assert_eq!(publications, 1, "{heard:?}");
        let joins = heard.iter().filter(|line| line.contains("\"join\":")).count();
        assert_eq!((joins, heard.len()), (2, 4), "{heard:?}");
        desk.settle();
        publish(&mut desk, &far, "1");
        assert!(lines(&desk.hear(conn))[0].contains("\"pub\":{\"data\":1}"));
        // It can't be subscribed to once more, and it is present.
        let reply = desk.say(conn, frame(0x81, format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{far}\"}}}}")));
        assert!(lines(&reply)[0].contains("\"code\":105"));
        desk.leave_nothing(&[conn]);
    }
}

#[test]
fn what_was_missed_comes_with_the_reply() {
    let mut desk = Desk::new(&config(3));
    let channel = owned(&desk, "kept", 2);
    let (conn, heard) = connect(&mut desk, &with_token(&format!("ann+{channel}")));
    let reply = lines(&heard).remove(0);
    let position = publish(&mut desk, &channel, "1");
    publish(&mut desk, &channel, "2");
    let epoch = reply.split("\"epoch\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(reply.contains("\"recoverable\":true") && reply.contains("\"positioned\":true"), "{reply}");
    desk.finish(conn);
    publish(&mut desk, &channel, "3");
    let since =
        format!("\"subs\":{{\"{channel}\":{{\"recover\":true,\"offset\":{},\"epoch\":\"{epoch}\"}}}}", position.offset);
    let command = format!("{{\"id\":1,\"connect\":{{\"token\":\"ann+{channel}\",{since}}}}}");
    let (conn, heard) = connect(&mut desk, &command);
    let reply = lines(&heard).remove(0);
    let missed =
        "\"publications\":[{\"data\":2,\"offset\":2},{\"data\":3,\"offset\":3}],\"recovered\":true,\"offset\":1";
    assert!(reply.contains(missed) && reply.contains("\"was_recovering\":true"), "{reply}");
    publish(&mut desk, &channel, "4");
    assert!(lines(&desk.hear(conn))[0].contains("\"pub\":{\"data\":4,\"offset\":4}"));
}

#[test]
fn a_connect_names_channels_that_it_may_have() {
    let mut desk = Desk::new(&config(2));
    let command = "{\"id\":1,\"connect\":{\"subs\":{\"told.a\":{},\"closed.a\":{},\"told.*\":{}}}}";
    let (conn, heard) = connect(&mut desk, command);
    let reply = lines(&heard).remove(0);
    assert!(reply.contains("\"subs\":{\"told.a\":{}}"), "{reply}");
    desk.leave_nothing(&[conn]);
    let (_, heard) = connect(&mut desk, "{\"id\":1,\"connect\":{\"subs\":{\"unknown\":{}}}}");
    assert_eq!(close_of(&heard).0, 3501);
    // A token may name what only a token opens, but not what there is not.
    let (_, heard) = connect(&mut desk, &with_token("ann+closed.a"));
    assert!(lines(&heard)[0].contains("\"subs\":{\"closed.a\":{}}"));
    let (_, heard) = connect(&mut desk, &with_token("ann+unknown"));
    assert!(lines(&heard)[0].contains("\"code\":102"));
    let limits = Limits { subscriptions_per_connection: 2, ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { limits, ..config(1) });
    let (_, heard) = connect(&mut desk, &with_token("ann+told.a+told.b+told.c"));
    assert_eq!(close_of(&heard), (3505, "channel limit".to_owned()));
    assert_eq!(desk.holdings()[0].sessions, 0);
}

#[test]
fn a_user_has_a_channel_and_if_so_wished_one_connection() {
    for single_connection in [false, true] {
        let personal = Some(Personal { prefix: "own.#".into(), single_connection });
        let admission = Admission { personal, ..Admission::default() };
        let mut desk = Desk::new(&ShardConfig { admission, ..config(3) });
        let (nobody, heard) = connect(&mut desk, "{\"id\":1,\"connect\":{}}");
        assert!(!lines(&heard)[0].contains("subs"));
        let (first, heard) = connect(&mut desk, &with_token("ann"));
        assert!(lines(&heard)[0].contains("\"subs\":{\"own.#ann\":{}}"));
        let (bob, _) = connect(&mut desk, &with_token("bob"));
        // On another shard.
        desk.turn_to(1);
        let (second, heard) = connect(&mut desk, &with_token("ann"));
        assert!(lines(&heard)[0].contains("\"subs\":{\"own.#ann\":{}}"));
        assert_eq!(desk.hear(second), b"");
        desk.finish(second);
        desk.turn_to(0);
        let told = desk.hear(first);
        if single_connection {
            assert_eq!(close_of(&told), (3504, "connection limit".to_owned()));
        } else {
            assert_eq!(told, b"");
        }
        assert_eq!(desk.hear(bob), b"");
        desk.leave_nothing(&[nobody, first, bob]);
    }
}

#[test]
fn a_refreshed_token_has_to_name_the_same() {
    for (token, ends) in [("ann+told.a+told.b/60", false), ("ann+told.a/60", true), ("ann+told.a+told.c/60", true)] {
        let mut desk = Desk::new(&config(1));
        let (conn, _) = connect(&mut desk, &with_token("ann+told.a+told.b/60"));
        let heard = desk.say(conn, frame(0x81, format!("{{\"id\":3,\"refresh\":{{\"token\":\"{token}\"}}}}")));
        if ends {
            assert_eq!(close_of(&heard), (3010, "insufficient state".to_owned()), "{token}");
        } else {
            assert!(lines(&heard)[0].contains("\"refresh\":{\"expires\":true,\"ttl\":60}"), "{token}");
        }
    }
}

#[test]
fn the_control_plane_subscribes_and_is_answered_when_it_is_so() {
    let mut desk = Desk::new(&config(3));
    let channel = owned(&desk, "kept", 2);
    let position = publish(&mut desk, &channel, "1");
    publish(&mut desk, &channel, "2");
    let (conn, _) = connect(&mut desk, &with_token("ann"));
    let mut wanted = subscription(&channel);
    wanted.data = b"{\"why\":1}".as_slice().into();
    wanted.since = Some(Position { epoch: position.epoch, offset: 1 });
    begin_order(&mut desk, "ann", Order::Subscribe(wanted.clone()));
    assert_eq!(obeyed(&mut desk), None, "the owner has not answered");
    desk.settle();
    assert_eq!(obeyed(&mut desk), Some(1));
    let heard = lines(&desk.hear(conn));
    assert!(
        heard[0].contains(&format!("{{\"push\":{{\"channel\":\"{channel}\",\"subscribe\":{{\"recoverable\":true,"))
    );
    assert!(heard[0].contains("\"offset\":1,\"positioned\":true,\"data\":{\"why\":1}"), "{heard:?}");
    assert!(heard[1].contains("\"pub\":{\"data\":2,\"offset\":2}") && heard.len() == 2, "{heard:?}");
    publish(&mut desk, &channel, "3");
    assert!(lines(&desk.hear(conn))[0].contains("\"offset\":3"));
    // Once more is nothing, and no user is nobody.
    assert_eq!(order(&mut desk, "ann", Order::Subscribe(wanted.clone())), 1);
    assert_eq!(order(&mut desk, "bob", Order::Subscribe(wanted)), 0);
    assert_eq!(desk.hear(conn), b"");

    assert_eq!(order(&mut desk, "ann", Order::Unsubscribe { subject: channel.as_str().into() }), 1);
    let want = format!(
        "{{\"push\":{{\"channel\":\"{channel}\",\"unsubscribe\":{{\"code\":2000,\"reason\":\"server unsubscribe\"}}}}}}"
    );
    assert_eq!(lines(&desk.hear(conn)), [want]);
    order(&mut desk, "ann", Order::Unsubscribe { subject: channel.as_str().into() });
    publish(&mut desk, &channel, "4");
    assert_eq!(desk.hear(conn), b"");
    desk.pass(Duration::from_secs(61));
    desk.leave_nothing(&[conn]);
}

#[test]
fn sessions_are_refreshed_and_server_side_subscriptions_end_the_connection() {
    let mut desk = Desk::new(&config(1));
    let (conn, _) = connect(&mut desk, &with_token("ann/60"));
    let left = Some(Duration::from_secs(600));
    assert_eq!(order(&mut desk, "ann", Order::Refresh { left, info: Some(b"7".as_slice().into()) }), 1);
    assert_eq!(lines(&desk.hear(conn)), ["{\"push\":{\"refresh\":{\"expires\":true,\"ttl\":600}}}"]);
    desk.pass(Duration::from_secs(300));
    assert_eq!(desk.hear(conn), b"", "its token is over");
    assert_eq!(order(&mut desk, "ann", Order::Refresh { left: None, info: None }), 1);
    assert_eq!(lines(&desk.hear(conn)), ["{\"push\":{\"refresh\":{}}}"]);
    let wanted = Subscription { left: Some(Duration::from_secs(60)), ..subscription("told.a") };
    order(&mut desk, "ann", Order::Subscribe(wanted));
    assert!(lines(&desk.hear(conn))[1].contains("\"conn_info\":7"), "what others are told has changed");
    desk.pass(Duration::from_secs(84));
    assert_eq!(desk.hear(conn), b"");
    desk.pass(Duration::from_secs(2));
    assert_eq!(close_of(&desk.hear(conn)), (3006, "subscription expired".to_owned()));
    desk.leave_nothing(&[conn]);
}

#[test]
fn an_override_goes_before_the_namespace() {
    let mut desk = Desk::new(&config(1));
    let (conn, _) = connect(&mut desk, &with_token("ann"));
    let quiet =
        Override { presence: Some(false), join_leave: Some(false), force_recovery: Some(false), ..Override::default() };
    order(&mut desk, "ann", Order::Subscribe(Subscription { changes: quiet, ..subscription("told.a") }));
    order(&mut desk, "ann", Order::Subscribe(Subscription { changes: quiet, ..subscription("kept.a") }));
    let heard = lines(&desk.hear(conn));
    assert_eq!(heard[0], "{\"push\":{\"channel\":\"told.a\",\"subscribe\":{}}}");
    assert_eq!(heard[1], "{\"push\":{\"channel\":\"kept.a\",\"subscribe\":{}}}");
    desk.handle(Input::Command { ticket: Ticket(1), command: Command::Census { subject: "told.a".into() } });
    assert!(matches!(desk.world().answers.pop(), Some(Answer::Headcount(Ok(count))) if count.clients == 0));
}

#[test]
fn who_waits_for_an_owner_is_unsubscribed_all_the_same() {
    let mut desk = Desk::new(&config(3));
    let channel = owned(&desk, "told", 2);
    let (conn, _) = connect(&mut desk, &with_token("ann"));
    desk.tell(conn, frame(0x81, format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\"}}}}")));
    begin_order(&mut desk, "ann", Order::Unsubscribe { subject: channel.as_str().into() });
    desk.settle();
    let heard = lines(&desk.hear(conn));
    assert_eq!(heard[0], "{\"id\":2,\"subscribe\":{}}");
    assert!(heard.iter().any(|line| line.contains("\"unsubscribe\":{\"code\":2000")), "{heard:?}");
    assert_eq!(obeyed(&mut desk), Some(1));
    // One that the server has begun and nobody was told of, ended and begun again: the first answer is not the second one's.
    begin_as(&mut desk, Ticket(6), "ann", Order::Subscribe(subscription(&channel)));
    begin_as(&mut desk, Ticket(7), "ann", Order::Unsubscribe { subject: channel.as_str().into() });
    begin_as(&mut desk, Ticket(8), "ann", Order::Subscribe(subscription(&channel)));
    desk.settle();
    let heard = lines(&desk.hear(conn));
    assert_eq!(heard.iter().filter(|line| line.contains("\"subscribe\":")).count(), 1, "{heard:?}");
    desk.world().answers.clear();
    publish(&mut desk, &channel, "1");
    assert_eq!(lines(&desk.hear(conn)).len(), 1);
    desk.leave_nothing(&[conn]);
}

#[test]
fn who_goes_meanwhile_leaves_nothing_and_the_order_is_answered() {
    let mut desk = Desk::new(&config(3));
    let channel = owned(&desk, "told", 2);
    let near = owned(&desk, "told", 0);
    let (conn, _) = connect(&mut desk, &with_token("ann"));
    begin_order(&mut desk, "ann", Order::Subscribe(subscription(&channel)));
    desk.break_off(conn);
    assert_eq!(obeyed(&mut desk), Some(1));
    // One that is disconnected before its connect is answered hears nothing but that.
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    desk.tell(conn, frame(0x81, with_token(&format!("bob+{near}+{channel}"))));
    desk.tell_publish(&near, "\"early\"");
    begin_order(&mut desk, "bob", Order::Disconnect { code: 3503, reason: "".into(), spared: Vec::new() });
    desk.settle();
    assert_eq!(close_of(&desk.hear(conn)).0, 3503);
    desk.leave_nothing(&[conn]);
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    desk.tell(conn, frame(0x81, with_token(&format!("bob+{near}+{channel}"))));
    desk.leave_nothing(&[conn]);
}

/// Nobody hears of others' comings and goings who has had no answer to his connect.
#[test]
fn a_leave_while_a_connect_waits_is_not_heard_before_its_disconnect() {
    let mut desk = Desk::new(&config(2));
    let (here, there) = (owned(&desk, "told", 0), owned(&desk, "told", 1));
    let (bob, _) = connect(&mut desk, &with_token("bob"));
    desk.say(bob, frame(0x81, format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{here}\"}}}}")));
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    desk.tell(conn, frame(0x81, format!("{{\"id\":1,\"connect\":{{\"subs\":{{\"{here}\":{{}},\"{there}\":{{}}}}}}}}")));
    desk.tell(bob, frame(0x81, format!("{{\"id\":3,\"unsubscribe\":{{\"channel\":\"{here}\"}}}}")));
    let ends = Order::Disconnect { code: 3503, reason: Box::default(), spared: Vec::new() };
    assert_eq!(order(&mut desk, "", ends), 1);
    assert_eq!(close_of(&desk.hear(conn)), (3503, "force disconnect".to_owned()));
    desk.leave_nothing(&[conn, bob]);
}
