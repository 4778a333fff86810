//! What leaves, against the protocol's description, and read back by serde_json.
use alloc::string::String;

use base::Prng;
use serde_json::Value;

use super::*;
use crate::centrifugo::{ClientInfo, Data, UnsubscribeCode};
use crate::centrifugo_json::{
    push_disconnect, push_join, push_leave, push_publication, push_refresh, push_subscribe, push_unsubscribe,
};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"kept".to_vec();
    write(&mut out);
    String::from_utf8(out).unwrap().strip_prefix("kept").unwrap().into()
}

fn publication(data: &[u8], offset: u64) -> Publication<'_> {
    Publication {
        data: Data::Json(data),
        offset,
        info: None,
        tags: &[],
        channel: "",
        delta: false,
        epoch: None,
        version: 0,
    }
}

#[test]
fn connect() {
    let result = ConnectResult { client: "id", version: "x", ping_s: 25, pong: true, ..ConnectResult::default() };
    let want = r#"{"id":1,"connect":{"client":"id","version":"x","ping":25,"pong":true}}"#;
    assert_eq!(written(|out| reply_connect(out, 1, &result)), want);
    let result = ConnectResult { expires: true, ttl_s: 60, data: b"{\n}", ..ConnectResult::default() };
    let want = r#"{"id":4294967295,"connect":{"expires":true,"ttl":60,"data":{}}}"#;
    assert_eq!(written(|out| reply_connect(out, u32::MAX, &result)), want);
}

#[test]
fn subscribe() {
    let plain = SubscribeResult::default();
    assert_eq!(written(|out| reply_subscribe(out, 2, &plain, &[])), r#"{"id":2,"subscribe":{}}"#);
    let recoverable = SubscribeResult {
        recoverable: true,
        epoch: "kZbFqt",
        offset: 7,
        positioned: true,
        ..SubscribeResult::default()
    };
    let want = r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"kZbFqt","offset":7,"positioned":true}}"#;
    assert_eq!(written(|out| reply_subscribe(out, 2, &recoverable, &[])), want);
    let recovered = SubscribeResult { recovered: true, offset: 8, was_recovering: true, ..recoverable };
    let missed = [publication(b"{\"a\":1}", 9), publication(b"2", 10)];
    let want = concat!(
        r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"kZbFqt","publications":[{"data":{"a":1},"offset":9},"#,
        r#"{"data":2,"offset":10}],"recovered":true,"offset":8,"positioned":true,"was_recovering":true}}"#
    );
    assert_eq!(written(|out| reply_subscribe(out, 2, &recovered, &missed)), want);
}

#[test]
fn a_history_is_all_there_even_if_empty() {
    let empty = HistoryResult::default();
    let want = r#"{"id":9,"history":{"publications":[],"epoch":"","offset":0}}"#;
    assert_eq!(written(|out| reply_history(out, 9, &empty, &[])), want);
    let result = HistoryResult { epoch: "kZbFqt", offset: 7 };
    let kept = [publication(b"1", 6), publication(b"2", 7)];
    let want = concat!(
        r#"{"id":9,"history":{"publications":[{"data":1,"offset":6},{"data":2,"offset":7}],"#,
        r#""epoch":"kZbFqt","offset":7}}"#
    );
    assert_eq!(written(|out| reply_history(out, 9, &result, &kept)), want);
}

#[test]
fn results_of_nothing_are_there_and_errors_have_words() {
    assert_eq!(written(|out| reply_publish(out, 4)), r#"{"id":4,"publish":{}}"#);
    assert_eq!(written(|out| reply_unsubscribe(out, 5)), r#"{"id":5,"unsubscribe":{}}"#);
    let want = r#"{"id":3,"error":{"code":103,"message":"permission denied"}}"#;
    assert_eq!(written(|out| reply_error(out, 3, ErrorCode::PermissionDenied)), want);
    let want = r#"{"id":3,"error":{"code":100,"message":"internal server error","temporary":true}}"#;
    assert_eq!(written(|out| reply_error(out, 3, ErrorCode::Internal)), want);
}

#[test]
fn pushes() {
    let want = r#"{"push":{"channel":"news","pub":{"data":{"a":1}}}}"#;
    assert_eq!(written(|out| push_publication(out, "news", &publication(b"{\"a\":1}", 0))), want);
    let info = ClientInfo { user: "u1", client: "id", ..ClientInfo::default() };
    let by_client = Publication {
        data: Data::Text("a\nb"),
        offset: 8,
        info: Some(info),
        tags: &[],
        channel: "",
        delta: false,
        epoch: None,
        version: 0,
    };
    let want = r#"{"push":{"channel":"n\"","pub":{"data":"a\nb","info":{"user":"u1","client":"id"},"offset":8}}}"#;
    assert_eq!(written(|out| push_publication(out, "n\"", &by_client)), want);
    let anonymous = ClientInfo { conn_info: b"1", chan_info: b"[]", ..ClientInfo::default() };
    let by_nobody = Publication {
        data: Data::Json(b"0"),
        offset: 0,
        info: Some(anonymous),
        tags: &[],
        channel: "",
        delta: false,
        epoch: None,
        version: 0,
    };
    let want = concat!(
        r#"{"push":{"channel":"c","pub":{"data":0,"#,
        r#""info":{"user":"","client":"","conn_info":1,"chan_info":[]}}}}"#
    );
    assert_eq!(written(|out| push_publication(out, "c", &by_nobody)), want);
    let first = Publication { epoch: Some(0), version: 7, ..publication(b"1", 1) };
    let want = r#"{"push":{"channel":"h","pub":{"data":1,"offset":1,"epoch":"AAAAAA","version":7}}}"#;
    assert_eq!(written(|out| push_publication(out, "h", &first)), want);
    let want = r#"{"push":{"channel":"h","unsubscribe":{"code":2500,"reason":"insufficient state"}}}"#;
    assert_eq!(written(|out| push_unsubscribe(out, "h", UnsubscribeCode::InsufficientState)), want);
    let want = r#"{"push":{"disconnect":{"code":3001,"reason":"shutdown"}}}"#;
    assert_eq!(written(|out| push_disconnect(out, 3_001, "shutdown")), want);
}

#[test]
fn who_is_there_is_told_by_id() {
    let ann = ClientInfo { user: "ann", client: "c1", conn_info: b"{\"a\":1}", chan_info: b"" };
    let nobody = ClientInfo { client: "c2", ..ClientInfo::default() };
    let want = concat!(
        r#"{"id":3,"presence":{"presence":{"c1":{"user":"ann","client":"c1","conn_info":{"a":1}},"#,
        r#""c2":{"user":"","client":"c2"}}}}"#
    );
    assert_eq!(written(|out| reply_presence(out, 3, &[ann, nobody])), want);
    assert_eq!(written(|out| reply_presence(out, 3, &[])), r#"{"id":3,"presence":{"presence":{}}}"#);
    let want = r#"{"id":3,"presence_stats":{"num_clients":0,"num_users":0}}"#;
    assert_eq!(written(|out| reply_presence_stats(out, 3, &PresenceStatsResult::default())), want);
    let want = r#"{"push":{"channel":"a","join":{"info":{"user":"","client":"c2"}}}}"#;
    assert_eq!(written(|out| push_join(out, "a", &nobody)), want);
    let want = r#"{"push":{"channel":"a","leave":{"info":{"user":"","client":"c2"}}}}"#;
    assert_eq!(written(|out| push_leave(out, "a", &nobody)), want);
}

/// Any name and any text come back as they went in, on one line.
#[test]
fn what_a_client_chose_is_escaped() {
    for seed in 0..2_000 {
        let mut random = Prng::new(seed, "escape");
        let mut text = || -> String {
            let length = random.below(40);
            (0..length)
                .filter_map(|_| char::from_u32(u32::try_from(random.below(0x3000)).unwrap() >> random.below(8)))
                .collect()
        };
        let (channel, data) = (text(), text());
        let publication = Publication {
            data: Data::Text(&data),
            offset: seed,
            info: None,
            tags: &[],
            channel: "",
            delta: false,
            epoch: None,
            version: 0,
        };
        let line = written(|out| push_publication(out, &channel, &publication));
        assert!(!line.contains('\n'), "seed {seed}");
        let push = &serde_json::from_str::<Value>(&line).unwrap()["push"];
        assert_eq!(push["channel"].as_str(), Some(channel.as_str()), "seed {seed}");
        assert_eq!(push["pub"]["data"].as_str(), Some(data.as_str()), "seed {seed}");
        assert_eq!(push["pub"]["offset"].as_u64().unwrap_or(0), seed);
    }
}

#[test]
fn what_the_server_subscribes_to_is_told_with_the_connect_and_beside_it() {
    let missed = [publication(b"1", 4)];
    let recovered = SubscribeResult { recoverable: true, recovered: true, offset: 3, ..SubscribeResult::default() };
    let subs = [
        ServerSub { channel: "#\"ann", result: SubscribeResult::default(), recovered: &[] },
        ServerSub { channel: "news", result: recovered, recovered: &missed },
    ];
    let result = ConnectResult { client: "id", subs: &subs, ..ConnectResult::default() };
    let want = concat!(
        r##"{"id":1,"connect":{"client":"id","subs":{"#\"ann":{},"##,
        r#""news":{"recoverable":true,"publications":[{"data":1,"offset":4}],"recovered":true,"offset":3}}}}"#
    );
    assert_eq!(written(|out| reply_connect(out, 1, &result)), want);
    let result = SubscribeResult { positioned: true, epoch: "e", offset: 7, data: b"{}", ..SubscribeResult::default() };
    let want = r#"{"push":{"channel":"a","subscribe":{"epoch":"e","offset":7,"positioned":true,"data":{}}}}"#;
    assert_eq!(written(|out| push_subscribe(out, "a", &result)), want);
    let want = r#"{"push":{"refresh":{"expires":true,"ttl":60}}}"#;
    assert_eq!(written(|out| push_refresh(out, &RefreshResult { expires: true, ttl_s: 60 })), want);
    assert_eq!(written(|out| push_refresh(out, &RefreshResult::default())), r#"{"push":{"refresh":{}}}"#);
}
