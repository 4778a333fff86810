//! Pings, pongs, comments, and connections over which nothing goes.
use std::time::Duration;

use base::ConnId;
use shard::{Heartbeat, Refusal, ShardConfig};

use crate::desk::{Desk, close_of, dev, frame, text_of, upgrade};

fn config(interval: u64, idle: u64) -> ShardConfig {
    let heartbeat = Heartbeat {
        ping_interval: Duration::from_secs(interval),
        pong_timeout: Duration::from_secs(8),
        idle_close: Duration::from_secs(idle),
    };
    ShardConfig { heartbeat, ..dev() }
}

fn open(desk: &mut Desk) -> ConnId {
    let conn = desk.connect();
    assert!(desk.say(conn, upgrade("/sub/a")).starts_with(b"HTTP/1.1 101 "));
    conn
}

#[test]
fn the_first_pings_are_spread_over_half_the_interval() {
    let mut desk = Desk::new(&config(24, 0));
    let conns: Vec<ConnId> = (0..100).map(|_| open(&mut desk)).collect();
    desk.pass(Duration::from_millis(11_990));
    assert!(conns.iter().all(|&conn| desk.hear(conn).is_empty()), "none in the first half");
    let mut pinged = Vec::new();
    for _ in 0..4 {
        desk.pass(Duration::from_secs(3));
        let heard: Vec<_> = conns.iter().filter(|&&conn| desk.hear(conn) == b"\x89\0").copied().collect();
        heard.iter().for_each(|&conn| assert!(desk.say(conn, frame(0x8a, "")).is_empty()));
        pinged.push(heard.len());
    }
    desk.pass(Duration::from_millis(50));
    assert!(pinged.iter().sum::<usize>() >= 98 && pinged.iter().all(|&count| count > 5), "{pinged:?}");
}

#[test]
fn who_answers_stays_and_who_does_not_is_closed() {
    let mut desk = Desk::new(&config(20, 0));
    let (alive, dead) = (open(&mut desk), open(&mut desk));
    let mut pings = 0;
    for _ in 0..600 {
        desk.pass(Duration::from_millis(100));
        let heard = desk.hear(alive);
        if heard == b"\x89\0" {
            pings += 1;
            desk.say(alive, frame(0x8a, ""));
        }
    }
    assert!((2..=4).contains(&pings), "{pings} pings in a minute");
    assert!(!desk.is_shut(alive));
    let heard = desk.hear(dead);
    assert_eq!(heard[..2], [0x89, 0]);
    assert_eq!(close_of(&heard[2..]), (1001, "no answer to a ping".to_owned()));
    assert_eq!(desk.refusals(Refusal::NoPong), 1);
    assert!(desk.is_closed(dead));
}

#[test]
fn any_byte_is_a_sign_of_life() {
    let mut desk = Desk::new(&config(20, 0));
    let conn = open(&mut desk);
    desk.pass(Duration::from_millis(20_100));
    assert_eq!(desk.hear(conn), b"\x89\0");
    desk.say(conn, &frame(0x81, "hm")[..1]);
    desk.pass(Duration::from_secs(9));
    assert!(!desk.is_shut(conn));
}

#[test]
fn an_event_stream_gets_comments() {
    let mut desk = Desk::new(&config(10, 0));
    let conn = desk.connect();
    desk.say(conn, "GET /sub/a HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
    desk.pass(Duration::from_secs(31));
    let heard = desk.hear_text(conn);
    assert!(heard.lines().all(|line| line.is_empty() || line.starts_with(':')), "{heard:?}");
    assert!((2..=3).contains(&heard.matches("\n\n").count()), "{heard:?}");
}

#[test]
fn nothing_wakes_up_for_connections_without_heartbeats() {
    let mut desk = Desk::new(&config(0, 0));
    open(&mut desk);
    assert_eq!(desk.next_timeout(), None);
}

#[test]
fn an_idle_websocket_is_closed_whatever_its_pings() {
    for interval in [0, 3] {
        let mut desk = Desk::new(&config(interval, 10));
        let (idle, busy) = (open(&mut desk), open(&mut desk));
        for second in 0..20 {
            desk.pass(Duration::from_secs(1));
            for conn in [idle, busy] {
                if desk.hear(conn) == b"\x89\0" {
                    desk.say(conn, frame(0x8a, ""));
                }
            }
            if !desk.is_shut(busy) && second % 5 == 0 {
                desk.say(busy, frame(0x81, "I am here"));
            }
        }
        assert!(desk.is_shut(idle) && !desk.is_shut(busy), "interval {interval}");
        assert_eq!(desk.refusals(Refusal::Idle), 1, "interval {interval}");
    }
}

fn session(desk: &mut Desk) -> ConnId {
    let conn = desk.connect();
    desk.say(conn, upgrade("/connection/websocket"));
    let answer = desk.say(conn, frame(0x81, "{\"id\":1,\"connect\":{}}"));
    assert!(text_of(&answer).starts_with("{\"id\":1,\"connect\":{\"client\":\""));
    conn
}

#[test]
fn a_session_answers_with_an_empty_command() {
    let mut desk = Desk::new(&config(20, 0));
    let (alive, dead) = (session(&mut desk), session(&mut desk));
    desk.pass(Duration::from_millis(20_100));
    assert_eq!(text_of(&desk.hear(alive)), "{}");
    assert_eq!(text_of(&desk.hear(dead)), "{}");
    desk.say(alive, frame(0x81, "{}"));
    // A pong of the frame layer is none of the dialect.
    desk.say(dead, frame(0x8a, ""));
    desk.pass(Duration::from_secs(9));
    assert_eq!(close_of(&desk.hear(dead)), (3012, "no pong".to_owned()));
    assert!(!desk.is_shut(alive));
}

/// The timer fires in the middle of a subscribe: the session is pinged all the same, then and later.
#[test]
fn a_session_that_waits_for_an_owner_is_pinged() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..config(20, 0) });
    let subject = desk.subject_of(1);
    let conn = session(&mut desk);
    desk.world().mail_room = 0;
    desk.say(conn, frame(0x81, format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{subject}\"}}}}")));
    desk.pass(Duration::from_millis(20_100));
    assert_eq!(text_of(&desk.hear(conn)), "{}");
    desk.world().mail_room = usize::MAX;
    assert!(text_of(&desk.say(conn, frame(0x81, "{}"))).starts_with("{\"id\":2,\"subscribe\":"));
    desk.pass(Duration::from_secs(21));
    assert_eq!(text_of(&desk.hear(conn)), "{}");
}

/// While an owner is asked the session is not read: its pong may be there, and nobody may say that it is not.
#[test]
fn a_pong_that_could_not_be_read_yet_counts() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..config(20, 0) });
    let subject = desk.subject_of(1);
    let conn = session(&mut desk);
    desk.world().mail_room = 0;
    desk.say(conn, frame(0x81, format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{subject}\"}}}}")));
    desk.pass(Duration::from_millis(20_100));
    assert_eq!(text_of(&desk.hear(conn)), "{}");
    assert_eq!(desk.say(conn, frame(0x81, "{}")), b"");
    desk.pass(Duration::from_secs(30));
    assert!(!desk.is_shut(conn));
    desk.world().mail_room = usize::MAX;
    desk.settle();
    assert!(text_of(&desk.hear(conn)).starts_with("{\"id\":2,\"subscribe\":"));
    let mut next = Vec::new();
    for _ in 0..21 {
        desk.pass(Duration::from_secs(1));
        next.extend(desk.hear(conn));
        if !next.is_empty() {
            break;
        }
    }
    assert_eq!(text_of(&next), "{}", "and the pings go on");
}

#[test]
fn a_kept_alive_connection_that_ends_quietly_is_no_refusal() {
    let mut desk = Desk::new(&dev());
    let served = desk.connect();
    desk.ask(served, "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1");
    desk.pass(Duration::from_secs(600));
    assert!(desk.is_closed(served));
    assert_eq!(desk.refusals(Refusal::HeadTooSlow), 0);
    let silent = desk.connect();
    desk.pass(Duration::from_secs(600));
    assert!(desk.is_closed(silent));
    assert_eq!(desk.refusals(Refusal::HeadTooSlow), 1);
}
