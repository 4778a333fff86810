//! Subscriptions to patterns: what they bring, what they do not, and that nothing is left of them.
use base::ConnId;
use hub::{Extra, Namespace};
use serde_json::Value;
use shard::ShardConfig;

use crate::delivery::publish;
use crate::desk::{Desk, dev, namespace, upgrade};
use crate::session::{lines, open, say};

fn config() -> ShardConfig {
    let wild = |pattern| Namespace { wildcards: true, ..namespace(pattern, 9) };
    let closed = Namespace { wildcards: true, subscribe: hub::Access::default(), ..namespace("a.secret.>", 9) };
    let namespaces = vec![closed, wild("a.>"), Namespace { tags_filter: true, ..wild("*") }, namespace("plain.>", 9)];
    ShardConfig { namespaces, dev: false, anonymous: true, ..dev() }
}

fn subscribe(desk: &mut Desk, conn: ConnId, channel: &str, more: &str) -> Value {
    let command =
        format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\",\"recover\":true,\"delta\":\"fossil\"{more}}}}}");
    serde_json::from_str(&say(desk, conn, &command)).unwrap()
}

/// Channel, subject and data of what has come.
fn heard(desk: &mut Desk, conn: ConnId) -> Vec<(String, String, u64)> {
    let push = |line: &String| {
        let push = serde_json::from_str::<Value>(line).unwrap()["push"].take();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&push["channel"]), text(&push["pub"]["channel"]), push["pub"]["data"].as_u64().unwrap())
    };
    let mut all: Vec<_> = lines(&desk.hear(conn)).iter().map(push).collect();
    all.sort();
    all
}

fn told(all: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    all.iter().map(|&(channel, subject, data)| (channel.into(), subject.into(), data)).collect()
}

#[test]
fn what_fits_comes_with_its_channel_wherever_its_owner_is() {
    for shards in [1, 3] {
        let mut desk = Desk::new(&ShardConfig { shards, ..config() });
        let (one, two) = (open(&mut desk), open(&mut desk));
        for (conn, pattern) in [(one, "a.*"), (one, "a.>"), (one, "a.b"), (two, "a.*.c")] {
            let answer = subscribe(&mut desk, conn, pattern, "");
            let is_pattern = pattern != "a.b";
            assert_eq!(
                (answer["subscribe"]["recoverable"] == true, answer["error"].is_null()),
                (!is_pattern, true),
                "{answer}"
            );
        }
        assert_eq!(subscribe(&mut desk, one, "a.*", "")["error"]["code"], 105);
        for number in 0..8 {
            publish(&mut desk, &format!("a.{number}.c"), "1", Extra::default());
            assert_eq!(heard(&mut desk, one), told(&[("a.>", &format!("a.{number}.c"), 1)]));
            assert_eq!(heard(&mut desk, two), told(&[("a.*.c", &format!("a.{number}.c"), 1)]));
        }
        publish(&mut desk, "a.b", "2", Extra::default());
        assert_eq!(heard(&mut desk, one), told(&[("a.*", "a.b", 2), ("a.>", "a.b", 2), ("a.b", "", 2)]));
        publish(&mut desk, "a.secret.c", "3", Extra::default());
        assert!(desk.hear(one).is_empty() && desk.hear(two).is_empty(), "that is another namespace's");

        say(&mut desk, one, "{\"id\":3,\"unsubscribe\":{\"channel\":\"a.*\"}}");
        publish(&mut desk, "a.b", "4", Extra::default());
        assert_eq!(heard(&mut desk, one), told(&[("a.>", "a.b", 4), ("a.b", "", 4)]));
        // From another shard's clients too.
        desk.turn_to(usize::from(shards) - 1);
        publish(&mut desk, "a.z.c", "5", Extra::default());
        desk.turn_to(0);
        assert_eq!((heard(&mut desk, two), heard(&mut desk, one).len()), (told(&[("a.*.c", "a.z.c", 5)]), 1));
        for conn in [one, two] {
            desk.finish(conn);
        }
        assert_eq!((desk.report().subscriptions, desk.patterns()), (0, 0));
    }
}

#[test]
fn patterns_are_for_who_may_have_them() {
    let mut desk = Desk::new(&config());
    let conn = open(&mut desk);
    for (channel, code) in [
        ("plain.*", 107),
        ("a.secret.*", 103),
        ("other.*", 102),
        ("a.>.*", 107),
        ("*", 0),
        ("a.*.>", 0),
        ("a.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*", 107),
    ] {
        let answer = subscribe(&mut desk, conn, channel, "");
        assert_eq!(answer["error"]["code"].as_u64().unwrap_or(0), code, "{channel}: {answer}");
    }
    let filtered = open(&mut desk);
    let filter = ",\"tf\":{\"key\":\"k\",\"cmp\":\"ex\"}";
    assert!(subscribe(&mut desk, filtered, "*", filter)["subscribe"].is_object());
    publish(&mut desk, "x", "1", Extra::default());
    publish(&mut desk, "y", "2", Extra { tags: [("k".into(), "".into())].into(), ..Extra::default() });
    assert_eq!(heard(&mut desk, filtered), told(&[("*", "y", 2)]));
}

#[test]
fn plain_listeners_hear_what_fits_over_a_websocket() {
    for shards in [1, 3] {
        let mut desk = Desk::new(&ShardConfig { shards, ..config() });
        let conn = desk.open("/sub/a.*,a.b.>,x");
        for (subject, payload) in
            [("a.1", "1"), ("a.2", "2"), ("a.b.c", "3"), ("x", "4"), ("a.1.2", "5"), ("a.secret.1", "6")]
        {
            publish(&mut desk, subject, payload, Extra::default());
        }
        assert_eq!(desk.hear(conn), b"\x81\x011\x81\x012\x81\x013\x81\x014");
        desk.finish(conn);
        assert_eq!(desk.patterns(), 0);
        for (target, status) in [("/sub/plain.*", 403), ("/sub/a.secret.*", 403)] {
            assert!(desk.request(upgrade(target)).starts_with(&format!("HTTP/1.1 {status} ")), "{target}");
        }
        assert!(desk.request("GET /sub/a.* HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 400 "));
    }
}
