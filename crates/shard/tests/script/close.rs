//! Close codes: per bad frame, in the handshake of both sides, per bad publication.
use shard::{Limits, Refusal, ShardConfig};

use crate::desk::{Desk, close_of, dev, frame};

/// An open WebSocket.
#[test]
fn a_bad_frame_is_told_its_code_and_counted() {
    let unmasked = b"\x81\x01a".to_vec();
    let long_ping = [&[0x89, 0xfe, 0x00, 0x7e, 0, 0, 0, 0][..], &[0; 126]].concat();
    let cases: &[(&str, Vec<u8>, u16, Refusal)] = &[
        ("unmasked", unmasked, 1002, Refusal::BadFrame),
        ("reserved bit", frame(0xc1, "a"), 1002, Refusal::BadFrame),
        ("reserved opcode", frame(0x83, "a"), 1002, Refusal::BadFrame),
        ("fragmented ping", frame(0x09, "a"), 1002, Refusal::BadFrame),
        ("long ping", long_ping, 1002, Refusal::BadFrame),
        ("continuation of nothing", frame(0x80, "a"), 1002, Refusal::BadFrame),
        ("a second begin", [frame(0x01, "a"), frame(0x81, "b")].concat(), 1002, Refusal::BadFrame),
        ("close of one byte", frame(0x88, "a"), 1002, Refusal::BadFrame),
        ("close with 1005", frame(0x88, 1005_u16.to_be_bytes()), 1002, Refusal::BadFrame),
        ("text that is not UTF-8", frame(0x81, b"\xff"), 1007, Refusal::BadText),
        ("a close reason that is not UTF-8", frame(0x88, b"\x03\xe8\xff"), 1007, Refusal::BadText),
        ("a frame too large", b"\x82\xff\0\0\0\0\0\x10\0\x01".to_vec(), 1009, Refusal::TooLarge),
    ];
    for (what, bytes, code, refusal) in cases {
        let mut desk = Desk::new(&dev());
        let conn = desk.open("/sub/a");
        let (got, reason) = close_of(&desk.say(conn, bytes));
        assert_eq!(got, *code, "{what}");
        assert!(!reason.is_empty(), "{what}: without a reason");
        assert_eq!(desk.refusals(*refusal), 1, "{what}");
        assert!(desk.is_shut(conn), "{what}");
        desk.finish(conn);
        assert!(desk.is_closed(conn), "{what}");
        assert_eq!(desk.report().subscriptions, 0, "{what}");
        assert_eq!(desk.shard().holdings(), shard::Holdings::default(), "{what}");
    }
}

#[test]
fn the_peers_close_comes_back_and_the_connection_ends() {
    let mut desk = Desk::new(&dev());
    let conn = desk.open("/sub/a");
    let answer = desk.say(conn, frame(0x88, [&4321_u16.to_be_bytes()[..], b"bye"].concat()));
    assert_eq!(close_of(&answer), (4321, "bye".to_owned()));
    assert!(desk.is_shut(conn));
    let conn = desk.open("/sub/a");
    assert_eq!(desk.say(conn, frame(0x88, "")), b"\x88\0");
}

#[test]
fn nothing_is_heard_after_a_close() {
    let mut desk = Desk::new(&dev());
    let conn = desk.open("/echo");
    let both = [frame(0x88, 1000_u16.to_be_bytes()), frame(0x81, "late")].concat();
    assert_eq!(close_of(&desk.say(conn, both)).0, 1000);
    assert_eq!(desk.say(conn, frame(0x89, "?")), b"");
}

#[test]
fn a_peer_that_does_not_close_is_closed_after_a_while() {
    let mut desk = Desk::new(&dev());
    let conn = desk.open("/sub/a");
    desk.say(conn, frame(0x88, 1000_u16.to_be_bytes()));
    desk.pass(std::time::Duration::from_millis(4_900));
    assert!(!desk.is_closed(conn));
    desk.pass(std::time::Duration::from_millis(200));
    assert!(desk.is_closed(conn));
}

#[test]
fn an_echo_returns_what_came_as_it_came() {
    let mut desk = Desk::new(&dev());
    let conn = desk.open("/echo");
    assert_eq!(desk.say(conn, frame(0x81, "hé")), b"\x81\x03h\xc3\xa9");
    assert_eq!(desk.say(conn, frame(0x82, b"\0\xff")), b"\x82\x02\0\xff");
    assert_eq!(desk.say(conn, [frame(0x01, "a"), frame(0x89, "p"), frame(0x80, "b")].concat()), b"\x8a\x01p\x81\x02ab");
}

#[test]
fn a_bad_publication_closes_the_stream_with_a_reason() {
    let cases: &[(&str, Vec<u8>, u16, &str)] = &[
        ("text", frame(0x81, "\u{1}ax"), 1003, "a publication is a binary frame"),
        ("empty", frame(0x82, ""), 1007, "an empty frame"),
        ("no subject", frame(0x82, "\0x"), 1007, "a subject of no bytes"),
        ("short", frame(0x82, "\u{5}ab"), 1007, "ends within its subject"),
        ("not UTF-8", frame(0x82, b"\x01\xffx"), 1007, "not UTF-8"),
        ("wildcard", frame(0x82, "\u{1}>x"), 1008, "wildcard"),
        ("too large", frame(0x82, "\u{1}a12345678901"), 1009, "at most 10 bytes"),
    ];
    let limits = Limits { payload_bytes: 10, ..Limits::default() };
    for (what, bytes, code, words) in cases {
        let mut desk = Desk::new(&ShardConfig { limits, ..dev() });
        let conn = desk.open("/pub");
        let (got, reason) = close_of(&desk.say(conn, bytes));
        assert_eq!(got, *code, "{what}");
        assert!(reason.contains(words), "{what}: {reason}");
    }
    let mut desk = Desk::new(&ShardConfig { limits, ..dev() });
    let conn = desk.open("/pub");
    assert_eq!(desk.say(conn, frame(0x82, "\u{1}a1234567890")), b"", "what just fits is published");
    assert_eq!(desk.report().messages_in, 1);
}
