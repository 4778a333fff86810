//! More to send than a turn may: whoever waits collects what comes meanwhile, and answers don't wait.
use shard::{Limits, ShardConfig};

use crate::desk::{Desk, dev, frame, with_history};

fn two_a_turn() -> ShardConfig {
    ShardConfig { limits: Limits { flushes_per_turn: 2, ..Limits::default() }, ..dev() }
}

/// A publication for a publish stream.
fn publication(subject: &str, payload: &str) -> Vec<u8> {
    let length = char::from(u8::try_from(subject.len()).unwrap());
    frame(0x82, format!("{length}{subject}{payload}"))
}

#[test]
fn a_turn_flushes_the_oldest_and_the_next_one_the_rest_with_what_came_meanwhile() {
    let mut desk = Desk::new(&two_a_turn());
    let all: Vec<_> = (0..5).map(|_| desk.open("/sub/a")).collect();
    let stream = desk.open("/pub");
    desk.tell(stream, publication("a", "1"));
    desk.finish_turn();
    let one: &[u8] = &[0x82, 1, b'1'];
    let both: &[u8] = &[0x82, 1, b'1', 0x82, 1, b'2'];
    let heard: Vec<_> = all.iter().map(|&conn| desk.hear(conn)).collect();
    assert_eq!(heard.iter().filter(|heard| **heard == one).count(), 2);
    assert!(desk.next_timeout().is_some_and(|at| at <= desk.now), "the next turn comes at once");

    desk.tell(stream, publication("a", "2"));
    desk.finish_turn();
    let heard: Vec<_> = all.iter().map(|&conn| desk.hear(conn)).collect();
    assert_eq!(heard.iter().filter(|heard| **heard == both).count(), 2, "{heard:?}");
    desk.settle();
    assert_eq!(desk.next_timeout(), None);
    for (conn, before) in all.iter().zip(heard) {
        let rest = desk.hear(*conn);
        assert!([&before[..], &rest[..]].concat().ends_with(&[0x82, 1, b'2']), "{conn} lacks the last one");
    }
}

#[test]
fn an_answer_does_not_wait_for_other_connections_publications() {
    let mut desk = Desk::new(&two_a_turn());
    let listeners: Vec<_> = (0..9).map(|_| desk.open("/sub/a")).collect();
    let (stream, healthy) = (desk.open("/pub"), desk.open("/sub/b"));
    desk.tell(stream, publication("a", "1"));
    desk.tell(healthy, frame(0x89, "ping"));
    desk.finish_turn();
    assert_eq!(desk.hear(healthy), [&[0x8a, 4], &b"ping"[..]].concat(), "a pong leaves in its turn");
    let waiting = listeners.iter().filter(|&&conn| desk.hear(conn).is_empty()).count();
    assert_eq!(waiting, 7);
    desk.settle();
}

#[test]
fn who_closes_while_a_publication_waits_for_it_leaves_nothing_behind() {
    let mut desk = Desk::new(&ShardConfig { limits: two_a_turn().limits, ..with_history() });
    let listeners: Vec<_> = (0..6).map(|_| desk.open("/sub/a")).collect();
    let stream = desk.open("/pub");
    desk.tell(stream, publication("a", "1"));
    desk.finish_turn();
    for conn in listeners {
        desk.tell(conn, frame(0x88, [0x03, 0xe8]));
    }
    desk.settle();
    let report = desk.report();
    assert_eq!((report.outbox_bytes, report.subscriptions), (0, 0));
}
