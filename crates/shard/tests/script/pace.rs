//! The newest publication every so often: what comes at once, what later, and what somebody hears who comes in between.
use std::time::Duration;

use base::ConnId;
use hub::{Extra, Namespace};
use serde_json::Value;
use shard::ShardConfig;

use crate::delivery::publish;
use crate::desk::{Desk, dev, namespace};
use crate::session::{lines, open, say};

const PACE: Duration = Duration::from_millis(100);

fn config() -> ShardConfig {
    let paced = Namespace { conflate: PACE, ..namespace("p.>", 9) };
    let deltas = Namespace { conflate: PACE, delta: true, delta_publish: true, ..namespace("d.>", 1) };
    ShardConfig { namespaces: vec![paced, deltas, namespace(">", 9)], ..dev() }
}

fn subscribed(desk: &mut Desk, channel: &str, more: &str) -> (ConnId, Value) {
    let conn = open(desk);
    let answer = say(desk, conn, &format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\"{more}}}}}"));
    (conn, serde_json::from_str::<Value>(&answer).unwrap()["subscribe"].take())
}

fn offsets(desk: &mut Desk, conn: ConnId) -> Vec<u64> {
    let heard = lines(&desk.hear(conn));
    let offset =
        |line: &String| serde_json::from_str::<Value>(line).unwrap()["push"]["pub"]["offset"].as_u64().unwrap();
    heard.iter().map(offset).collect()
}

fn publish_all(desk: &mut Desk, channel: &str, count: usize) {
    for number in 0..count {
        publish(desk, channel, &format!("{{\"a long enough\":\"document\",\"number\":{number}}}"), Extra::default());
    }
}

#[test]
fn the_first_comes_at_once_and_the_newest_when_its_time_has_come() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..config() });
        for channel in ["p.a", "p.b", "p.c"] {
            let (conn, _) = subscribed(&mut desk, channel, "");
            publish_all(&mut desk, channel, 1);
            assert_eq!(offsets(&mut desk, conn), [1]);
            publish_all(&mut desk, channel, 3);
            assert_eq!(offsets(&mut desk, conn), [0; 0]);
            desk.pass(PACE);
            assert_eq!(offsets(&mut desk, conn), [4]);
            publish_all(&mut desk, channel, 1);
            desk.pass(PACE / 2);
            assert_eq!(offsets(&mut desk, conn), [0; 0], "the next interval has begun");
            desk.pass(PACE / 2);
            assert_eq!(offsets(&mut desk, conn), [5]);
            desk.pass(2 * PACE);
            publish_all(&mut desk, channel, 2);
            assert_eq!(offsets(&mut desk, conn), [6], "after a pause at once again");
            desk.pass(PACE);
            assert_eq!(offsets(&mut desk, conn), [7]);
            desk.pass(2 * PACE);
            desk.finish(conn);
        }
        assert!(desk.holdings().iter().all(|holdings| holdings.paces == 0));
    }
    let mut desk = Desk::new(&config());
    let (conn, _) = subscribed(&mut desk, "other", "");
    publish_all(&mut desk, "other", 3);
    assert_eq!((offsets(&mut desk, conn), desk.report().conflated), (vec![1, 2, 3], 0));
}

#[test]
fn who_comes_in_between_stands_where_the_others_stand() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..config() });
        for channel in ["p.a", "p.b", "p.c"] {
            publish_all(&mut desk, channel, 3);
            desk.pass(2 * PACE);
            publish_all(&mut desk, channel, 3);
            let (conn, answer) = subscribed(&mut desk, channel, "");
            assert_eq!(answer["offset"], 4, "5 and 6 have not gone out");
            let (late, answer) = subscribed(&mut desk, channel, ",\"recover\":true,\"offset\":1");
            let recovered: Vec<_> =
                answer["publications"].as_array().unwrap().iter().map(|one| one["offset"].as_u64()).collect();
            assert_eq!((recovered, &answer["recovered"]), (vec![Some(2), Some(3), Some(4)], &Value::Bool(true)));
            desk.pass(PACE);
            assert_eq!((offsets(&mut desk, conn), offsets(&mut desk, late)), (vec![6], vec![6]));
        }
    }
}

#[test]
fn a_subject_without_history_or_readers_is_let_go() {
    let bare = Namespace { conflate: PACE, ..namespace(">", 0) };
    let mut desk = Desk::new(&ShardConfig { namespaces: vec![bare], ..dev() });
    let (conn, _) = subscribed(&mut desk, "p.a", "");
    publish_all(&mut desk, "p.a", 3);
    desk.finish(conn);
    desk.pass(3 * PACE);
    assert_eq!((desk.report().subjects, desk.shard().holdings().paces), (0, 0));
}

/// Deltas are of what was sent, not of what was published.
#[test]
fn deltas_follow_the_pace() {
    let mut desk = Desk::new(&config());
    let (conn, _) = subscribed(&mut desk, "d.a", ",\"delta\":\"fossil\"");
    publish_all(&mut desk, "d.a", 3);
    desk.pass(PACE);
    publish_all(&mut desk, "d.a", 2);
    desk.pass(PACE);
    let mut base: Vec<u8> = Vec::new();
    let mut deltas = Vec::new();
    for line in lines(&desk.hear(conn)) {
        let publication = serde_json::from_str::<Value>(&line).unwrap()["push"]["pub"].take();
        let data = publication["data"].as_str().unwrap().as_bytes();
        let is_delta = publication["delta"] == true;
        base = if is_delta { protocol::fossil::apply(&base, data, 1_000).unwrap() } else { data.to_vec() };
        deltas.push((is_delta, serde_json::from_slice::<Value>(&base).unwrap()["number"].as_u64().unwrap()));
    }
    assert_eq!(deltas, [(false, 0), (true, 2), (true, 1)]);
}
