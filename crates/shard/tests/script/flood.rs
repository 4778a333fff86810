//! Subscriptions by the thousand on one connection.
use base::ConnId;
use shard::{Limits, ShardConfig};

use crate::desk::{Desk, dev, frame};
use crate::session;

/// The commands that subscribe to `count` channels, in messages of 500, and what they are answered.
fn subscribe_to(desk: &mut Desk, client: ConnId, count: u32) -> Vec<String> {
    let mut answers = Vec::new();
    for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
        let command = |n: &u32| format!("{{\"id\":{},\"subscribe\":{{\"channel\":\"flood.{n}\"}}}}", n + 2);
        let commands = chunk.iter().map(command).collect::<Vec<_>>().join("\n");
        answers.extend(session::lines(&desk.say(client, frame(0x81, commands))));
    }
    answers
}

#[test]
fn a_flood_of_subscribe_is_answered_up_to_its_bound() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let client = session::open(&mut desk);
    let answers = subscribe_to(&mut desk, client, 2_000);
    let refused = answers.iter().filter(|answer| answer.contains("\"code\":106,")).count();
    assert_eq!((answers.len(), refused), (2_000, 2_000 - 128));
    desk.finish(client);
    desk.settle();
    assert_eq!(desk.report().subscriptions, 0);
}

#[test]
fn ten_thousand_subscriptions_of_one_connection_come_and_go() {
    let limits = Limits { subscriptions_per_connection: 10_000, ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { shards: 2, limits, ..dev() });
    let client = session::open(&mut desk);
    let answers = subscribe_to(&mut desk, client, 10_001);
    assert!(answers[..10_000].iter().all(|answer| answer.ends_with("\"subscribe\":{}}")));
    assert!(answers[10_000].contains("\"code\":106,"));
    desk.publish("flood.0", "1");
    desk.publish("flood.9999", "2");
    assert_eq!(session::lines(&desk.hear(client)).len(), 2);
    session::say(&mut desk, client, "{\"id\":1,\"unsubscribe\":{\"channel\":\"flood.5000\"}}");
    desk.publish("flood.5000", "3");
    assert!(desk.hear(client).is_empty());
    desk.finish(client);
    desk.settle();
    let report = desk.report();
    assert_eq!((report.subscriptions, report.subjects), (0, 0));
}
