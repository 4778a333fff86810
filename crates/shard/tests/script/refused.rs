//! What clients are told that may not connect where the settings say otherwise than the protocol; how many connections a user may have; the time of day.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use shard::{
    Admission, CodeToDisconnect, CodeToStatus, Command, Endpoints, Holdings, Input, Limits, RefusalCodes, Roster,
    ShardConfig, Ticket, TimeOfDay, Tokens,
};

use crate::both::{BOTH, Spoken};
use crate::desk::{Desk, close_of, dev, frame, upgrade};
use crate::emulation::post;
use crate::token::Plain;

const SSE: &str = "/connection/uni_sse";
const HTTP_STREAM: &str = "/connection/uni_http_stream";

fn config(codes: RefusalCodes) -> ShardConfig {
    let tokens = Tokens { verifier: Some(Arc::new(Plain)), ..Tokens::default() };
    ShardConfig { dev: false, tokens, endpoints: Endpoints { refusal_codes: codes, ..dev().endpoints }, ..dev() }
}

#[test]
fn an_error_is_told_as_the_disconnect_of_the_settings() {
    let disconnects = vec![
        CodeToDisconnect { of: 109, code: 4109, reason: "own words".into() },
        // Explicit disconnects are told as they are.
        CodeToDisconnect { of: 3500, code: 4500, reason: "not told".into() },
    ];
    let mut desk = Desk::new(&config(RefusalCodes { disconnects, ..RefusalCodes::default() }));
    for (token, told) in
        [("old", r#"{"code":4109,"reason":"own words"}"#), ("forged", r#"{"code":3500,"reason":"invalid token"}"#)]
    {
        let request = format!("{{\"token\":\"{token}\"}}");
        for path in [SSE, HTTP_STREAM] {
            let answer = desk.request(post(path, &request));
            assert!(answer.contains(&format!("{{\"disconnect\":{told}}}")), "{path}: {answer}");
        }
        let conn = desk.open("/connection/uni_websocket");
        let heard = desk.say(conn, frame(0x81, &request));
        assert!(String::from_utf8_lossy(&heard).contains(told), "{}", heard.escape_ascii());
        assert!(desk.is_shut(conn));
    }
    // Who has replies is told of errors in them.
    for spoken in BOTH {
        let conn = spoken.open(&mut desk);
        let reply = spoken.ask(&mut desk, conn, json!({"id": 1, "connect": {"token": "old"}}));
        assert_eq!(reply["error"]["code"], 109, "{spoken:?}");
    }
}

#[test]
fn a_stream_is_refused_by_status_where_it_is_wanted() {
    let told = vec![
        CodeToStatus { of: 109, status: 401, body: "again, with a new token".into() },
        CodeToStatus { of: 3501, status: 403, body: "{\"no\":1}".into() },
    ];
    let codes = RefusalCodes { sse: Some(told), ..RefusalCodes::default() };
    let mut desk = Desk::new(&config(codes));
    for (token, status, body) in [
        ("old", 401, "again, with a new token"),
        ("", 403, "{\"no\":1}"),
        ("forged", 500, "Internal Server Error"),
        ("ann", 200, "\ndata: {\"connect\":"),
    ] {
        let answer = desk.request(post(SSE, &format!("{{\"token\":\"{token}\"}}")));
        let (head, rest) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{token}: {head}");
        assert!(rest.starts_with(body), "{token}: {rest}");
        // The other endpoint has nothing of the kind.
        let answer = desk.request(post(HTTP_STREAM, &format!("{{\"token\":\"{token}\"}}")));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{token}: {answer}");
    }
    assert_eq!(desk.holdings()[0].sessions, 2, "ann's");
    let answer = desk.request(post(SSE, "x"));
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

/// As the server's, but for one thread.
#[derive(Debug, Default)]
struct Count(Mutex<BTreeMap<u64, u32>>);

impl Roster for Count {
    fn has_room(&self, user: u64, most: u32) -> bool {
        most == 0 || self.0.lock().unwrap().get(&user).is_none_or(|count| *count < most)
    }

    fn enter(&self, user: u64, most: u32) -> bool {
        let admitted = self.has_room(user, most);
        *self.0.lock().unwrap().entry(user).or_default() += u32::from(admitted);
        admitted
    }

    fn leave(&self, user: u64) {
        let mut all = self.0.lock().unwrap();
        let count = all.get_mut(&user).unwrap();
        *count = count.checked_sub(1).unwrap();
    }
}

fn limited(count: &Arc<Count>, most: u32) -> ShardConfig {
    let roster: Arc<dyn Roster> = Arc::clone(count) as _;
    ShardConfig {
        shards: 2,
        anonymous: true,
        admission: Admission { roster: Some(roster), ..Admission::default() },
        limits: Limits { user_connections: most, ..Limits::default() },
        ..config(RefusalCodes::default())
    }
}

#[test]
fn a_user_has_so_many_connections_on_all_shards_together() {
    for spoken in BOTH {
        let count = Arc::new(Count::default());
        let mut desk = Desk::new(&limited(&count, 2));
        let connect = |token: &str| json!({"id": 1, "connect": {"token": token}});
        let first = spoken.connected(&mut desk, "ann");
        desk.turn_to(1);
        let second = spoken.connected(&mut desk, "ann");
        let third = spoken.open(&mut desk);
        let told = spoken.say(&mut desk, third, &[connect("ann")]);
        assert_eq!(told, [json!({"close": 3504, "reason": "connection limit"})], "{spoken:?}");
        // Another user and anonymous ones are not concerned.
        let mut others = vec![spoken.connected(&mut desk, "bob")];
        others.extend((0..3).map(|_| spoken.connected(&mut desk, "")));
        let uni = desk.request(post(HTTP_STREAM, r#"{"token":"ann"}"#));
        assert!(uni.contains(r#"{"disconnect":{"code":3504,"reason":"connection limit"}}"#), "{uni}");
        // Whose place becomes free is taken by the next.
        desk.turn_to(0);
        desk.finish(first);
        desk.turn_to(1);
        let fourth = spoken.connected(&mut desk, "ann");
        for conn in [second, third, fourth].into_iter().chain(others) {
            desk.finish(conn);
        }
        assert_eq!(count.0.lock().unwrap().values().sum::<u32>(), 0, "{spoken:?}: nobody is left");
    }
}

#[test]
fn a_reload_changes_the_bound_and_keeps_the_count() {
    let count = Arc::new(Count::default());
    let mut desk = Desk::new(&ShardConfig { shards: 1, ..limited(&count, 1) });
    let (spoken, connect) = (Spoken::Json, json!({"id": 1, "connect": {"token": "ann"}}));
    spoken.connected(&mut desk, "ann");
    let new = ShardConfig { shards: 1, ..limited(&Arc::new(Count::default()), 2) };
    desk.handle(Input::Command { ticket: Ticket(1), command: Command::Configure(Box::new(new)) });
    spoken.connected(&mut desk, "ann");
    let third = spoken.open(&mut desk);
    assert_eq!(spoken.say(&mut desk, third, &[connect])[0]["close"], 3504);
    assert_eq!(count.0.lock().unwrap().values().sum::<u32>(), 2);
}

#[derive(Debug)]
struct Noon;

impl TimeOfDay for Noon {
    fn unix_ms(&self) -> u64 {
        1_795_798_935_707
    }
}

#[test]
fn the_time_of_day_is_told_if_it_is_wanted() {
    let admission = Admission { time: Some(Arc::new(Noon)), ..Admission::default() };
    for (config, time) in [(ShardConfig { admission, ..dev() }, json!(1_795_798_935_707_u64)), (dev(), json!(null))] {
        let mut desk = Desk::new(&config);
        for spoken in BOTH {
            let conn = spoken.open(&mut desk);
            let reply = spoken.ask(&mut desk, conn, json!({"id": 1, "connect": {}}));
            assert_eq!(reply["connect"]["time"], time, "{spoken:?}");
        }
        let uni = desk.request(post(HTTP_STREAM, ""));
        assert_eq!(uni.contains("\"time\":1795798935707"), !time.is_null(), "{uni}");
    }
}

#[test]
fn who_was_refused_leaves_nothing() {
    let codes = RefusalCodes { sse: Some(Vec::new()), ..RefusalCodes::default() };
    let mut desk = Desk::new(&config(codes));
    let refused = desk.connect();
    desk.say(refused, post(SSE, r#"{"token":"old"}"#));
    let websocket = desk.connect();
    desk.say(websocket, upgrade("/connection/uni_websocket"));
    let heard = desk.say(websocket, frame(0x81, r#"{"token":"old"}"#));
    let close = heard.iter().rposition(|byte| *byte == 0x88).unwrap();
    assert_eq!(close_of(&heard[close..]).0, 3005);
    for conn in [refused, websocket] {
        desk.finish(conn);
    }
    assert_eq!(desk.holdings(), [Holdings::default()]);
}
