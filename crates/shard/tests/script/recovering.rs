//! What a client is told that asks to recover, whether or not it can, and what shows it that offsets have begun anew; in both encodings.
use hub::{Namespace, Offer};
use serde_json::{Value, json};
use shard::ShardConfig;

use crate::both::BOTH;
use crate::desk::{Desk, dev, namespace};

fn config(shards: u16) -> ShardConfig {
    let barred = Namespace { recovery: Offer::Withheld, ..namespace("barred.*", 10) };
    let namespaces = vec![namespace("plain.*", 0), barred, namespace("kept.*", 10)];
    ShardConfig { shards, dev: false, anonymous: true, namespaces, ..dev() }
}

#[test]
fn who_asks_to_recover_is_told_so_whether_or_not_it_can() {
    for spoken in BOTH {
        let mut desk = Desk::new(&config(2));
        let conn = spoken.connected(&mut desk, "");
        for (channel, recover, told, recovered) in [
            ("plain.1", true, true, false),
            ("plain.2", false, false, false),
            ("barred.1", true, true, false),
            ("kept.1", true, true, true),
            ("kept.2", false, false, false),
        ] {
            let command = json!({"id": 2, "subscribe": {"channel": channel, "recover": recover}});
            let result = spoken.ask(&mut desk, conn, command)["subscribe"].take();
            let is = |name: &str| result[name] == true;
            assert_eq!((is("was_recovering"), is("recovered")), (told, recovered), "{spoken:?} {channel}: {result}");
        }
        // The same for those that come with the connect.
        let other = spoken.open(&mut desk);
        let subs = json!({"plain.1": {"recover": true}, "plain.2": {}, "barred.1": {"recover": true}, "kept.1": {"recover": true}});
        let subs = spoken.ask(&mut desk, other, json!({"id": 1, "connect": {"subs": subs}}))["connect"]["subs"].take();
        for (channel, told) in [("plain.1", true), ("plain.2", false), ("barred.1", true), ("kept.1", true)] {
            assert_eq!(subs[channel]["was_recovering"] == true, told, "{spoken:?} {channel}: {subs}");
        }
        assert_eq!(subs["plain.1"]["recovered"], Value::Null);
        desk.leave_nothing(&[conn, other]);
    }
}

/// Live, recovered and in the history: the first publication of an epoch says which, no other one does.
#[test]
fn the_first_publication_tells_its_epoch() {
    for spoken in BOTH {
        let mut desk = Desk::new(&ShardConfig { dev: true, ..config(2) });
        let conn = spoken.connected(&mut desk, "");
        let channel = "kept.1";
        let subscribe = |recover| json!({"id": 2, "subscribe": {"channel": channel, "recover": recover}});
        let epoch = spoken.ask(&mut desk, conn, subscribe(false))["subscribe"]["epoch"].take();
        assert!(epoch.is_string());
        for payload in ["1", "2"] {
            desk.publish(channel, payload);
        }
        let told: Vec<_> =
            spoken.hear(&mut desk, conn).iter().map(|reply| reply["push"]["pub"]["epoch"].clone()).collect();
        assert_eq!(told, [epoch.clone(), Value::Null], "{spoken:?}");
        let other = spoken.connected(&mut desk, "");
        let recovered = spoken.ask(&mut desk, other, subscribe(true));
        let history = spoken.ask(&mut desk, other, json!({"id": 3, "history": {"channel": channel, "limit": 5}}));
        for publications in [&recovered["subscribe"]["publications"], &history["history"]["publications"]] {
            assert_eq!((&publications[0]["epoch"], &publications[1]["epoch"]), (&epoch, &Value::Null), "{spoken:?}");
        }
        // Without a history there is nothing that begins.
        spoken.ask(&mut desk, conn, json!({"id": 4, "subscribe": {"channel": "plain.1"}}));
        desk.publish("plain.1", "1");
        assert_eq!(spoken.hear(&mut desk, conn)[0]["push"]["pub"], json!({"data": 1}));
    }
}
