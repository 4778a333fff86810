//! Centrifugo sessions: replies, error codes, close codes, recovery.
use std::time::Duration;

use base::ConnId;
use shard::{Limits, Refusal, ShardConfig};

use crate::desk::{Desk, close_of, dev, frame, namespace, text_of, upgrade, with_history};

fn begun(desk: &mut Desk) -> ConnId {
    let conn = desk.connect();
    assert!(desk.say(conn, upgrade("/connection/websocket")).starts_with(b"HTTP/1.1 101 "));
    conn
}

pub(crate) fn open(desk: &mut Desk) -> ConnId {
    let conn = begun(desk);
    desk.say(conn, frame(0x81, "{\"id\":1,\"connect\":{}}"));
    conn
}

pub(crate) fn say(desk: &mut Desk, conn: ConnId, command: &str) -> String {
    text_of(&desk.say(conn, frame(0x81, command))).to_owned()
}

/// All lines of all text frames.
pub(crate) fn lines(mut bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    while bytes.len() > 1 && bytes[0] == 0x81 {
        let (start, length) = match bytes[1] {
            126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
            short => (2, usize::from(short)),
        };
        all.extend(core::str::from_utf8(&bytes[start..start + length]).unwrap().lines().map(str::to_owned));
        bytes = &bytes[start + length..];
    }
    all
}

#[test]
fn what_breaks_the_protocol_closes_with_its_code() {
    for (connected, command, code) in [
        (false, "{\"id\":1,\"subscribe\":{\"channel\":\"a\"}}", 3501),
        (false, "{}", 3501),
        (true, "{}", 3501),
        (true, "{\"id\":2,\"connect\":{}}", 3501),
        (true, "nonsense", 3501),
        (true, "", 3501),
        (true, "{\"id\":2}", 3501),
        (true, "{\"id\":2,\"ping\":{}}", 3501),
        (true, "{\"id\":2,\"subscribe\":{}}", 3501),
        (true, "{\"id\":2,\"publish\":{\"data\":1}}", 3501),
        (true, "{\"id\":2,\"unsubscribe\":{}}", 3501),
        (true, "{\"send\":{\"data\":1}}", 3508),
    ] {
        let mut desk = Desk::new(&dev());
        let conn = if connected { open(&mut desk) } else { begun(&mut desk) };
        let (got, reason) = close_of(&desk.say(conn, frame(0x81, command)));
        assert_eq!(got, code, "{command:?}");
        assert!(!reason.is_empty(), "{command:?}");
        assert_eq!(desk.refusals(Refusal::BadCommand), 1, "{command:?}");
        desk.finish(conn);
        assert_eq!(desk.shard().holdings(), shard::Holdings::default(), "{command:?}");
    }
}

#[test]
fn what_is_refused_is_answered_with_its_error() {
    let limits = Limits { subscriptions_per_connection: 2, payload_bytes: 20, ..Limits::default() };
    let mut desk = Desk::new(&ShardConfig { limits, ..dev() });
    let conn = open(&mut desk);
    let long = "x".repeat(256);
    for (command, code) in [
        ("\"subscribe\":{\"channel\":\"a\"}".to_owned(), 0),
        ("\"subscribe\":{\"channel\":\"a\"}".to_owned(), 105),
        ("\"subscribe\":{\"channel\":\"b\"}".to_owned(), 0),
        ("\"subscribe\":{\"channel\":\"c\"}".to_owned(), 106),
        ("\"unsubscribe\":{\"channel\":\"b\"}".to_owned(), 0),
        (format!("\"subscribe\":{{\"channel\":\"{long}\"}}"), 107),
        ("\"subscribe\":{\"channel\":\"c\",\"type\":1}".to_owned(), 103),
        ("\"publish\":{\"channel\":\"a\",\"data\":\"1234567890123456789\"}".to_owned(), 107),
        ("\"publish\":{\"channel\":\"a\"}".to_owned(), 107),
        ("\"publish\":{\"channel\":\">\",\"data\":1}".to_owned(), 107),
        ("\"presence\":{\"channel\":\"a\"}".to_owned(), 108),
        ("\"history\":{\"channel\":\"a\"}".to_owned(), 108),
        ("\"rpc\":{\"method\":\"m\"}".to_owned(), 108),
    ] {
        let answer = say(&mut desk, conn, &format!("{{\"id\":7,{command}}}"));
        assert!(answer.starts_with("{\"id\":7,"), "{command}: {answer}");
        let error = answer.contains("\"error\":");
        assert_eq!(error, code != 0, "{command}: {answer}");
        assert!(!error || answer.contains(&format!("\"code\":{code},")), "{command}: {answer}");
    }
}

#[test]
fn replies_and_pushes_come_in_order() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..with_history() });
    let (near, far) = (desk.subject_of(0), desk.subject_of(1));
    let conn = open(&mut desk);
    let commands = format!(
        "{{\"id\":2,\"subscribe\":{{\"channel\":\"{far}\"}}}}\n{{\"id\":3,\"publish\":{{\"channel\":\"{far}\",\"data\":1}}}}\n\
         {{\"id\":4,\"subscribe\":{{\"channel\":\"{near}\"}}}}\n{{\"id\":5,\"publish\":{{\"channel\":\"{near}\",\"data\":2}}}}\n\
         {{\"id\":6,\"unsubscribe\":{{\"channel\":\"{far}\"}}}}"
    );
    let heard = lines(&desk.say(conn, frame(0x81, commands)));
    let heads: Vec<_> = heard.iter().map(|line| line.get(..8).unwrap_or(line)).collect();
    assert_eq!(
        heads,
        ["{\"id\":2,", "{\"push\":", "{\"id\":3,", "{\"id\":4,", "{\"push\":", "{\"id\":5,", "{\"id\":6,"]
    );
    assert!(heard[1].contains("\"pub\":{\"data\":1,\"info\":{\"user\":\"\",\"client\":\""), "{}", heard[1]);
    assert!(heard[1].contains("\"},\"offset\":1,\"epoch\":\""), "{}", heard[1]);
    desk.publish(&far, "3");
    assert_eq!(desk.hear(conn), b"", "unsubscribed");
}

#[test]
fn a_session_recovers_what_it_missed_or_is_told() {
    let mut desk = Desk::new(&ShardConfig { namespaces: vec![namespace(">", 3)], ..dev() });
    let epoch = desk.publish("a", "1").split("\"epoch\":\"").nth(1).unwrap()[..6].to_owned();
    for payload in ["2", "3", "4"] {
        desk.publish("a", payload);
    }
    for (offset, epoch, recovered, data) in [
        (2, epoch.as_str(), true, "\"publications\":[{\"data\":3,\"offset\":3},{\"data\":4,\"offset\":4}]"),
        (4, &epoch, true, "\"offset\":4"),
        (1, "", true, "{\"data\":2,\"offset\":2}"),
        (0, &epoch, false, "\"offset\":4"),
        (9, &epoch, false, "\"offset\":4"),
        (2, "AAAAAB", false, "\"offset\":4"),
        (2, "foreign", false, "\"offset\":4"),
    ] {
        let conn = open(&mut desk);
        let command = format!(
            "{{\"id\":2,\"subscribe\":{{\"channel\":\"a\",\"recover\":true,\"offset\":{offset},\"epoch\":\"{epoch}\"}}}}"
        );
        let answer = say(&mut desk, conn, &command);
        assert_eq!(answer.contains("\"recovered\":true"), recovered, "{offset} {epoch}: {answer}");
        assert!(answer.contains("\"was_recovering\":true") && answer.contains(data), "{offset} {epoch}: {answer}");
    }
}

#[test]
fn without_a_history_there_is_no_offset() {
    let mut desk = Desk::new(&dev());
    let conn = open(&mut desk);
    assert_eq!(say(&mut desk, conn, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}"), "{\"id\":2,\"subscribe\":{}}");
    desk.publish("a", "\"x\"");
    assert_eq!(text_of(&desk.hear(conn)), "{\"push\":{\"channel\":\"a\",\"pub\":{\"data\":\"x\"}}}");
}

#[test]
fn who_does_not_connect_is_stale() {
    let mut desk = Desk::new(&dev());
    let conn = begun(&mut desk);
    desk.pass(Duration::from_millis(10_100));
    assert_eq!(close_of(&desk.hear(conn)), (3502, "stale".to_owned()));
}

#[test]
fn bytes_that_are_no_text_end_the_session() {
    let mut desk = Desk::new(&dev());
    let conn = open(&mut desk);
    say(&mut desk, conn, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
    desk.publish("a", "not JSON, but text");
    assert_eq!(text_of(&desk.hear(conn)), "{\"push\":{\"channel\":\"a\",\"pub\":{\"data\":\"not JSON, but text\"}}}");
    desk.say_alone(b"POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n\xff");
    assert_eq!(close_of(&desk.hear(conn)), (3506, "inappropriate protocol".to_owned()));
}

/// Condemned in the turn of its upgrade: the answer to that comes before the close frame all the same.
#[test]
fn a_close_does_not_overtake_the_upgrade() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    let commands = frame(0x81, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
    desk.tell(conn, [upgrade("/connection/websocket").into_bytes(), commands].concat());
    desk.say_alone(b"POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n\xff");
    let heard = desk.hear(conn);
    assert!(heard.starts_with(b"HTTP/1.1 101 "), "{}", heard.escape_ascii());
    assert!(heard.ends_with(b"inappropriate protocol"), "{}", heard.escape_ascii());
}

#[test]
fn a_quiet_session_holds_nothing_after_a_fragmented_command_that_had_to_wait() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let far = desk.subject_of(1);
    let conn = open(&mut desk);
    let command = format!("{{\"id\":2,\"subscribe\":{{\"channel\":\"{far}\"}}}}");
    let (begin, end) = command.split_at(9);
    let heard = desk.say(conn, [frame(0x01, begin), frame(0x80, end)].concat());
    assert!(text_of(&heard).starts_with("{\"id\":2,\"subscribe\":"));
    assert_eq!(desk.shard().holdings().lent, 0);
}

#[test]
fn a_half_closed_session_gets_its_reply_and_ends() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..dev() });
    let far = desk.subject_of(1);
    for command in [
        format!("\"subscribe\":{{\"channel\":\"{far}\"}}"),
        format!("\"publish\":{{\"channel\":\"{far}\",\"data\":1}}"),
    ] {
        let conn = open(&mut desk);
        desk.tell(conn, frame(0x81, format!("{{\"id\":2,{command}}}")));
        desk.finish(conn);
        assert!(text_of(&desk.hear(conn)).starts_with("{\"id\":2,"), "{command}");
        assert!(desk.is_closed(conn), "{command}");
    }
    assert_eq!(desk.shard().holdings(), shard::Holdings::default());
}

/// `null` was taken for no data, and refused with 107.
#[test]
fn null_is_published_like_any_value() {
    let mut desk = Desk::new(&dev());
    let conn = open(&mut desk);
    say(&mut desk, conn, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
    let heard = lines(&desk.say(conn, frame(0x81, "{\"id\":3,\"publish\":{\"channel\":\"a\",\"data\":null}}")));
    assert!(heard[0].contains("\"pub\":{\"data\":null,"), "{heard:?}");
    assert_eq!(heard[1], "{\"id\":3,\"publish\":{}}");
}
