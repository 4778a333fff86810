//! Bounds on heads and bodies: size, fields, time.
use std::time::Duration;

use shard::{Limits, Refusal, ShardConfig};

use crate::desk::{Desk, dev};

#[test]
fn a_head_over_its_bytes_is_refused_while_it_comes() {
    let mut desk = Desk::new(&ShardConfig { limits: Limits { head_bytes: 200, ..Limits::default() }, ..dev() });
    let conn = desk.connect();
    assert_eq!(desk.ask(conn, format!("GET /sub/a HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(100))), "");
    let answer = desk.ask(conn, "x".repeat(100));
    assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
    assert_eq!(desk.refusals(Refusal::HeadTooLarge), 1);
}

#[test]
fn a_head_that_just_fits_is_served() {
    let head = "OPTIONS /pub HTTP/1.1\r\nHost: h\r\n\r\n";
    for (bytes, status) in [(head.len(), "204"), (head.len() - 1, "431")] {
        let mut desk = Desk::new(&ShardConfig { limits: Limits { head_bytes: bytes, ..Limits::default() }, ..dev() });
        let answer = desk.request(head);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {answer}");
    }
}

#[test]
fn a_head_of_too_many_fields_is_refused() {
    let mut desk = Desk::new(&dev());
    let fields: String = (0..64).map(|number| format!("F{number}: v\r\n")).collect();
    let answer = desk.request(format!("GET /sub/a HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn a_head_that_comes_too_slowly_is_answered_and_counted() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    desk.say(conn, "GET /sub/a HTTP/1.1\r\n");
    desk.pass(Duration::from_millis(9_900));
    assert_eq!(desk.hear_text(conn), "");
    desk.say(conn, "Host");
    desk.pass(Duration::from_millis(200));
    let answer = desk.hear_text(conn);
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert_eq!(desk.refusals(Refusal::HeadTooSlow), 1);
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    desk.pass(Duration::from_millis(10_100));
    assert!(desk.is_closed(conn));
    assert_eq!(desk.shard().connections(), 0);
}

#[test]
fn a_body_that_comes_too_slowly_is_answered() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    desk.say(conn, "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab");
    desk.pass(Duration::from_millis(10_100));
    let answer = desk.hear_text(conn);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("the body did not arrive in time"), "{answer}");
}

#[test]
fn a_kept_alive_connection_may_be_quiet_for_longer_but_not_in_the_middle_of_a_request() {
    let mut desk = Desk::new(&dev());
    let (quiet, slow) = (desk.connect(), desk.connect());
    for conn in [quiet, slow] {
        let answer = desk.ask(conn, "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na");
        assert!(answer.contains("\r\nConnection: keep-alive\r\n"), "{answer}");
    }
    desk.pass(Duration::from_secs(20));
    desk.say(slow, "POST /pub/a HT");
    desk.pass(Duration::from_secs(11));
    assert!(desk.hear_text(slow).starts_with("HTTP/1.1 408 "));
    desk.pass(Duration::from_secs(40));
    assert!(!desk.is_closed(quiet));
    desk.pass(Duration::from_secs(10));
    assert!(desk.is_closed(quiet));
}

#[test]
fn subjects_of_one_request_are_bounded() {
    let mut desk = Desk::new(&dev());
    let list = |count: usize| (0..count).map(|number| format!("s{number}")).collect::<Vec<_>>().join(",");
    let request = |count| format!("GET /sub/{} HTTP/1.1\r\nHost: h\r\n\r\n", list(count));
    let answer = desk.request(request(65));
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("more than 64 subjects"), "{answer}");
    assert_eq!(desk.request(request(64)), "", "64 of them are waited for");
    let limits = Limits { subscriptions_per_connection: 2, ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { limits, ..dev() });
    let answer = desk.request(request(3));
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("at most 2 subscriptions"), "{answer}");
}
