//! Readers that are slower than their subjects: what each policy keeps, and what it counts.
use base::ConnId;
use hub::OutboxPolicy;
use shard::{Close, Refusal};

use crate::desk::{Desk, close_of, upgrade, with_outbox};

/// A listener whose socket takes nothing more.
fn stuck(desk: &mut Desk, subjects: &str) -> ConnId {
    let conn = desk.connect();
    assert!(desk.say(conn, upgrade(&format!("/sub/{subjects}"))).starts_with(b"HTTP/1.1 101 "));
    desk.world().room.insert(conn.0, 0);
    conn
}

/// The payloads of text frames.
fn payloads(mut bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    while let [0x81, length, rest @ ..] = bytes {
        let (payload, after) = rest.split_at(usize::from(*length));
        all.push(String::from_utf8(payload.to_vec()).unwrap());
        bytes = after;
    }
    all
}

#[test]
fn close_ends_the_connection_and_keeps_the_order() {
    let mut desk = Desk::new(&with_outbox(20, OutboxPolicy::Close));
    let conn = stuck(&mut desk, "a");
    for payload in ["11111111", "22222222", "33333333", "4"] {
        desk.publish("a", payload);
    }
    let report = desk.report();
    assert_eq!((report.outbox_closed, report.refusals[Refusal::SlowConsumer as usize]), (1, 1));
    assert_eq!(report.subscriptions, 0, "it is no subscriber any more");
    desk.writable(conn, 1_000);
    let (code, reason) = close_of(&desk.hear(conn));
    assert_eq!(code, 1013);
    assert!(reason.contains("too slowly"), "{reason}");
}

#[test]
fn a_frame_that_is_begun_is_finished_before_the_close() {
    let mut desk = Desk::new(&with_outbox(20, OutboxPolicy::Close));
    let conn = stuck(&mut desk, "a");
    desk.world().room.insert(conn.0, 3);
    for payload in ["11111111", "22222222", "33333333"] {
        desk.publish("a", payload);
    }
    desk.writable(conn, 1_000);
    let heard = desk.hear(conn);
    assert_eq!(&heard[..10], b"\x81\x0811111111");
    assert_eq!(close_of(&heard[10..]).0, 1013);
}

#[test]
fn a_peer_that_never_reads_is_reset() {
    let mut desk = Desk::new(&with_outbox(10, OutboxPolicy::Close));
    let conn = stuck(&mut desk, "a");
    desk.publish("a", "11111111");
    desk.publish("a", "22222222");
    desk.pass(std::time::Duration::from_secs(6));
    assert_eq!(desk.world().closed[&conn.0], Close::Abort);
    assert_eq!(desk.report().outbox_bytes, 0);
}

#[test]
fn drop_oldest_keeps_the_newest_and_counts() {
    let mut desk = Desk::new(&with_outbox(21, OutboxPolicy::DropOldest));
    let conn = stuck(&mut desk, "a,b");
    for (subject, payload) in [("a", "a1"), ("b", "\"b1\""), ("a", "a2"), ("a", "a3"), ("b", "\"b2\""), ("a", "a4")] {
        desk.publish(subject, payload);
        assert!(desk.report().outbox_bytes <= 21);
    }
    assert_eq!(desk.report().outbox_dropped, 2);
    desk.writable(conn, 1_000);
    assert_eq!(payloads(&desk.hear(conn)), ["a2", "a3", "\"b2\"", "a4"]);
}

#[test]
fn conflate_keeps_the_newest_of_each_subject() {
    let mut desk = Desk::new(&with_outbox(1_000, OutboxPolicy::Conflate));
    let conn = stuck(&mut desk, "a,b");
    for (subject, payload) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"), ("b", "b2")] {
        desk.publish(subject, payload);
    }
    assert_eq!(desk.report().outbox_conflated, 3);
    desk.writable(conn, 1_000);
    assert_eq!(payloads(&desk.hear(conn)), ["a3", "b2"]);
    desk.publish("a", "a4");
    desk.publish("a", "a5");
    assert_eq!(payloads(&desk.hear(conn)), ["a4", "a5"], "a reader that keeps up gets everything");
}

#[test]
fn a_dropped_event_takes_its_id_with_it() {
    let mut desk = Desk::new(&with_outbox(300, OutboxPolicy::Conflate));
    let conn = desk.connect();
    desk.say(conn, "GET /sub/a,b HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
    desk.world().room.insert(conn.0, 0);
    for payload in ["1", "2", "3"] {
        desk.publish("a", payload);
        desk.publish("b", payload);
    }
    assert_eq!(desk.report().outbox_conflated, 4);
    desk.writable(conn, 10_000);
    let heard = desk.hear_text(conn);
    let lines: Vec<_> = heard.lines().map(|line| &line[..line.len().min(4)]).collect();
    assert_eq!(lines, ["id: ", "data", "", "id: ", "data", ""], "{heard}");
}

#[test]
fn a_pong_is_not_dropped() {
    let mut desk = Desk::new(&with_outbox(11, OutboxPolicy::DropOldest));
    let conn = stuck(&mut desk, "a");
    desk.publish("a", "1");
    desk.say(conn, crate::desk::frame(0x89, "?"));
    desk.publish("a", "222222");
    desk.writable(conn, 1_000);
    assert_eq!(desk.hear(conn), b"\x8a\x01?\x81\x06222222");
}

#[test]
fn a_burst_in_one_turn_is_no_slow_reader() {
    let mut desk = Desk::new(&with_outbox(20, OutboxPolicy::Close));
    let conn = desk.connect();
    desk.say(conn, upgrade("/sub/a"));
    let poster = desk.connect();
    let post = "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n12345678";
    desk.say(poster, post.repeat(50));
    assert_eq!(payloads(&desk.hear(conn)).len(), 50);
    assert_eq!(desk.report().outbox_closed, 0);
}

#[test]
fn who_is_condemned_does_not_take_the_next_one_in_its_slot_along() {
    let mut desk = Desk::new(&with_outbox(10, OutboxPolicy::Close));
    let conn = stuck(&mut desk, "a");
    let poster = desk.connect();
    let post = "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n12345678";
    desk.publish("a", "12345678");
    desk.tell(poster, post);
    desk.handle(shard::Input::Ended { conn, end: shard::End::Broken });
    desk.world().room.remove(&conn.0);
    desk.handle(shard::Input::Accepted { conn });
    desk.tell(conn, upgrade("/sub/b"));
    desk.settle();
    assert!(desk.hear(conn).starts_with(b"HTTP/1.1 101 "));
    desk.publish("b", "x");
    assert_eq!(payloads(&desk.hear(conn)), ["x"]);
}
