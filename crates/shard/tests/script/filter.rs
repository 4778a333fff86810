//! Filters by tags, the newest publication from wherever one comes, and errors rather than gaps.
use std::time::Duration;

use base::ConnId;
use hub::{Extra, HistoryBounds, Namespace};
use serde_json::Value;
use shard::ShardConfig;

use crate::both::{BOTH, Spoken};
use crate::delivery::publish;
use crate::desk::{Desk, dev, frame, namespace};
use crate::session::{lines, open, say};

fn config() -> ShardConfig {
    let cache = Namespace { cache: true, ..namespace("cache.>", 3) };
    let auto = Namespace { auto_cache: true, ..Namespace { cache: true, ..namespace("auto.>", 3) } };
    let filtered = Namespace { tags_filter: true, delta: true, delta_publish: true, ..namespace("f.>", 9) };
    ShardConfig {
        namespaces: vec![cache, auto, filtered, namespace("plain.>", 3)],
        dev: false,
        anonymous: true,
        ..dev()
    }
}

fn tagged(market: &str) -> Extra {
    Extra { tags: [("market".into(), market.into())].into(), ..Extra::default() }
}

fn subscribe(desk: &mut Desk, conn: ConnId, channel: &str, more: &str) -> Value {
    serde_json::from_str(&say(desk, conn, &format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{channel}\"{more}}}}}")))
        .unwrap()
}

const CRYPTO: &str = ",\"tf\":{\"key\":\"market\",\"cmp\":\"eq\",\"val\":\"crypto\"}";

fn data(publications: &Value) -> Vec<&Value> {
    publications.as_array().map_or(Vec::new(), |list| list.iter().map(|one| &one["data"]).collect())
}

fn heard(desk: &mut Desk, conn: ConnId) -> Vec<Value> {
    let heard = lines(&desk.hear(conn));
    heard.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["push"]["pub"].take()).collect()
}

#[test]
fn what_is_wanted_comes_live_and_recovered_and_the_rest_does_not() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..config() });
        for channel in ["f.a", "f.b", "f.c", "f.d"] {
            let (conn, all) = (open(&mut desk), open(&mut desk));
            let answer = subscribe(&mut desk, conn, channel, CRYPTO);
            let epoch = answer["subscribe"]["epoch"].as_str().unwrap().to_owned();
            subscribe(&mut desk, all, channel, "");
            for (payload, market) in [("1", "crypto"), ("2", "stocks"), ("3", "crypto")] {
                publish(&mut desk, channel, payload, tagged(market));
            }
            publish(&mut desk, channel, "4", Extra::default());
            let told = |publications: &[Value]| publications.iter().map(|one| one["data"].clone()).collect::<Vec<_>>();
            assert_eq!(told(&heard(&mut desk, conn)), [1, 3]);
            assert_eq!(told(&heard(&mut desk, all)), [1, 2, 3, 4]);
            let late = open(&mut desk);
            let since = format!("{CRYPTO},\"recover\":true,\"offset\":1,\"epoch\":\"{epoch}\"");
            let answer = subscribe(&mut desk, late, channel, &since)["subscribe"].take();
            assert_eq!(
                (data(&answer["publications"]), &answer["recovered"]),
                (vec![&Value::from(3)], &Value::Bool(true))
            );
            for conn in [conn, all, late] {
                desk.finish(conn);
            }
            assert_eq!(desk.shard().holdings().filters, 0);
        }
    }
}

#[test]
fn a_filter_that_means_nothing_or_is_not_allowed_is_a_bad_request() {
    let mut desk = Desk::new(&config());
    let conn = open(&mut desk);
    for (channel, filter) in [
        ("plain.a", CRYPTO),
        ("f.a", ",\"tf\":{}"),
        ("f.a", ",\"tf\":{\"op\":\"and\"}"),
        ("f.a", ",\"tf\":{\"key\":\"a\",\"cmp\":\"eq\"}"),
        ("f.a", ",\"tf\":{\"op\":\"not\",\"nodes\":[{\"key\":\"a\",\"cmp\":\"like\",\"val\":\"b\"}]}"),
    ] {
        assert_eq!(subscribe(&mut desk, conn, channel, filter)["error"]["code"], 107, "{channel} {filter}");
    }
    assert_eq!(desk.report().subscriptions, 0);
    // And the connection goes on.
    assert!(subscribe(&mut desk, conn, "f.a", ",\"tf\":null")["subscribe"].is_object());
}

/// What a delta is a delta of is what came, not what was published.
#[test]
fn with_deltas_what_follows_something_unwanted_is_whole() {
    let mut desk = Desk::new(&config());
    let conn = open(&mut desk);
    subscribe(&mut desk, conn, "f.a", &format!("{CRYPTO},\"delta\":\"fossil\""));
    let price = |number: u32| format!("{{\"symbol\":\"something long enough\",\"price\":{number}}}");
    for (number, market) in [(1, "crypto"), (2, "crypto"), (3, "stocks"), (4, "crypto"), (5, "crypto")] {
        publish(&mut desk, "f.a", &price(number), tagged(market));
    }
    let heard = heard(&mut desk, conn);
    let deltas: Vec<_> = heard.iter().map(|one| one["delta"] == true).collect();
    assert_eq!(deltas, [false, true, false, true], "{heard:?}");
    assert_eq!(heard[2]["data"], price(4));
}

#[test]
fn a_cache_brings_the_newest_from_wherever_one_comes() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..config() });
        for channel in ["cache.a", "cache.b", "cache.c"] {
            let conn = open(&mut desk);
            let answer = subscribe(&mut desk, conn, channel, ",\"recover\":true")["subscribe"].take();
            let flags = |answer: &Value| [&answer["recovered"], &answer["was_recovering"]].map(|flag| *flag == true);
            assert_eq!((flags(&answer), &answer["offset"]), ([false, true], &Value::Null), "nothing is there yet");
            desk.finish(conn);
            for number in 1..=5 {
                publish(&mut desk, channel, &number.to_string(), Extra::default());
            }
            let epoch = answer["epoch"].as_str().unwrap();
            for (since, brings) in [
                (String::new(), vec![5]),
                (",\"offset\":1".to_owned(), vec![5]),
                (format!(",\"offset\":4,\"epoch\":\"{epoch}\""), vec![5]),
                (format!(",\"offset\":5,\"epoch\":\"{epoch}\""), vec![]),
                (",\"offset\":5,\"epoch\":\"AAAAAB\"".to_owned(), vec![5]),
                (",\"offset\":900,\"epoch\":\"other\"".to_owned(), vec![5]),
            ] {
                let conn = open(&mut desk);
                let answer =
                    subscribe(&mut desk, conn, channel, &format!(",\"recover\":true{since}"))["subscribe"].take();
                assert_eq!(flags(&answer), [true, true], "{since}");
                assert_eq!(
                    data(&answer["publications"]),
                    brings.iter().map(|&one| Value::from(one)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
                );
                desk.finish(conn);
            }
            let conn = open(&mut desk);
            assert_eq!(flags(&subscribe(&mut desk, conn, channel, "")["subscribe"]), [false, false], "nobody asked");
        }
        let conn = open(&mut desk);
        publish(&mut desk, "auto.a", "1", Extra::default());
        let answer = subscribe(&mut desk, conn, "auto.a", "");
        assert_eq!(data(&answer["subscribe"]["publications"]), [&Value::from(1)], "it comes without being asked for");
    }
}

#[test]
fn who_wants_an_error_rather_than_a_gap_gets_it_and_is_not_subscribed() {
    for shards in [1, 2] {
        let mut desk = Desk::new(&ShardConfig { shards, ..config() });
        for channel in ["plain.a", "plain.b", "plain.c"] {
            let conn = open(&mut desk);
            for number in 1..=5 {
                publish(&mut desk, channel, &number.to_string(), Extra::default());
            }
            for (more, code) in [
                (",\"flag\":2,\"recover\":true,\"offset\":1", 112),
                (",\"flag\":3,\"recover\":true,\"offset\":5,\"epoch\":\"AAAAAB\"", 112),
            ] {
                assert_eq!(subscribe(&mut desk, conn, channel, more)["error"]["code"], code, "{more}");
                assert_eq!(desk.report().subscriptions, 0);
            }
            assert!(desk.holdings().iter().all(|holdings| holdings.lent == 0));
            publish(&mut desk, channel, "6", Extra::default());
            assert!(desk.hear(conn).is_empty());
            for more in [
                ",\"flag\":2",
                ",\"flag\":2,\"recover\":true,\"offset\":4",
                ",\"flag\":1,\"recover\":true,\"offset\":1",
            ] {
                assert!(subscribe(&mut desk, conn, channel, more)["subscribe"].is_object(), "{more}");
                say(&mut desk, conn, &format!("{{\"id\":3,\"unsubscribe\":{{\"channel\":\"{channel}\"}}}}"));
            }
        }
    }
}

/// A position outlives what was published: who comes back to the newest has missed nothing.
#[test]
fn positions_are_kept_as_long_as_the_namespace_says() {
    let bounds = HistoryBounds { count: 9, bytes: 1 << 20, age: Duration::from_secs(10) };
    let long = Namespace { history: Some(bounds), position_age: Duration::from_secs(100), ..namespace("long", 1) };
    let short = Namespace { history: Some(bounds), ..namespace("short", 1) };
    let mut desk = Desk::new(&ShardConfig { namespaces: vec![long, short], ..dev() });
    for channel in ["long", "short"] {
        publish(&mut desk, channel, "1", Extra::default());
    }
    let conn = open(&mut desk);
    let epochs = ["long", "short"].map(|channel| {
        let answer = subscribe(&mut desk, conn, channel, "");
        say(&mut desk, conn, &format!("{{\"id\":3,\"unsubscribe\":{{\"channel\":\"{channel}\"}}}}"));
        answer["subscribe"]["epoch"].as_str().unwrap().to_owned()
    });
    let recovers = |desk: &mut Desk, at: usize| {
        let channel = ["long", "short"][at];
        let since = format!(",\"recover\":true,\"offset\":1,\"epoch\":\"{}\"", epochs[at]);
        let answer = subscribe(desk, conn, channel, &since);
        say(desk, conn, &format!("{{\"id\":3,\"unsubscribe\":{{\"channel\":\"{channel}\"}}}}"));
        answer["subscribe"]["recovered"] == true
    };
    desk.pass(Duration::from_secs(50));
    assert_eq!((recovers(&mut desk, 0), recovers(&mut desk, 1)), (true, false));
    desk.pass(Duration::from_secs(90));
    assert!(recovers(&mut desk, 0), "it was read since");
    desk.pass(Duration::from_secs(101));
    assert_eq!((recovers(&mut desk, 0), desk.report().subjects), (false, 0));
}

#[test]
fn a_filter_nested_too_deep_is_an_error_and_the_session_goes_on() {
    let leaf = || serde_json::json!({"key": "a", "cmp": "ex"});
    let nested =
        |levels: usize| (1..levels).fold(leaf(), |within, _| serde_json::json!({"op": "not", "nodes": [within]}));
    for spoken in BOTH {
        let mut desk = Desk::new(&config());
        let conn = spoken.connected(&mut desk, "");
        let mut id = 1;
        for (filter, code) in [
            (nested(62), None),
            (nested(64), None),
            (nested(65), Some(107)),
            (nested(128), Some(107)),
            (nested(1_000), Some(107)),
            (serde_json::json!({"op": "and", "nodes": [nested(40), nested(40)]}), Some(107)),
            (leaf(), None),
        ] {
            id += 1;
            let subscribe = serde_json::json!({"channel": format!("f.{id}"), "tf": filter});
            let reply = spoken.ask(&mut desk, conn, serde_json::json!({"id": id, "subscribe": subscribe}));
            assert_eq!(reply["error"]["code"].as_u64(), code, "{spoken:?} {reply}");
        }
        desk.leave_nothing(&[conn]);
        // A filter that is none at all is no command.
        let conn = spoken.connected(&mut desk, "");
        let broken = match spoken {
            Spoken::Json => frame(0x81, "{\"id\":2,\"subscribe\":{\"channel\":\"f.a\",\"tf\":{\"key\":1}}}"),
            // A filter whose key is no text.
            Spoken::Protobuf => frame(0x82, b"\x0e\x08\x02\x2a\x0a\x0a\x03f.a\x6a\x03\x12\x01\xff"),
        };
        let heard = desk.say(conn, broken);
        assert_eq!(spoken.heard(&heard)[0]["close"], 3_501, "{spoken:?}");
    }
}
