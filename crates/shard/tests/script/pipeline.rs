//! Requests one behind the other on one connection, and half-closed connections.
use base::ConnId;
use shard::ShardConfig;

use crate::desk::{Desk, dev, upgrade};

fn post(subject: &str) -> String {
    format!("POST /pub/{subject} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
}

fn statuses(answer: &str) -> Vec<&str> {
    answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect()
}

#[test]
fn answers_come_in_the_order_of_requests_whoever_owns_the_subjects() {
    let mut desk = Desk::new(&ShardConfig { shards: 3, ..dev() });
    let owned: Vec<String> = (0..3).map(|owner| desk.subject_of(owner)).collect();
    let conn = desk.connect();
    let requests: String = [2, 0, 1, 0].iter().map(|&owner: &usize| post(&owned[owner])).collect();
    let answer = desk.ask(conn, requests + &upgrade(&format!("/sub/{}", owned[1])));
    assert_eq!(statuses(&answer), ["200", "200", "200", "200", "101"], "{answer}");
}

#[test]
fn an_event_stream_begins_behind_the_answers_before_it() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let subject = desk.subject_of(1);
    let conn = desk.connect();
    let listen = format!("GET /sub/{subject} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
    let answer = desk.ask(conn, post("a") + &listen);
    assert_eq!(statuses(&answer), ["200", "200"], "{answer}");
    assert!(answer.rfind("text/event-stream") > answer.find("\"position\""), "{answer}");
}

#[test]
fn an_answer_does_not_wait_for_the_poll_behind_it() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    for owner in 0..2 {
        let subject = desk.subject_of(owner);
        let conn = desk.connect();
        let poll = format!("GET /sub/{subject} HTTP/1.1\r\nHost: h\r\n\r\n");
        let answer = desk.ask(conn, format!("OPTIONS /pub HTTP/1.1\r\nHost: h\r\n\r\n{poll}"));
        assert_eq!(statuses(&answer), ["204"], "{owner}");
        desk.publish(&subject, "1");
        assert_eq!(statuses(&desk.hear_text(conn)), ["200"], "{owner}");
    }
}

/// Each request is answered before the next is read: with a recursion a peer would choose the depth of the stack.
#[test]
fn thousands_of_requests_in_one_read_are_a_loop() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    let answer = desk.ask(conn, "OPTIONS /pub HTTP/1.1\r\nHost:h\r\n\r\n".repeat(4_000));
    assert_eq!(statuses(&answer).len(), 4_000);
}

#[test]
fn who_does_not_read_answers_is_not_read() {
    let mut desk = Desk::new(&crate::desk::with_outbox(1_000, hub::OutboxPolicy::Close));
    let conn = desk.connect();
    desk.world().room.insert(conn.0, 0);
    desk.say(conn, post("a").repeat(100));
    assert!(desk.report().outbox_bytes < 3_000, "{:?}", desk.report());
    assert!(desk.world().paused.contains(&conn.0));
    let mut answers = String::new();
    while statuses(&answers).len() < 100 {
        desk.writable(conn, 500);
        answers.push_str(&desk.hear_text(conn));
    }
    assert!(!desk.world().paused.contains(&conn.0));
    assert_eq!(desk.report().outbox_bytes, 0);
}

#[test]
fn a_hand_over_leaves_no_answer_behind() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    let answer = desk.ask(conn, post("a") + "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(statuses(&answer), ["200"], "{answer}");
    assert_eq!(desk.world().handed_over.len(), 1);
}

/// What `nc` does with its input at an end.
fn finished(desk: &mut Desk, bytes: String) -> (ConnId, String) {
    let conn = desk.connect();
    desk.tell(conn, bytes);
    desk.handle(shard::Input::Ended { conn, end: shard::End::Finished });
    desk.settle();
    (conn, desk.hear_text(conn))
}

#[test]
fn a_half_closed_peer_gets_its_answers_and_the_connection_ends() {
    for owner in 0..2 {
        let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
        let subject = desk.subject_of(owner);
        let (conn, answer) = finished(&mut desk, post(&subject).repeat(3));
        assert_eq!(statuses(&answer), ["200", "200", "200"], "owner {owner}: {answer}");
        assert!(desk.is_closed(conn), "owner {owner}");
        assert_eq!(desk.shard().connections(), 0, "owner {owner}");
    }
}

#[test]
fn a_half_closed_listener_is_not_kept() {
    for owner in 0..2 {
        let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
        let subject = desk.subject_of(owner);
        let (conn, _answer) = finished(&mut desk, upgrade(&format!("/sub/{subject}")));
        assert!(desk.is_closed(conn), "owner {owner}");
        assert_eq!(desk.report().subscriptions, 0, "owner {owner}");
    }
}
