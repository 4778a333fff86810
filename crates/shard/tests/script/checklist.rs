//! What clients of the protocol depend on first, a test each, in both encodings: batches, codes, limits, heartbeats, tokens, recovery, orders, the
//! end. `docs/CENTRIFUGO.md` names them.
use std::sync::Arc;
use std::time::Duration;

use base::ConnId;
use hub::{Access, Names, Namespace, OutboxPolicy};
use serde_json::{Value, json};
use shard::{
    Answer, Command, Heartbeat, Holdings, Input, Limits, Order, Outbox, ShardConfig, Subscription, Ticket, Tokens, Whom,
};

use crate::both::{BOTH, Spoken};
use crate::desk::{Desk, dev, namespace};
use crate::token::Plain;

/// Tokens count, and namespaces say what is open.
fn earnest() -> ShardConfig {
    // As Centrifugo's own namespaces are.
    let open = Namespace { publish: Access::ALL, names: Names::Ascii, ..namespace("open.>", 0) };
    let kept = Namespace { publish: Access::ALL, history_access: Access::ALL, ..namespace("kept.>", 1_000) };
    let closed = Namespace { subscribe: Access::default(), ..namespace("closed.>", 0) };
    let tokens = Tokens { verifier: Some(Arc::new(Plain)), ..Tokens::default() };
    ShardConfig { shards: 2, dev: false, tokens, namespaces: vec![open, kept, closed], ..dev() }
}

fn connect(token: &str) -> Value {
    json!({"id": 1, "connect": {"token": token}})
}

fn subscribe(id: u32, channel: &str) -> Value {
    json!({"id": id, "subscribe": {"channel": channel}})
}

fn ids(replies: &[Value]) -> Vec<u64> {
    replies.iter().filter_map(|reply| reply["id"].as_u64()).collect()
}

fn closed(spoken: Spoken, code: u16, heard: &[Value]) {
    assert_eq!(heard.last().map(|last| last["close"].clone()), Some(json!(code)), "{spoken:?} {heard:?}");
}

#[test]
fn commands_of_one_frame_are_answered_in_order() {
    for spoken in BOTH {
        let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
        let conn = spoken.open(&mut desk);
        let (near, far) = (desk.subject_of(0), desk.subject_of(1));
        let commands = [
            connect(""),
            subscribe(7, &far),
            subscribe(5, &near),
            json!({"id": 6, "presence_stats": {"channel": far}}),
        ];
        let replies = spoken.say(&mut desk, conn, &commands);
        assert_eq!(ids(&replies), [1, 7, 5, 6], "{spoken:?} {replies:?}");
    }
}

#[test]
fn a_connect_is_the_first_command_and_the_only_one() {
    for spoken in BOTH {
        let mut desk = Desk::new(&dev());
        let mut told = |commands: &[&[Value]]| {
            let conn = spoken.open(&mut desk);
            let heard: Vec<_> = commands.iter().flat_map(|frame| spoken.say(&mut desk, conn, frame)).collect();
            closed(spoken, 3501, &heard);
        };
        told(&[&[subscribe(1, "a")]]);
        told(&[&[connect("")], &[connect("")]]);
        told(&[&[json!({"id": 0, "connect": {}})]]);
        told(&[&[connect("")], &[json!({"id": 0, "subscribe": {"channel": "a"}})]]);
    }
}

#[test]
fn who_does_not_connect_in_time_is_stale() {
    for spoken in BOTH {
        let mut desk = Desk::new(&dev());
        let conn = spoken.open(&mut desk);
        desk.pass(Duration::from_millis(9_900));
        assert!(spoken.hear(&mut desk, conn).is_empty());
        desk.pass(Duration::from_secs(1));
        closed(spoken, 3502, &spoken.hear(&mut desk, conn));
    }
}

#[test]
fn a_ping_wants_one_pong() {
    let heartbeat = Heartbeat {
        ping_interval: Duration::from_secs(25),
        pong_timeout: Duration::from_secs(8),
        idle_close: Duration::ZERO,
    };
    for spoken in BOTH {
        let mut desk = Desk::new(&ShardConfig { heartbeat, ..dev() });
        let ping = |desk: &mut Desk, conn| {
            for _ in 0..60 {
                desk.pass(Duration::from_millis(500));
                let heard = spoken.hear(desk, conn);
                if !heard.is_empty() {
                    return heard;
                }
            }
            panic!("no ping in 30 seconds");
        };
        let silent = spoken.connected(&mut desk, "");
        assert_eq!(ping(&mut desk, silent), [json!({})], "{spoken:?}");
        desk.pass(Duration::from_millis(7_000));
        assert!(spoken.hear(&mut desk, silent).is_empty());
        desk.pass(Duration::from_millis(1_600));
        closed(spoken, 3012, &spoken.hear(&mut desk, silent));
        let alive = spoken.connected(&mut desk, "");
        for _ in 0..3 {
            assert_eq!(ping(&mut desk, alive), [json!({})], "{spoken:?}");
            assert!(spoken.say(&mut desk, alive, &[json!({})]).is_empty());
        }
        closed(spoken, 3501, &spoken.say(&mut desk, alive, &[json!({})]));
    }
}

#[test]
fn a_message_over_the_limit_is_too_big() {
    for spoken in BOTH {
        let mut desk =
            Desk::new(&ShardConfig { limits: Limits { command_bytes: 1_000, ..Limits::default() }, ..dev() });
        let conn = spoken.connected(&mut desk, "");
        let publish = |length: usize| json!({"id": 2, "publish": {"channel": "a", "data": "x".repeat(length)}});
        assert!(spoken.ask(&mut desk, conn, publish(900))["publish"].is_object(), "{spoken:?}");
        closed(spoken, 1009, &spoken.say(&mut desk, conn, &[publish(1_000)]));
    }
}

#[test]
fn a_token_decides_who_connects() {
    for spoken in BOTH {
        let mut desk = Desk::new(&earnest());
        for (token, code) in [("forged", 3500), ("", 3501)] {
            let conn = spoken.open(&mut desk);
            closed(spoken, code, &spoken.say(&mut desk, conn, &[connect(token)]));
        }
        let conn = spoken.open(&mut desk);
        let reply = spoken.ask(&mut desk, conn, connect("old"));
        assert_eq!(reply["error"], json!({"code": 109, "message": "token expired"}), "{spoken:?}");
        let conn = spoken.open(&mut desk);
        let reply = spoken.ask(&mut desk, conn, connect("ann/60"))["connect"].take();
        assert_eq!((&reply["expires"], &reply["ttl"]), (&json!(true), &json!(60)), "{spoken:?}");
        let mut desk = Desk::new(&ShardConfig { anonymous: true, ..earnest() });
        spoken.connected(&mut desk, "");
    }
}

#[test]
fn a_subscribe_is_refused_by_its_code() {
    for spoken in BOTH {
        let mut desk = Desk::new(&earnest());
        let conn = spoken.connected(&mut desk, "ann");
        let code =
            |desk: &mut Desk, channel: &str| spoken.ask(desk, conn, subscribe(2, channel))["error"]["code"].take();
        for (channel, expected) in [
            ("elsewhere", json!(102)),
            ("open.\u{e9}", json!(107)),
            ("closed.a", json!(103)),
            ("$open.a", json!(102)),
            ("open.0", json!(null)),
            ("open.0", json!(105)),
        ] {
            assert_eq!(code(&mut desk, channel), expected, "{spoken:?} {channel}");
        }
        assert_eq!(code(&mut desk, &format!("open.{}", "x".repeat(250))), Value::Null, "255 bytes");
        assert_eq!(code(&mut desk, &format!("open.{}", "x".repeat(251))), 107, "256 bytes");
        for number in 2..128 {
            assert_eq!(code(&mut desk, &format!("open.{number}")), Value::Null, "{spoken:?} {number}");
        }
        assert_eq!(code(&mut desk, "open.128"), 106, "the 129th");
        closed(spoken, 3501, &spoken.say(&mut desk, conn, &[subscribe(2, "")]));
    }
}

#[test]
fn a_recovery_is_whole_or_none() {
    for spoken in BOTH {
        let mut desk = Desk::new(&ShardConfig { dev: true, ..earnest() });
        let conn = spoken.connected(&mut desk, "");
        let channel = "kept.a";
        let recover = |desk: &mut Desk, offset: u64, epoch: &Value| {
            let conn = spoken.connected(desk, "");
            let command =
                json!({"id": 2, "subscribe": {"channel": channel, "recover": true, "offset": offset, "epoch": epoch}});
            let result = spoken.ask(desk, conn, command)["subscribe"].take();
            desk.finish(conn);
            let offsets: Vec<u64> = result["publications"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| one["offset"].as_u64().unwrap())
                .collect();
            (result["recovered"] == true, offsets)
        };
        let epoch = spoken.ask(&mut desk, conn, subscribe(2, channel))["subscribe"]["epoch"].take();
        for number in 1..=300 {
            desk.publish(channel, &number.to_string());
        }
        let all: Vec<u64> = (1..=300).collect();
        assert_eq!(recover(&mut desk, 0, &epoch), (true, all.clone()), "{spoken:?}: 300 missed");
        assert_eq!(recover(&mut desk, 0, &json!("")), (true, all), "{spoken:?}: any epoch");
        assert_eq!(recover(&mut desk, 300, &epoch), (true, vec![]), "{spoken:?}: nothing missed");
        assert_eq!(recover(&mut desk, 300, &json!("else")), (false, vec![]), "{spoken:?}: another epoch");
        desk.publish(channel, "301");
        assert_eq!(recover(&mut desk, 0, &epoch), (false, vec![]), "{spoken:?}: 301 missed");
        assert_eq!(recover(&mut desk, 299, &epoch), (true, vec![300, 301]), "{spoken:?}");
    }
}

#[test]
fn a_slow_reader_is_cut_off_alone() {
    for spoken in BOTH {
        let outbox = Outbox { bytes: 2_000, policy: OutboxPolicy::Close };
        let mut desk = Desk::new(&ShardConfig { outbox, ..dev() });
        let conns = [spoken.connected(&mut desk, ""), spoken.connected(&mut desk, "")];
        for conn in conns {
            spoken.ask(&mut desk, conn, subscribe(2, "a"));
        }
        desk.world().room.insert(conns[0].0, 0);
        for _ in 0..30 {
            desk.publish("a", &format!("\"{}\"", "x".repeat(100)));
        }
        desk.writable(conns[0], 100_000);
        closed(spoken, 3008, &spoken.hear(&mut desk, conns[0]));
        assert_eq!(spoken.hear(&mut desk, conns[1]).len(), 30, "{spoken:?}");
    }
}

/// By the plain API, which counts as publish in all respects.
fn publish(desk: &mut Desk, fields: &str, payload: &str) {
    let length = payload.len();
    let answer = desk
        .request(format!("POST /pub/kept.a HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: {length}\r\n\r\n{payload}"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn a_publication_is_told_once_and_never_an_older_version() {
    for spoken in BOTH {
        let mut desk = Desk::new(&ShardConfig { dev: true, ..earnest() });
        let conn = spoken.connected(&mut desk, "");
        spoken.ask(&mut desk, conn, subscribe(2, "kept.a"));
        for (fields, payload) in [
            ("Idempotency-Key: k\r\n", "1"),
            ("Idempotency-Key: k\r\n", "1"),
            ("Ringcast-Version: 5\r\n", "2"),
            ("Ringcast-Version: 5\r\n", "3"),
            ("Ringcast-Version: 4\r\n", "4"),
            ("Ringcast-Version: 1\r\nRingcast-Version-Epoch: b\r\n", "5"),
            ("Ringcast-Skip-History: true\r\n", "6"),
            ("", "7"),
        ] {
            publish(&mut desk, fields, payload);
        }
        let heard = spoken.hear(&mut desk, conn);
        let told: Vec<_> =
            heard.iter().map(|reply| (&reply["push"]["pub"]["data"], &reply["push"]["pub"]["offset"])).collect();
        let [one, two, three, four] = [1, 2, 3, 4].map(|offset| json!(offset));
        let data = [1, 2, 5, 6, 7].map(|data| json!(data));
        let expected =
            [(&data[0], &one), (&data[1], &two), (&data[2], &three), (&data[3], &Value::Null), (&data[4], &four)];
        assert_eq!(told, expected, "{spoken:?}");
    }
}

#[test]
fn sessions_and_subscriptions_are_refreshed_or_end() {
    for spoken in BOTH {
        let mut desk = Desk::new(&earnest());
        let channel = "closed.a";
        let begin = |desk: &mut Desk| {
            let conn = spoken.open(desk);
            spoken.ask(desk, conn, connect("ann/60"));
            let command = json!({"id": 2, "subscribe": {"channel": channel, "token": "ann#closed.a/60"}});
            let result = spoken.ask(desk, conn, command)["subscribe"].take();
            assert_eq!((&result["expires"], &result["ttl"]), (&json!(true), &json!(60)), "{spoken:?}");
            conn
        };
        let conn = begin(&mut desk);
        desk.pass(Duration::from_secs(70));
        let refreshed = spoken.ask(&mut desk, conn, json!({"id": 3, "refresh": {"token": "ann/100"}}));
        assert_eq!(refreshed["refresh"], json!({"expires": true, "ttl": 100}), "{spoken:?}");
        let command = json!({"id": 4, "sub_refresh": {"channel": channel, "token": "ann#closed.a/40"}});
        assert_eq!(
            spoken.ask(&mut desk, conn, command)["sub_refresh"],
            json!({"expires": true, "ttl": 40}),
            "{spoken:?}"
        );
        // 25 seconds after its end.
        desk.pass(Duration::from_secs(64));
        assert!(spoken.hear(&mut desk, conn).is_empty(), "{spoken:?}");
        desk.pass(Duration::from_secs(2));
        let ended =
            json!({"push": {"channel": channel, "unsubscribe": {"code": 2501, "reason": "subscription expired"}}});
        assert_eq!(spoken.hear(&mut desk, conn), [ended], "{spoken:?}");
        desk.pass(Duration::from_secs(60));
        closed(spoken, 3005, &spoken.hear(&mut desk, conn));
        for (token, code) in [("forged", 3500), ("bob", 3500), ("", 3501), ("old", 3005)] {
            let conn = begin(&mut desk);
            closed(spoken, code, &spoken.say(&mut desk, conn, &[json!({"id": 3, "refresh": {"token": token}})]));
        }
    }
}

/// Protobuf clients may publish any bytes; who can't be told them ends, and nobody else.
#[test]
fn bytes_that_are_no_json_end_json_sessions_alone() {
    let mut desk = Desk::new(&dev());
    let [json, protobuf] = BOTH.map(|spoken| {
        let conn = spoken.connected(&mut desk, "");
        spoken.ask(&mut desk, conn, subscribe(2, "a"));
        conn
    });
    let publisher = desk.open("/pub");
    desk.say(publisher, crate::desk::frame(0x82, b"\x01a\xff\xfe"));
    closed(Spoken::Json, 3506, &Spoken::Json.hear(&mut desk, json));
    assert!(!desk.hear(protobuf).is_empty() && !desk.is_shut(protobuf));
}

fn order(desk: &mut Desk, order: Order) -> usize {
    let whom = Box::new(Whom { user: "ann".into(), ..Whom::default() });
    desk.handle(Input::Command { ticket: Ticket(1), command: Command::Order { whom, order: Box::new(order) } });
    desk.settle();
    match desk.world().answers.pop() {
        Some(Answer::Obeyed(count)) => count,
        other => panic!("not obeyed: {other:?}"),
    }
}

#[test]
fn orders_are_told_to_who_they_concern() {
    for spoken in BOTH {
        let mut desk = Desk::new(&ShardConfig { shards: 1, ..earnest() });
        let (conn, spared) = (spoken.connected(&mut desk, "ann"), spoken.connected(&mut desk, "ann"));
        let other = spoken.connected(&mut desk, "bob");
        let heard = |desk: &mut Desk, conn: ConnId| spoken.hear(desk, conn);
        let subject = || "open.a".into();
        let subscription = Subscription {
            subject: subject(),
            info: Box::default(),
            data: (*b"{\"d\":1}").into(),
            left: None,
            since: None,
            changes: hub::Override::default(),
        };
        assert_eq!(order(&mut desk, Order::Subscribe(subscription)), 2);
        let push = json!({"push": {"channel": "open.a", "subscribe": {"data": {"d": 1}}}});
        assert_eq!(heard(&mut desk, conn), [push], "{spoken:?}");
        assert_eq!(order(&mut desk, Order::Unsubscribe { subject: subject() }), 2);
        let push =
            json!({"push": {"channel": "open.a", "unsubscribe": {"code": 2000, "reason": "server unsubscribe"}}});
        assert_eq!(heard(&mut desk, conn), [push], "{spoken:?}");
        let left = Some(Duration::from_secs(90));
        assert_eq!(order(&mut desk, Order::Refresh { left, info: None }), 2);
        assert_eq!(heard(&mut desk, conn), [json!({"push": {"refresh": {"expires": true, "ttl": 90}}})], "{spoken:?}");
        heard(&mut desk, spared);
        assert_eq!(order(&mut desk, Order::Disconnect { code: 3503, reason: "".into(), spared: vec![] }), 2);
        for conn in [conn, spared] {
            assert_eq!(heard(&mut desk, conn), [json!({"close": 3503, "reason": "force disconnect"})], "{spoken:?}");
        }
        assert!(heard(&mut desk, other).is_empty(), "{spoken:?}");
    }
}

#[test]
fn a_server_that_leaves_says_so_and_keeps_nothing() {
    for spoken in BOTH {
        let mut desk = Desk::new(&dev());
        let conns: Vec<_> = (0..3).map(|_| spoken.connected(&mut desk, "")).collect();
        for conn in &conns {
            spoken.ask(&mut desk, *conn, subscribe(2, "a"));
        }
        desk.drain(Duration::ZERO);
        desk.pass(Duration::from_millis(100));
        for conn in conns {
            assert_eq!(spoken.hear(&mut desk, conn), [json!({"close": 3001, "reason": "shutdown"})], "{spoken:?}");
            desk.finish(conn);
        }
        assert_eq!(desk.shard().holdings(), Holdings::default());
    }
}
