//! A server that leaves: everyone is told in its own words, at the pace that was asked for.
use std::time::Duration;

use base::ConnId;
use shard::{Command, Input, Refusal, Ticket};

use crate::desk::{Desk, close_of, dev, frame};

fn drain(desk: &mut Desk, spread: Duration) {
    desk.handle(Input::Command { ticket: Ticket(1), command: Command::Drain { spread } });
    desk.settle();
}

#[test]
fn everyone_is_told_in_its_own_words() {
    let mut desk = Desk::new(&dev());
    let (listener, stream) = (desk.open("/sub/a"), desk.open("/pub?ack=1"));
    let session = desk.open("/connection/websocket");
    desk.say(session, frame(0x81, "{\"id\":1,\"connect\":{}}"));
    desk.say(stream, frame(0x82, "\u{1}bx"));
    let events = desk.connect();
    desk.say(events, "GET /sub/a HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
    let poll = desk.connect();
    desk.say(poll, "GET /sub/a HTTP/1.1\r\nHost: h\r\n\r\n");
    let silent = desk.connect();
    drain(&mut desk, Duration::ZERO);
    desk.pass(Duration::from_millis(100));
    assert_eq!(close_of(&desk.hear(listener)).0, 1012);
    let last = desk.hear(stream);
    assert_eq!((&last[..3], close_of(&last[10..]).0), (&b"\x82\x08\x01"[..], 1012), "the last count comes first");
    assert_eq!(close_of(&desk.hear(session)), (3001, "shutdown".to_owned()));
    let advice = desk.hear_text(events);
    let retry_ms: u32 = advice.strip_prefix("retry: ").unwrap().trim().parse().unwrap();
    assert!((1_000..5_000).contains(&retry_ms), "{advice}");
    let answer = desk.hear_text(poll);
    assert!(answer.starts_with("HTTP/1.1 204 ") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert!(desk.is_closed(silent));
    assert!(!desk.shard().is_drained(), "they may still read");
    desk.pass(Duration::from_secs(6));
    assert!(desk.shard().is_drained());
    assert_eq!(desk.shard().holdings(), shard::Holdings::default());
}

#[test]
fn a_request_that_comes_late_is_sent_elsewhere() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    desk.say(conn, "GET /sub/a HTTP/1.1\r\n");
    drain(&mut desk, Duration::from_secs(10));
    let answer = desk.ask(conn, "Host: h\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.contains("\r\nRetry-After: 2\r\n"), "{answer}");
    assert_eq!(desk.refusals(Refusal::Draining), 1);
}

#[test]
fn the_ends_are_spread_evenly() {
    let mut desk = Desk::new(&dev());
    let conns: Vec<ConnId> = (0..100).map(|_| desk.open("/sub/a")).collect();
    drain(&mut desk, Duration::from_secs(10));
    for second in 1..=10_usize {
        desk.pass(Duration::from_secs(1));
        let told = conns.iter().filter(|&&conn| desk.is_shut(conn)).count();
        assert!(told.abs_diff(second * 10) <= 2, "{told} after {second} s");
    }
}

/// The turns of a busy shard must not push the drain's next step away.
#[test]
fn a_busy_server_drains_too() {
    let mut desk = Desk::new(&dev());
    let (listener, echo) = (desk.open("/sub/a"), desk.open("/echo"));
    drain(&mut desk, Duration::from_millis(100));
    for _ in 0..400 {
        desk.pass(Duration::from_millis(1));
        if !desk.is_shut(echo) {
            desk.say(echo, frame(0x81, "x"));
        }
    }
    assert!(desk.is_shut(listener) && desk.is_shut(echo));
}

#[test]
fn an_answer_that_is_on_its_way_is_not_cut_off() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    desk.world().room.insert(conn.0, 5);
    let begin = desk.ask(conn, "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
    drain(&mut desk, Duration::ZERO);
    desk.pass(Duration::from_millis(100));
    desk.writable(conn, 10_000);
    let answer = begin + &desk.hear_text(conn);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with('}'), "{answer}");
}
