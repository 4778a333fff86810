//! Long polls: answers at once, answers later, and 204 with a place.
use std::time::Duration;

use shard::{Limits, ShardConfig};

use crate::desk::{Desk, dev, namespace, upgrade, with_history};

fn poll(target: &str) -> String {
    format!("GET /sub/{target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

fn position(answer: &str) -> String {
    answer.rsplit("\"position\":\"").next().unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn an_answer_comes_when_something_does() {
    let mut desk = Desk::new(&with_history());
    let conn = desk.connect();
    assert_eq!(desk.ask(conn, poll("a")), "");
    desk.publish("a", "{\"x\":1}");
    let answer = desk.hear_text(conn);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"), "{answer}");
    assert!(answer.contains("{\"publications\":[{\"subject\":\"a\",\"data\":{\"x\":1},\"position\":\""), "{answer}");
    assert!(!answer.contains("reset"), "{answer}");
    // The connection goes on from there.
    desk.publish("a", "text");
    let answer = desk.ask(conn, poll(&format!("a?since={}", position(&answer))));
    assert!(answer.contains("\"data\":\"text\""), "{answer}");
    assert_eq!(desk.report().subscriptions, 0);
}

#[test]
fn the_time_out_is_204_with_the_place() {
    let mut desk = Desk::new(&with_history());
    let published = desk.publish("a", "1");
    let conn = desk.connect();
    desk.ask(conn, poll("a?timeout=2"));
    desk.pass(Duration::from_millis(1_900));
    assert_eq!(desk.hear_text(conn), "");
    desk.pass(Duration::from_millis(200));
    let answer = desk.hear_text(conn);
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    assert!(answer.contains(&format!("\r\nRingcast-Position: {}\r\n", position(&published))), "{answer}");
    assert!(!answer.contains("Content-Length"), "{answer}");
}

#[test]
fn a_poll_may_not_wait_for_ever() {
    let limits = Limits { poll_timeout: Duration::from_secs(5), ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { limits, ..dev() });
    for target in ["a", "a?timeout=4000000000"] {
        let conn = desk.connect();
        desk.ask(conn, poll(target));
        desk.pass(Duration::from_millis(5_100));
        assert!(desk.hear_text(conn).starts_with("HTTP/1.1 204 "), "{target}");
    }
}

#[test]
fn a_gap_is_told_at_once() {
    let mut desk = Desk::new(&ShardConfig { namespaces: vec![namespace(">", 1)], ..dev() });
    let first = position(&desk.publish("a", "1"));
    desk.publish("a", "2");
    desk.publish("a", "3");
    let answer = desk.request(poll(&format!("a?since={first}")));
    assert!(answer.contains("\"data\":3,") && answer.contains("\"reset\":true"), "{answer}");
    let next = position(&answer);
    assert_eq!(desk.request(poll(&format!("a?since={next}"))), "", "and then there is nothing more");
}

/// A subject is forgotten between two polls. If nothing was published meanwhile nothing is missing; else there is a gap unless
/// there is a history, and if the position is of another start of the server. Told at once, a client that does as it should
/// would ask again at once, for ever.
#[test]
fn polls_of_a_quiet_subject_do_not_spin() {
    for config in [dev(), with_history()] {
        let mut desk = Desk::new(&config);
        let conn = desk.connect();
        desk.ask(conn, poll("a?timeout=1"));
        desk.pass(Duration::from_millis(1_100));
        let first = desk.hear_text(conn);
        let since = first.split("Ringcast-Position: ").nth(1).unwrap().split('\r').next().unwrap().to_owned();
        assert_eq!(desk.ask(conn, poll(&format!("a?timeout=1&since={since}"))), "", "it waits");
        desk.publish("a", "1");
        let answer = desk.hear_text(conn);
        assert!(answer.contains("\"data\":1,") && !answer.contains("\"reset\""), "{answer}");
        // From the same place again: by now that was published, and forgotten unless it is kept.
        assert_eq!(told_at_the_time_out(&mut desk, &since), config.namespaces.is_empty());
        let mut desk = Desk::new(&ShardConfig { seed: 2, ..config });
        assert!(told_at_the_time_out(&mut desk, &since), "another start");
    }
}

/// Whether a poll of `a` ends with the news of a gap, and with nothing else but at its time-out.
fn told_at_the_time_out(desk: &mut Desk, since: &str) -> bool {
    let conn = desk.connect();
    let at_once = desk.ask(conn, poll(&format!("a?timeout=1&since={since}")));
    desk.pass(Duration::from_millis(1_100));
    let later = desk.hear_text(conn);
    assert!(at_once.is_empty() || later.is_empty(), "{at_once} {later}");
    assert!(!at_once.contains("\"reset\""), "{at_once}");
    later.contains("{\"publications\":[],") && later.contains("\"reset\":true")
}

#[test]
fn what_one_turn_brings_is_one_answer() {
    let mut desk = Desk::new(&with_history());
    let conn = desk.connect();
    desk.ask(conn, poll("a,b"));
    let poster = desk.connect();
    let post = |subject: &str| format!("POST /pub/{subject} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1");
    desk.say(poster, post("b") + &post("a") + &post("b"));
    let answer = desk.hear_text(conn);
    assert_eq!(answer.matches("\"subject\":").count(), 3, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[test]
fn binary_payloads_are_base64() {
    let mut desk = Desk::new(&with_history());
    let conn = desk.connect();
    desk.ask(conn, poll("a"));
    let post = b"POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n\xff";
    desk.say_alone(post);
    assert!(desk.hear_text(conn).contains("\"data\":{\"base64\":\"/w==\"}"));
}

#[test]
fn a_websocket_cannot_resume() {
    let mut desk = Desk::new(&with_history());
    let first = position(&desk.publish("a", "1"));
    let answer = desk.request(upgrade(&format!("/sub/a?since={first}")));
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("carries no position"), "{answer}");
}

/// Bytes behind a poll are kept, and its peer is not read: that it has gone must be noticed all the same.
#[test]
fn a_poll_with_bytes_behind_it_does_not_outlive_its_peer() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..with_history() });
        let subject = desk.subject_of(shards - 1);
        // At once, before the owner has answered, and afterwards.
        let [together, apart] = [true, false].map(|together| {
            let conn = desk.connect();
            if together {
                desk.say(conn, poll(&subject) + "stray");
            } else {
                desk.say(conn, poll(&subject));
                desk.say(conn, "stray");
            }
            conn
        });
        for conn in [together, apart] {
            assert!(desk.world().watched.contains(&conn.0), "{conn}");
            desk.break_off(conn);
            desk.settle();
        }
        assert_eq!((desk.report().subscriptions, desk.shard().connections()), (0, 0));
    }
}

/// A peer that sends no more waits for its answers and nothing else: the poll's comes at once, then those to what is behind it.
#[test]
fn a_poll_whose_peer_has_finished_is_answered_at_once() {
    for (shards, behind) in [(1, false), (2, false), (1, true), (2, true)] {
        let mut desk = Desk::new(&ShardConfig { shards, ..with_history() });
        let subject = desk.subject_of(shards - 1);
        let conn = desk.connect();
        let end = if behind {
            desk.say(conn, poll(&subject) + &poll(&subject) + &poll("b"));
            shard::End::Foreseen
        } else {
            desk.tell(conn, poll(&subject));
            shard::End::Finished
        };
        desk.handle(shard::Input::Ended { conn, end });
        desk.settle();
        let mut answers = desk.hear_text(conn);
        if behind {
            assert!(desk.world().watched.contains(&conn.0), "the second waits");
            for end in [shard::End::Foreseen, shard::End::Finished] {
                desk.handle(shard::Input::Ended { conn, end });
                desk.settle();
            }
            answers.push_str(&desk.hear_text(conn));
        }
        assert_eq!(answers.matches("HTTP/1.1 204 ").count(), if behind { 3 } else { 1 }, "{shards}: {answers}");
        assert!(desk.is_closed(conn), "{shards} {behind}");
        assert_eq!(desk.report().subscriptions, 0);
    }
}
