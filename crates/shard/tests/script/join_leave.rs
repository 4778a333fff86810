//! Joins and leaves: who is told, in which order, how often, and that nothing of it stays.
use std::time::Duration;

use base::ConnId;
use hub::{Access, Namespace, OutboxPolicy};
use shard::{Holdings, Limits, Outbox, ShardConfig};

use crate::desk::{Desk, dev, frame, namespace, upgrade};
use crate::presence::{config, user};
use crate::session::{lines, say};

/// Everybody who subscribes to `told.*` hears it; those who ask and may, in `asked.*`; nobody in `quiet.*`.
fn hearing(shards: u16) -> ShardConfig {
    let all = Access { client: true, subscriber: false, anonymous: true };
    let told = |pattern| Namespace { join_leave: true, ..namespace(pattern, 0) };
    let namespaces = vec![
        Namespace { force_push_join_leave: true, presence: true, ..told("told.*") },
        Namespace { presence_access: all, ..told("asked.*") },
        told("closed.*"),
        Namespace { force_push_join_leave: true, ..namespace("quiet.*", 0) },
    ];
    ShardConfig { namespaces, ..config(shards) }
}

fn subscribe(desk: &mut Desk, conn: ConnId, channel: &str) -> Vec<u8> {
    let command = format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\",\"join_leave\":true}}}}");
    desk.say(conn, frame(0x81, command))
}

/// A subject of that namespace that the shard owns.
fn owned(desk: &Desk, namespace: &str, shard: u16) -> String {
    desk.subject_like(shard, |number| format!("{namespace}.{number}"))
}

fn push(channel: &str, kind: &str, user: &str) -> String {
    format!("{{\"push\":{{\"channel\":\"{channel}\",\"{kind}\":{{\"info\":{{\"user\":\"{user}\",\"client\":\"")
}

#[test]
fn who_comes_and_goes_is_told_after_the_reply_and_not_of_his_own_leave() {
    for (shards, owner) in [(1, 0), (3, 0), (3, 2)] {
        let mut desk = Desk::new(&hearing(shards));
        let channel = owned(&desk, "told", owner);
        let ann = user(&mut desk, "ann");
        desk.settle();
        desk.hear(ann);
        let heard = lines(&subscribe(&mut desk, ann, &channel));
        assert_eq!(heard[0], "{\"id\":2,\"subscribe\":{}}");
        assert!(heard[1].starts_with(&push(&channel, "join", "ann")), "{heard:?}");
        assert_eq!(heard.len(), 2);

        let bob = user(&mut desk, "bob");
        desk.settle();
        desk.hear(bob);
        subscribe(&mut desk, bob, &channel);
        let heard = lines(&desk.hear(ann));
        assert!(heard.len() == 1 && heard[0].starts_with(&push(&channel, "join", "bob")), "{heard:?}");
        assert!(heard[0].contains("\"conn_info\":{\"of\":\"bob\"}"), "{heard:?}");

        let reply = say(&mut desk, bob, &format!("{{\"id\":3,\"unsubscribe\":{{\"channel\":\"{channel}\"}}}}"));
        assert_eq!(reply, "{\"id\":3,\"unsubscribe\":{}}", "nothing of his own leave");
        let heard = lines(&desk.hear(ann));
        assert!(heard.len() == 1 && heard[0].starts_with(&push(&channel, "leave", "bob")), "{heard:?}");

        // One that breaks off leaves too.
        let eve = user(&mut desk, "eve");
        subscribe(&mut desk, eve, &channel);
        desk.hear(ann);
        desk.break_off(eve);
        desk.settle();
        let heard = lines(&desk.hear(ann));
        assert!(heard.len() == 1 && heard[0].starts_with(&push(&channel, "leave", "eve")), "{heard:?}");

        for conn in [ann, bob] {
            desk.finish(conn);
        }
        desk.pass(Duration::from_secs(6));
        assert_eq!(desk.holdings(), vec![Holdings::default(); desk.shards()]);
    }
}

#[test]
fn only_those_hear_who_asked_and_may() {
    let mut desk = Desk::new(&hearing(2));
    let ann = user(&mut desk, "ann");
    let bob = user(&mut desk, "bob");
    for conn in [ann, bob] {
        desk.settle();
        desk.hear(conn);
    }
    for (name, asks) in [("asked", 1), ("closed", 0), ("quiet", 0)] {
        let channel = owned(&desk, name, 1);
        let heard = lines(&subscribe(&mut desk, ann, &channel));
        assert_eq!(heard.len(), 1 + asks, "{name}: {heard:?}");
        // Bob does not ask.
        let reply = say(&mut desk, bob, &format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\"}}}}"));
        assert_eq!(reply, "{\"id\":2,\"subscribe\":{}}");
        assert_eq!(lines(&desk.hear(ann)).len(), asks, "{name}");
    }
}

#[test]
fn both_encodings_are_told() {
    let mut desk = Desk::new(&hearing(1));
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket?format=protobuf"));
    desk.say(conn, frame(0x82, b"\x04\x08\x01\x22\x00"));
    // Subscribes to "told.a".
    desk.say(conn, frame(0x82, b"\x0c\x08\x02\x2a\x08\x0a\x06told.a"));
    let ann = user(&mut desk, "ann");
    subscribe(&mut desk, ann, "told.a");
    let heard = desk.hear(conn);
    // A frame, a length, and a push of the channel with a join in it.
    let expected = b"\x12\x06told.a\x2a";
    assert!(heard.windows(expected.len()).any(|part| part == expected), "{}", heard.escape_ascii());
    assert!(heard.windows(5).any(|part| part == b"\x0a\x03ann"), "{}", heard.escape_ascii());
}

#[test]
fn so_many_a_second_are_told_and_the_others_counted() {
    for (shards, owner) in [(1, 0), (2, 1)] {
        let limits = Limits { join_leave_per_second: 2, ..Limits::default() };
        let mut desk = Desk::new(&ShardConfig { limits, ..hearing(shards) });
        let channel = owned(&desk, "told", owner);
        let ann = user(&mut desk, "ann");
        subscribe(&mut desk, ann, &channel);
        desk.pass(Duration::from_secs(1));
        desk.hear(ann);
        for _ in 0..5 {
            let bob = user(&mut desk, "bob");
            subscribe(&mut desk, bob, &channel);
        }
        assert_eq!(lines(&desk.hear(ann)).len(), 2);
        assert_eq!(desk.report().untold, 3);
        desk.pass(Duration::from_secs(1));
        let bob = user(&mut desk, "bob");
        subscribe(&mut desk, bob, &channel);
        assert_eq!(lines(&desk.hear(ann)).len(), 1);
    }
}

#[test]
fn a_slow_reader_is_not_closed_for_them() {
    let outbox = Outbox { bytes: 2_000, policy: OutboxPolicy::Close };
    let mut desk = Desk::new(&ShardConfig { outbox, ..hearing(1) });
    let ann = user(&mut desk, "ann");
    subscribe(&mut desk, ann, "told.a");
    desk.world().room.insert(ann.0, 0);
    for _ in 0..30 {
        let bob = user(&mut desk, "bob");
        subscribe(&mut desk, bob, "told.a");
    }
    let report = desk.report();
    assert!(report.untold > 10 && report.outbox_closed == 0, "{report:?}");
    desk.hear(ann);
    desk.writable(ann, usize::MAX);
    let heard = lines(&desk.hear(ann));
    assert!(heard.len() > 3 && heard.iter().all(|push| push.contains("\"join\"")), "{heard:?}");
}

/// Neither the reply to a connect that waited for an owner, nor what others do.
#[test]
fn nothing_that_a_client_of_http_1_0_is_told_is_in_a_chunk() {
    let mut desk = Desk::new(&ShardConfig { dev: true, endpoints: dev().endpoints, ..hearing(3) });
    let channel = owned(&desk, "told", 2);
    let stream = desk.connect();
    let connect = format!("%7B%22subs%22%3A%7B%22{channel}%22%3A%7B%7D%7D%7D");
    desk.tell(stream, format!("GET /connection/uni_sse?cf_connect={connect} HTTP/1.0\r\nHost: h\r\n\r\n"));
    desk.settle();
    let begin = String::from_utf8(desk.hear_raw(stream)).unwrap();
    let (_, body) = begin.split_once("\r\n\r\n").unwrap();
    let is_bare = |body: &str| body.lines().all(|line| line.is_empty() || line.starts_with("data: "));
    assert!(body.starts_with("\ndata: {\"connect\":") && is_bare(body), "{begin}");
    let ann = user(&mut desk, "ann");
    subscribe(&mut desk, ann, &channel);
    desk.settle();
    let told = String::from_utf8(desk.hear_raw(stream)).unwrap();
    assert!(told.contains("\"user\":\"ann\"") && is_bare(&told), "{told}");
}
