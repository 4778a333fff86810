//! More to send than a turn may: whoever waits collects what comes meanwhile, and answers don't wait.
use shard::{Limits, ShardConfig};

use crate::desk::{Desk, dev, frame, with_history};
use crate::session;

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

/// An answer for who waited for publications was flushed in its place in the line, up to eight turns later.
#[test]
fn an_answer_does_not_wait_for_the_asker_s_own_publications() {
    let mut desk = Desk::new(&two_a_turn());
    let stream = desk.open("/pub");
    let clients: Vec<_> = (0..9).map(|_| session::open(&mut desk)).collect();
    for &client in &clients {
        session::say(&mut desk, client, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
    }
    desk.tell(stream, publication("a", "1"));
    desk.finish_turn();
    let waiting: Vec<_> = clients.into_iter().filter(|&client| desk.hear(client).is_empty()).collect();
    assert_eq!(waiting.len(), 7);
    // The last in the line asks, and gets what waited for it first.
    let last = waiting[6];
    desk.tell(last, frame(0x81, "{\"id\":3,\"publish\":{\"channel\":\"b\",\"data\":1}}"));
    desk.finish_turn();
    let heard = session::lines(&desk.hear(last));
    assert!(heard.len() == 2 && heard[0].contains("\"push\"") && heard[1].starts_with("{\"id\":3,"), "{heard:?}");
    desk.settle();
    assert!(desk.hear(last).is_empty(), "nothing comes twice");
    assert!(waiting[..6].iter().all(|&client| session::lines(&desk.hear(client)).len() == 1));
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
