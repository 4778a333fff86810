//! WebSockets whose life is a back end's: who is let in, what is said, and that a back end hears of each end once.
use std::sync::Arc;
use std::time::Duration;

use base::ConnId;
use hub::Kind;
use shard::{
    Command, Duplicates, EndedBy, Ending, Hook, HookConn, HookEvent, HookReply, Input, Outbox, Outcome, Overflow,
    Refusal, ShardConfig, Ticket, Verdict,
};

use crate::desk::{Desk, close_of, dev, frame, text_of, upgrade};
use crate::emulation::post;

const KEY: &str = "X-API-Key: a-key-of-the-back-end\r\n";

fn hook() -> Hook {
    Hook {
        prefix: "/ws/".into(),
        keys: vec!["a-key-of-the-back-end".into()],
        open: false,
        fields: ["cookie", "sec-websocket-protocol", "x-forwarded-for"].map(Box::from).into(),
        query: true,
        message_bytes: 1_000,
        push_bytes: 1_000,
        messages: 2,
        overflow: Overflow::Wait,
        duplicates: Duplicates::Newest,
    }
}

fn config(shards: u16, hook: Hook) -> ShardConfig {
    ShardConfig { shards, dev: false, hooks: Arc::from([hook]), ..dev() }
}

fn desk() -> Desk {
    Desk::new(&config(1, hook()))
}

/// The events that the script's shard has given out since the last time.
fn events(desk: &mut Desk) -> Vec<HookEvent> {
    core::mem::take(&mut desk.world().events)
}

fn reply(desk: &mut Desk, reply: HookReply) {
    desk.handle(Input::Command { ticket: Ticket(0), command: Command::Hook(Box::new(reply)) });
    desk.settle();
}

fn answer(desk: &mut Desk, of: HookConn, outcome: Outcome) {
    reply(desk, HookReply::Answer { of, outcome });
}

fn text(payload: &str) -> Outcome {
    Outcome::Reply { kind: Kind::Text, payload: payload.as_bytes().into() }
}

/// A client knocks; its question.
fn knock(desk: &mut Desk, request: impl AsRef<[u8]>) -> (ConnId, HookConn) {
    events(desk);
    let conn = desk.connect();
    let heard = desk.say(conn, request);
    assert!(heard.is_empty(), "{}", heard.escape_ascii());
    match &events(desk)[..] {
        [HookEvent::Connect { of, .. }] => (conn, *of),
        other => panic!("no question: {other:?}"),
    }
}

fn verdict(desk: &mut Desk, of: HookConn, address: &str, verdict: Verdict) {
    reply(desk, HookReply::Verdict { of, address: address.into(), verdict });
}

const YES: Verdict = Verdict::Accept { protocol: None };

/// A client that has been let in.
fn open(desk: &mut Desk, id: &str) -> (ConnId, HookConn) {
    let (conn, of) = knock(desk, upgrade(&format!("/ws/{id}")));
    verdict(desk, of, &format!("0/{id}"), YES);
    assert!(desk.hear_text(conn).starts_with("HTTP/1.1 101 "));
    (conn, of)
}

/// The ends among the events.
fn ends(events: &[HookEvent]) -> Vec<(HookConn, &Ending)> {
    let end = |event| match event {
        &HookEvent::End { of, ref ending, .. } => Some((of, ending)),
        HookEvent::Connect { .. } | HookEvent::Message { .. } | HookEvent::Ask { .. } => None,
    };
    events.iter().filter_map(end).collect()
}

fn payloads(events: &[HookEvent]) -> Vec<&str> {
    let said = events.iter().filter_map(|event| match event {
        HookEvent::Message { payload, .. } => core::str::from_utf8(payload).ok(),
        HookEvent::Connect { .. } | HookEvent::Ask { .. } | HookEvent::End { .. } => None,
    });
    said.collect()
}

fn push(id: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!("POST /ws/{id} HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}

#[test]
fn the_back_end_is_asked_before_the_answer_and_early_frames_are_kept() {
    let mut desk = desk();
    let conn = desk.connect();
    let request = "GET /ws/a%2Fb%3F?room=%20x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: a=1\r\nCookie: b=2\r\n\
        X-Forwarded-For: 10.0.0.1\r\nAuthorization: not asked for\r\nSec-WebSocket-Protocol: one, two\r\n\r\n";
    let bytes = [request.as_bytes(), &frame(0x81, "early")].concat();
    assert!(desk.say(conn, bytes).is_empty());
    let asked = events(&mut desk);
    let [HookEvent::Connect { of, address, query, fields }] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((&**address, query.as_deref()), ("0/a%2Fb%3F", Some("room=%20x")));
    let told: Vec<_> = fields.iter().map(|(name, value)| (&**name, core::str::from_utf8(value).unwrap())).collect();
    let all =
        [("cookie", "a=1; b=2"), ("sec-websocket-protocol", "one, two"), ("x-forwarded-for", "10.0.0.1, 127.0.0.9")];
    assert_eq!(told, all);
    verdict(&mut desk, *of, address, Verdict::Accept { protocol: Some("two".into()) });
    let heard = desk.hear_text(conn);
    assert!(heard.starts_with("HTTP/1.1 101 ") && heard.contains("\r\nSec-WebSocket-Protocol: two\r\n"), "{heard}");
    assert_eq!(payloads(&events(&mut desk)), ["early"]);
    desk.leave_nothing(&[conn]);
}

#[test]
fn what_is_no_upgrade_is_refused_before_the_back_end_hears_of_it() {
    let mut desk = desk();
    let version = upgrade("/ws/a").replace("Version: 13", "Version: 8");
    for (request, status) in [
        ("GET /ws/a HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 400),
        (version, 426),
        (upgrade("/ws/a").replace("Upgrade: websocket", "Upgrade: h2c"), 400),
        (upgrade("/ws/"), 404),
        (upgrade("/ws/.."), 400),
        (upgrade("/ws/%2e%2e"), 400),
        (upgrade("/ws/%zz"), 400),
        (upgrade(&format!("/ws/{}", "a".repeat(256))), 414),
        ("DELETE /ws/a HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 405),
        ("OPTIONS /ws/a HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 405),
    ] {
        let heard = desk.request(&request);
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {heard}");
    }
    assert!(events(&mut desk).is_empty());
}

#[test]
fn a_refusal_reaches_the_client_and_no_end_follows() {
    let mut desk = desk();
    for status in [401, 403, 404, 429, 502, 503] {
        let (conn, of) = knock(&mut desk, upgrade("/ws/a"));
        verdict(&mut desk, of, "0/a", Verdict::Refuse { status, reason: "no".into() });
        let heard = desk.hear_text(conn);
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{heard}");
        assert!(heard.ends_with("{\"error\":\"no\"}") || heard.contains("no"), "{heard}");
        desk.leave_nothing(&[conn]);
    }
    assert!(events(&mut desk).is_empty());
}

#[test]
fn a_subprotocol_that_was_not_offered_is_not_chosen_and_the_end_is_told() {
    let mut desk = desk();
    let (conn, of) = knock(&mut desk, upgrade("/ws/a"));
    verdict(&mut desk, of, "0/a", Verdict::Accept { protocol: Some("mine\r\nX: y".into()) });
    let heard = desk.hear_text(conn);
    assert!(heard.starts_with("HTTP/1.1 502 ") && !heard.contains("X: y"), "{heard}");
    desk.leave_nothing(&[conn]);
    assert_eq!(ends(&events(&mut desk)).len(), 1, "it had been accepted");
}

#[test]
fn messages_go_out_in_order_and_a_client_with_enough_of_them_is_not_read() {
    let mut desk = desk();
    let (conn, of) = open(&mut desk, "a");
    let many = ["one", "two", "three", "four"].map(|text| frame(0x81, text)).concat();
    desk.say(conn, many);
    assert_eq!(payloads(&events(&mut desk)), ["one", "two"]);
    assert!(desk.world().paused.contains(&conn.0));
    answer(&mut desk, of, text("1"));
    assert_eq!(text_of(&desk.hear(conn)), "1");
    assert_eq!(payloads(&events(&mut desk)), ["three"]);
    answer(&mut desk, of, Outcome::Nothing);
    assert_eq!(payloads(&events(&mut desk)), ["four"]);
    answer(&mut desk, of, Outcome::Nothing);
    assert!(desk.hear(conn).is_empty() && !desk.world().paused.contains(&conn.0));
    answer(&mut desk, of, Outcome::Reply { kind: Kind::Binary, payload: [0xff].into() });
    assert_eq!(desk.hear(conn), [0x82, 1, 0xff]);
    desk.leave_nothing(&[conn]);
}

#[test]
fn by_policy_one_message_too_many_is_dropped_or_ends_the_connection() {
    for (overflow, closed) in [(Overflow::Drop, false), (Overflow::Close, true)] {
        let mut desk = Desk::new(&config(1, Hook { overflow, ..hook() }));
        let (conn, _) = open(&mut desk, "a");
        let heard = desk.say(conn, ["one", "two", "three"].map(|text| frame(0x81, text)).concat());
        assert_eq!(payloads(&events(&mut desk)), ["one", "two"]);
        if closed {
            assert_eq!(close_of(&heard).0, 1013);
        } else {
            assert!(heard.is_empty());
            assert_eq!(desk.report().hook_dropped, 1);
        }
        desk.leave_nothing(&[conn]);
    }
}

#[test]
fn every_way_to_end_is_told_once_with_its_code() {
    type End = fn(&mut Desk, ConnId, HookConn);
    let ways: [(End, u16, EndedBy, &str); 8] = [
        (|desk, conn, _| drop(desk.say(conn, frame(0x88, b"\x0f\xa0bye"))), 4_000, EndedBy::Client, "bye"),
        (|desk, conn, _| drop(desk.say(conn, frame(0x88, b""))), 1_005, EndedBy::Client, ""),
        (|desk, conn, _| desk.finish(conn), 1_006, EndedBy::Fin, "the connection ended"),
        (|desk, conn, _| desk.break_off(conn), 1_006, EndedBy::Reset, "the connection broke"),
        (|desk, conn, _| drop(desk.say(conn, [0x81, 1, b'x'])), 1_002, EndedBy::Server, ""),
        (|desk, conn, _| drop(desk.say(conn, frame(0x81, b"\xff"))), 1_007, EndedBy::Server, ""),
        (|desk, conn, _| drop(desk.say(conn, frame(0x81, [b'x'; 1_001]))), 1_009, EndedBy::Server, ""),
        (
            |desk, _, of| answer(desk, of, Outcome::Close { code: 1_011, reason: "it failed".into() }),
            1_011,
            EndedBy::Server,
            "it failed",
        ),
    ];
    for (end, code, by, reason) in ways {
        let mut desk = desk();
        let (conn, of) = open(&mut desk, "a");
        desk.say(conn, frame(0x81, "last"));
        end(&mut desk, conn, of);
        desk.settle();
        if code == 1_006 && by == EndedBy::Reset {
            desk.world().closed.insert(conn.0, shard::Close::Abort);
        } else {
            desk.finish(conn);
        }
        desk.pass(Duration::from_secs(10));
        let told = events(&mut desk);
        let told = ends(&told);
        let [(who, ending)] = told[..] else { panic!("{code}: {told:?}") };
        assert_eq!((who, ending.code, ending.by), (of, code, by));
        assert!(reason.is_empty() || *ending.reason == *reason, "{ending:?}");
        assert_eq!(desk.holdings()[0], shard::Holdings::default(), "{code}");
    }
}

#[test]
fn who_is_gone_before_the_verdict_is_told_to_have_ended_if_it_was_yes() {
    for (yes, ended) in [(YES, 1), (Verdict::Refuse { status: 403, reason: "no".into() }, 0)] {
        let mut desk = desk();
        let (conn, of) = knock(&mut desk, upgrade("/ws/a"));
        desk.break_off(conn);
        desk.settle();
        assert!(events(&mut desk).is_empty());
        // The slot may have another one by now, who asks too.
        let (next, another) = {
            desk.handle(Input::Accepted { conn });
            desk.say(conn, upgrade("/ws/b"));
            events(&mut desk);
            (conn, HookConn { conn, generation: of.generation + 1 })
        };
        verdict(&mut desk, of, "0/a", yes);
        assert_eq!(ends(&events(&mut desk)).len(), ended);
        assert!(desk.hear(next).is_empty(), "it is not the one who was meant");
        verdict(&mut desk, another, "0/b", YES);
        assert!(desk.hear_text(next).starts_with("HTTP/1.1 101 "));
        desk.leave_nothing(&[next]);
    }
}

#[test]
fn events_that_nobody_takes_wait_in_order_and_none_is_lost() {
    let mut desk = desk();
    let (conn, of) = open(&mut desk, "a");
    desk.world().engine_is_full = true;
    desk.say(conn, frame(0x81, "last"));
    desk.finish(conn);
    assert!(desk.shard().has_backlog() && events(&mut desk).is_empty());
    desk.world().engine_is_full = false;
    desk.settle();
    let told = events(&mut desk);
    assert!(matches!(&told[..], [HookEvent::Message { .. }, HookEvent::End { of: who, .. }] if *who == of), "{told:?}");
    assert!(!desk.shard().has_backlog());
}

#[test]
fn a_push_needs_a_key_and_says_what_became_of_it() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&config(shards, hook()));
        // Addresses that either shard owns.
        for id in 0..4 {
            let id = format!("client{id}");
            let (conn, _) = open(&mut desk, &id);
            let heard = desk.request(push(&id, KEY, "hello"));
            assert!(heard.starts_with("HTTP/1.1 200 ") && heard.ends_with("\r\n\r\nok"), "{heard}");
            assert_eq!(text_of(&desk.hear(conn)), "hello");
            let heard = desk.request(push(&id, "Authorization: Bearer a-key-of-the-back-end\r\n", ""));
            assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
            assert_eq!(desk.hear(conn), [0x81, 0]);
            for key in ["", "X-API-Key: another\r\n", "Authorization: apikey \r\n"] {
                assert!(desk.request(push(&id, key, "hello")).starts_with("HTTP/1.1 401 "), "{key}");
            }
            let binary = format!("{KEY}Content-Type: application/octet-stream\r\n");
            let bytes = [push(&id, &binary, "12").as_bytes()[..].strip_suffix(b"12").unwrap(), &[0xff, 0]].concat();
            assert!(desk.request(&bytes).starts_with("HTTP/1.1 200 "));
            assert_eq!(desk.hear(conn), [0x82, 2, 0xff, 0]);
            let text = [push(&id, KEY, "12").as_bytes()[..].strip_suffix(b"12").unwrap(), &[0xff, 0]].concat();
            assert!(desk.request(&text).starts_with("HTTP/1.1 400 "));
            assert!(desk.request(push(&id, KEY, &"x".repeat(1_001))).starts_with("HTTP/1.1 413 "));
            assert!(desk.hear(conn).is_empty());
            desk.finish(conn);
            let heard = desk.request(push(&id, KEY, "hello"));
            assert!(heard.starts_with("HTTP/1.1 404 ") && heard.ends_with("not found"), "{heard}");
        }
        desk.pass(Duration::from_secs(100));
        desk.leave_nothing(&[]);
    }
}

#[test]
fn a_push_finds_its_client_on_whatever_shard() {
    let mut desk = Desk::new(&config(2, hook()));
    for (at, id) in [(0, "a"), (1, "b"), (0, "c"), (1, "d")] {
        desk.turn_to(at);
        let (conn, _) = open(&mut desk, id);
        desk.turn_to(1 - at);
        assert!(desk.request(push(id, KEY, id)).starts_with("HTTP/1.1 200 "), "{id}");
        desk.turn_to(at);
        assert_eq!(text_of(&desk.hear(conn)), id);
        desk.break_off(conn);
        desk.settle();
        desk.turn_to(1 - at);
        assert!(desk.request(push(id, KEY, id)).starts_with("HTTP/1.1 404 "), "{id}");
    }
    desk.pass(Duration::from_secs(100));
    desk.leave_nothing(&[]);
}

#[test]
fn who_does_not_read_gets_no_more_pushes() {
    let outbox = Outbox { bytes: 100, ..Outbox::default() };
    let mut desk = Desk::new(&ShardConfig { outbox, ..config(1, hook()) });
    let (conn, _) = open(&mut desk, "a");
    desk.world().room.insert(conn.0, 0);
    assert!(desk.request(push("a", KEY, &"x".repeat(60))).starts_with("HTTP/1.1 200 "));
    let heard = desk.request(push("a", KEY, &"y".repeat(60)));
    assert!(heard.starts_with("HTTP/1.1 503 ") && heard.contains("\r\nRetry-After: 1\r\n"), "{heard}");
    desk.writable(conn, 1_000);
    assert!(desk.request(push("a", KEY, &"z".repeat(60))).starts_with("HTTP/1.1 200 "));
    assert_eq!(desk.hear(conn).len(), 2 * 62);
    assert_eq!(desk.report().hook_full, 1);
}

#[test]
fn the_newest_has_the_address_and_the_older_ones_end_does_not_take_it_away() {
    for (older_at, newer_at) in [(0, 0), (0, 1), (1, 0)] {
        let mut desk = Desk::new(&config(2, hook()));
        desk.turn_to(older_at);
        let (older, first) = open(&mut desk, "a");
        desk.turn_to(newer_at);
        let (newer, _) = knock(&mut desk, upgrade("/ws/a"));
        desk.turn_to(older_at);
        assert!(desk.hear(older).is_empty(), "nobody is put out by somebody who has not been let in");
        desk.turn_to(newer_at);
        let generation = if older_at == newer_at { first.generation } else { 1 };
        verdict(&mut desk, HookConn { conn: newer, generation }, "0/a", YES);
        assert!(desk.hear_text(newer).starts_with("HTTP/1.1 101 "));
        desk.turn_to(older_at);
        assert_eq!(close_of(&desk.hear(older)).0, 4_409);
        assert_eq!(ends(&events(&mut desk)).len(), 1);
        desk.finish(older);
        desk.turn_to(newer_at);
        assert!(desk.request(push("a", KEY, "hi")).starts_with("HTTP/1.1 200 "));
        assert_eq!(text_of(&desk.hear(newer)), "hi");
        desk.finish(newer);
        desk.pass(Duration::from_secs(100));
        desk.leave_nothing(&[]);
    }
}

#[test]
fn by_policy_the_newer_one_is_refused_and_the_back_end_does_not_hear_of_it() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&config(shards, Hook { duplicates: Duplicates::Refuse, ..hook() }));
        let (older, _) = open(&mut desk, "a");
        for _ in 0..2 {
            let heard = desk.request(upgrade("/ws/a"));
            assert!(heard.starts_with("HTTP/1.1 409 "), "{heard}");
        }
        assert!(events(&mut desk).is_empty());
        assert_eq!(desk.refusals(Refusal::Duplicate), 2);
        desk.break_off(older);
        desk.settle();
        let (newer, _) = open(&mut desk, "a");
        // Who is refused by the back end has no address.
        desk.finish(newer);
        let (third, of) = knock(&mut desk, upgrade("/ws/a"));
        verdict(&mut desk, of, "0/a", Verdict::Refuse { status: 403, reason: "no".into() });
        desk.hear(third);
        let (fourth, _) = open(&mut desk, "a");
        desk.finish(fourth);
        desk.pass(Duration::from_secs(100));
        desk.leave_nothing(&[]);
    }
}

#[test]
fn by_policy_both_stay_and_get_each_push() {
    let mut desk = Desk::new(&config(2, Hook { duplicates: Duplicates::Both, ..hook() }));
    let (first, _) = open(&mut desk, "a");
    desk.turn_to(1);
    let (second, _) = open(&mut desk, "a");
    assert!(desk.request(push("a", KEY, "hi")).starts_with("HTTP/1.1 200 "));
    assert_eq!(text_of(&desk.hear(second)), "hi");
    desk.break_off(second);
    desk.settle();
    assert!(desk.request(push("a", KEY, "ho")).starts_with("HTTP/1.1 200 "));
    desk.turn_to(0);
    let heard = desk.hear(first);
    assert_eq!((text_of(&heard[..4]), text_of(&heard[4..])), ("hi", "ho"));
}

#[test]
fn a_drain_tells_all_of_them_and_is_over_when_the_back_end_will_hear_of_it() {
    let mut desk = desk();
    let (conn, _) = open(&mut desk, "a");
    desk.world().engine_is_full = true;
    desk.drain(Duration::ZERO);
    desk.pass(Duration::from_secs(1));
    assert_eq!(close_of(&desk.hear(conn)).0, 1012);
    desk.finish(conn);
    assert!(!desk.shard().is_drained());
    desk.world().engine_is_full = false;
    desk.settle();
    assert!(desk.shard().is_drained());
    assert_eq!(ends(&events(&mut desk)).len(), 1);
}

#[test]
fn addresses_are_no_subjects() {
    let mut desk = Desk::new(&ShardConfig { dev: true, ..config(1, hook()) });
    let (conn, _) = open(&mut desk, "a");
    let sub = desk.open("/sub/0/a");
    desk.publish("0/a", "to subscribers");
    assert_eq!(text_of(&desk.hear(sub)), "to subscribers");
    assert!(desk.hear(conn).is_empty());
    assert!(desk.request(push("a", KEY, "to the client")).starts_with("HTTP/1.1 200 "));
    assert!(desk.hear(sub).is_empty());
    assert!(desk.request(post("/ws/a", "x")).starts_with("HTTP/1.1 401 "), "not even in development");
}
