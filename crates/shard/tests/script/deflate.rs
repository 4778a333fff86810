//! Compressed messages: who gets them, what they are for whoever else is there, and what a peer can do wrong with them.
use std::time::Duration;

use base::ConnId;
use shard::{Compression, Limits, Refusal, ShardConfig};
use wire::deflate::{Deflater, Inflater, Window};
use wire::frame::{Decoder, Event, Opcode, Role, header};

use crate::desk::{Desk, close_of, dev, frame, upgrade, with_history};

const OFFER: &str = "permessage-deflate; client_max_window_bits";
const AGREED: &str =
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover";

fn config() -> ShardConfig {
    ShardConfig { compression: Compression { enabled: true, ..Compression::default() }, ..dev() }
}

/// An upgrade with an offer.
fn offer(target: &str, offer: &str) -> String {
    upgrade(target).replace("Host: h\r\n", &format!("Host: h\r\nSec-WebSocket-Extensions: {offer}\r\n"))
}

fn open(desk: &mut Desk, target: &str, offered: &str) -> ConnId {
    let conn = desk.connect();
    let answer = desk.ask(conn, offer(target, offered));
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains(AGREED), "{answer}");
    conn
}

/// A compressed message as a client sends it, masked with zeros.
fn squeezed(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let plain = [header(opcode, payload.len()).as_slice(), payload].concat();
    let whole = Deflater::new(6).frames(&plain, Window::Bits15, 0).expect("it gets shorter");
    let start = match whole[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    frame(whole[0], &whole[start..])
}

/// What a client reads: payloads, and whether each came compressed.
fn read(mut bytes: Vec<u8>) -> Vec<(bool, String)> {
    let most = 1 << 20;
    let decoder =
        Decoder { role: Role::Client, frame_bytes_max: most, message_bytes_max: most, inflated_bytes_max: Some(most) };
    let (mut used, mut all) = (0, Vec::new());
    loop {
        let deflated = bytes.get(used).is_some_and(|first| first & 0x40 != 0);
        let (mut partial, mut inflater) = (None, Inflater::default());
        match decoder.next_inflating(&mut partial, &mut bytes, &mut used, &mut inflater).unwrap() {
            Some(Event::Message { payload, .. }) => all.push((deflated, String::from_utf8(payload.to_vec()).unwrap())),
            Some(other) => panic!("{other:?}"),
            None => return all,
        }
    }
}

fn hear(desk: &mut Desk, conn: ConnId) -> Vec<(bool, String)> {
    read(desk.hear(conn))
}

const TARGETS: [&str; 5] =
    ["/sub/a", "/pub", "/connection/websocket", "/connection/websocket?format=protobuf", "/echo"];

#[test]
fn it_is_agreed_to_where_the_settings_say_so() {
    for target in TARGETS {
        let answer = Desk::new(&config()).request(offer(target, OFFER));
        assert!(answer.contains(AGREED), "{target}: {answer}");
        // Off, it is declined; `/echo` has it in development, for those who test servers.
        let answer = Desk::new(&dev()).request(offer(target, OFFER));
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert_eq!(answer.contains("Sec-WebSocket-Extensions"), target == "/echo", "{target}: {answer}");
        let answer = Desk::new(&config()).request(offer(target, "permessage-deflate; server_max_window_bits=10"));
        assert!(answer.contains("; server_max_window_bits=9\r\n"), "{target}: {answer}");
        for declined in ["permessage-deflate; server_max_window_bits=8", "permessage-deflate; level=3", "x"] {
            let answer = Desk::new(&config()).request(offer(target, declined));
            assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
            assert!(!answer.contains("Sec-WebSocket-Extensions"), "{target}: {answer}");
        }
        for config in [config(), dev()] {
            let mut desk = Desk::new(&config);
            let answer = desk.request(offer(target, "permessage-deflate; ="));
            assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
            assert_eq!(desk.refusals(Refusal::BadUpgrade), 1);
        }
    }
}

#[test]
fn without_it_no_frame_may_claim_to_be_compressed() {
    for target in TARGETS {
        let mut desk = Desk::new(&config());
        let conn = desk.open(target);
        let answer = desk.say(conn, squeezed(Opcode::Text, &[b'a'; 100]));
        assert_eq!(close_of(&answer).0, 1002, "{target}");
    }
}

#[test]
fn an_echo_is_compressed_if_that_makes_it_shorter() {
    let mut desk = Desk::new(&dev());
    let conn = open(&mut desk, "/echo", OFFER);
    let long = "to be or not to be, ".repeat(20);
    for text in [&*long, "short"] {
        let sent = if text == "short" { frame(0x81, text) } else { squeezed(Opcode::Text, text.as_bytes()) };
        let heard = desk.say(conn, sent);
        assert_eq!(read(heard), [(text != "short", text.to_owned())]);
    }
    // In pieces, with a ping between them; then uncompressed.
    let whole = squeezed(Opcode::Binary, long.as_bytes());
    let payload = &whole[6..];
    let pieces = [frame(0x42, &payload[..9]), frame(0x89, "p"), frame(0x00, ""), frame(0x80, &payload[9..])].concat();
    for byte in pieces {
        desk.tell(conn, [byte]);
    }
    desk.settle();
    let heard = desk.hear(conn);
    assert_eq!(heard[..3], [0x8a, 1, b'p']);
    assert_eq!(read(heard[3..].to_vec()), [(true, long.clone())]);
    let heard = desk.say(conn, frame(0x81, &long));
    assert_eq!(read(heard), [(true, long)]);
    assert_eq!(desk.holdings()[0].lent, 0, "a quiet connection holds nothing");
}

#[test]
fn what_a_peer_can_do_wrong() {
    let limits = Limits { frame_bytes: 4_000, message_bytes: 4_000, command_bytes: 4_000, ..Limits::default() };
    let compression = Compression { enabled: true, command_bytes: 40_000, ..Compression::default() };
    let invalid = frame(0xc1, [0xff, 0xff, 0xff]);
    let not_text = squeezed(Opcode::Text, &[0xff; 100]);
    for (target, bound) in [("/sub/a", 4_000), ("/connection/websocket", 40_000)] {
        for (bytes, code, refusal) in [
            (&invalid, 1007, Refusal::BadText),
            (&not_text, 1007, Refusal::BadText),
            (&squeezed(Opcode::Text, &vec![b' '; bound + 1]), 1009, Refusal::TooLarge),
            (&frame(0xc9, "ping"), 1002, Refusal::BadFrame),
            (&frame(0xa1, "rsv2"), 1002, Refusal::BadFrame),
            (&[frame(0x41, [0xf2]), frame(0xc0, [0x48])].concat(), 1002, Refusal::BadFrame),
        ] {
            let mut desk = Desk::new(&ShardConfig { limits, compression, ..dev() });
            let conn = open(&mut desk, target, OFFER);
            let other = open(&mut desk, "/echo", OFFER);
            let answer = desk.say(conn, bytes);
            assert_eq!(close_of(&answer).0, code, "{target}: {bytes:x?}");
            assert_eq!(desk.refusals(refusal), 1);
            // Nobody else is disturbed.
            let text = "still here, still here, still here, still here";
            let heard = desk.say(other, squeezed(Opcode::Text, text.as_bytes()));
            assert_eq!(read(heard), [(true, text.to_owned())]);
        }
    }
    // As large as it may be.
    let mut desk = Desk::new(&ShardConfig { limits, compression, ..dev() });
    let conn = open(&mut desk, "/connection/websocket", OFFER);
    let connect = format!("{{\"id\":1,\"connect\":{{\"name\":\"{}\"}}}}", "x".repeat(40_000 - 35));
    let heard = desk.say(conn, squeezed(Opcode::Text, connect.as_bytes()));
    assert!(read(heard)[0].1.starts_with("{\"id\":1,\"connect\":{"));
}

#[test]
fn commands_and_replies_of_both_encodings() {
    let mut desk = Desk::new(&ShardConfig { compression: config().compression, ..with_history() });
    let conn = open(&mut desk, "/connection/websocket", OFFER);
    let heard = desk.say(conn, squeezed(Opcode::Text, br#"{"id":1,"connect":{"name":"nnnnnnnnnnnnnnnnnnnnnnnnnnn"}}"#));
    assert!(read(heard)[0].1.starts_with(r#"{"id":1,"connect":{"client":"#));
    for _ in 0..20 {
        desk.publish("news", r#"{"what":"happened","where":"here"}"#);
    }
    let heard = desk.say(conn, frame(0x81, r#"{"id":2,"history":{"channel":"news","limit":20}}"#));
    let compressed = heard.len();
    let [(true, text)] = &read(heard)[..] else { panic!("a long reply is compressed") };
    assert!(text.matches("happened").count() == 20 && compressed * 3 < text.len(), "{compressed} of {}", text.len());
    let conn = open(&mut desk, "/connection/websocket?format=protobuf", OFFER);
    // Command { id: 1, connect: { name } }
    let name = [b'n'; 50];
    let command = [&[56, 8, 1, 34, 52, 34, 50][..], &name].concat();
    let heard = desk.say(conn, squeezed(Opcode::Binary, &command));
    assert_eq!(heard[0] & 0xbf, 0x82, "{heard:?}");
}

#[test]
fn a_publish_stream_may_compress() {
    let mut desk = Desk::new(&config());
    let listener = desk.open("/sub/a");
    let conn = open(&mut desk, "/pub", OFFER);
    let payload = "well, well, well, well, well, well, well, well";
    desk.say(conn, squeezed(Opcode::Binary, format!("\u{1}a{payload}").as_bytes()));
    assert_eq!(hear(&mut desk, listener), [(false, payload.to_owned())]);
}

#[test]
fn a_publication_is_compressed_once_for_all_who_take_it() {
    let mut desk = Desk::new(&config());
    let small = "permessage-deflate; server_max_window_bits=10";
    let connect = r#"{"id":1,"connect":{}}{"id":2,"subscribe":{"channel":"a"}}"#.replace("}{\"id\":2", "}\n{\"id\":2");
    let mut listeners = Vec::new();
    for _ in 0..20 {
        listeners.push((desk.open("/sub/a"), false, false));
        for offered in [OFFER, small] {
            listeners.push((open(&mut desk, "/sub/a", offered), true, false));
            let conn = open(&mut desk, "/connection/websocket", offered);
            desk.say(conn, frame(0x81, &connect));
            listeners.push((conn, true, true));
        }
    }
    // Short enough for every window: once as it is, once as Centrifugo's clients have it. Longer: in both windows.
    for (payload, times) in [("\"yes and no and yes and no\"".repeat(10), 2), ("\"yes and no\",".repeat(500), 4)] {
        let payload =
            format!("[{}0]", payload.replace("\"\"", "\",\"") + if payload.ends_with(',') { "" } else { "," });
        let before = desk.report().deflated;
        desk.publish("a", &payload);
        assert_eq!(desk.report().deflated - before, times);
        for &(conn, deflated, session) in &listeners {
            let bytes = desk.hear(conn);
            assert_eq!(bytes.len() < payload.len(), deflated);
            let [(came, text)] = &read(bytes)[..] else { panic!("one message") };
            assert_eq!(*came, deflated);
            let whole = if session {
                format!(r#"{{"push":{{"channel":"a","pub":{{"data":{payload}}}}}}}"#)
            } else {
                payload.clone()
            };
            assert_eq!(*text, whole);
        }
    }
    assert_eq!(desk.holdings()[0].lent, 0);
}

#[test]
fn what_is_too_short_is_sent_as_it_is() {
    let compression = Compression { payload_bytes: 200, ..config().compression };
    let mut desk = Desk::new(&ShardConfig { compression, ..dev() });
    let listener = open(&mut desk, "/sub/a", OFFER);
    for (length, deflated) in [(200, false), (201, true)] {
        let payload = "a".repeat(length);
        desk.publish("a", &payload);
        assert_eq!(hear(&mut desk, listener), [(deflated, payload)]);
    }
}

#[test]
fn a_run_is_compressed_message_by_message() {
    let mut desk = Desk::new(&config());
    let listeners = [open(&mut desk, "/sub/a", OFFER), open(&mut desk, "/sub/a", OFFER), desk.open("/sub/a")];
    let publisher = desk.open("/pub");
    let payloads: Vec<_> = (0..10).map(|number| format!("{number} and again {number}, ").repeat(10)).collect();
    let frames: Vec<_> = payloads.iter().map(|payload| frame(0x82, format!("\u{1}a{payload}"))).collect();
    desk.tell(publisher, frames.concat());
    desk.settle();
    for (listener, deflated) in listeners.into_iter().zip([true, true, false]) {
        let heard: Vec<_> = payloads.iter().map(|payload| (deflated, payload.clone())).collect();
        assert_eq!(hear(&mut desk, listener), heard);
    }
    assert_eq!(desk.report().deflated, 10);
}

#[test]
fn what_comes_before_the_handshake_is_answered_is_compressed_too() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..config() });
    let subject = desk.subject_of(1);
    let payload = "now or never, ".repeat(10);
    let listener = desk.connect();
    desk.tell(listener, offer(&format!("/sub/{subject}"), OFFER));
    desk.settle();
    desk.publish(&subject, &payload);
    let heard = desk.hear(listener);
    let end = heard.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(String::from_utf8_lossy(&heard[..end]).contains(AGREED));
    assert_eq!(read(heard[end..].to_vec()), [(true, payload)]);
}

#[test]
fn control_frames_stay_as_they_are() {
    let mut config = config();
    config.heartbeat.ping_interval = Duration::from_secs(20);
    let mut desk = Desk::new(&config);
    let conn = open(&mut desk, "/sub/a", OFFER);
    desk.pass(Duration::from_secs(20));
    assert_eq!(desk.hear(conn), [0x89, 0]);
    let answer = desk.say(conn, frame(0x89, [b'a'; 125]));
    assert_eq!(answer, [&[0x8a, 125][..], &[b'a'; 125]].concat());
    let answer = desk.say(conn, frame(0x88, [&[0x03, 0xe8][..], &[b'a'; 100]].concat()));
    assert_eq!(close_of(&answer), (1000, "a".repeat(100)));
}

#[test]
fn another_level_holds_from_now_on() {
    let mut desk = Desk::new(&config());
    let listener = open(&mut desk, "/sub/a", OFFER);
    let payload: String = (0..600).map(|number| format!("{},", number * number % 997)).collect();
    let mut lengths = Vec::new();
    for level in [1, 9] {
        let compression = Compression { level, ..config().compression };
        let config = Box::new(ShardConfig { compression, ..config() });
        desk.handle(shard::Input::Command { ticket: shard::Ticket(9), command: shard::Command::Configure(config) });
        desk.publish("a", &payload);
        let heard = desk.hear(listener);
        lengths.push(heard.len());
        assert_eq!(read(heard), [(true, payload.clone())]);
    }
    assert!(lengths[1] < lengths[0], "{lengths:?}");
    assert_eq!(desk.report().deflated, 2);
}
