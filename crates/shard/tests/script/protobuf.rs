//! Centrifugo sessions in Protobuf: how they are asked for, what they hear, what ends them; beside sessions in JSON.
use std::time::Duration;

use base::ConnId;
use prost::Message as _;
use protocol::centrifugo_protobuf::message::{
    ChannelRequest, Command, Empty, HistoryRequest, PublishRequest, Reply, SubscribeRequest,
};
use shard::{Heartbeat, Refusal, ShardConfig};

use crate::desk::{Desk, close_of, dev, frame, text_of, upgrade, with_history};
use crate::session;

fn begun(desk: &mut Desk) -> ConnId {
    desk.open("/connection/websocket?format=protobuf")
}

fn open(desk: &mut Desk) -> ConnId {
    let conn = begun(desk);
    let reply = one(&desk.say(conn, frame(0x82, command(&connect(1)))));
    let connect = reply.connect.unwrap();
    assert!(reply.id == 1 && connect.client.len() == 36 && connect.version.starts_with("ringcast "), "{connect:?}");
    conn
}

fn connect(id: u32) -> Command {
    Command { id, connect: Some(Default::default()), ..Command::default() }
}

fn subscribe(id: u32, channel: &str) -> Command {
    let subscribe = SubscribeRequest { channel: channel.into(), ..SubscribeRequest::default() };
    Command { id, subscribe: Some(subscribe), ..Command::default() }
}

fn publish(id: u32, channel: &str, data: &[u8]) -> Command {
    let publish = PublishRequest { channel: channel.into(), data: data.into() };
    Command { id, publish: Some(publish), ..Command::default() }
}

fn command(command: &Command) -> Vec<u8> {
    command.encode_length_delimited_to_vec()
}

/// The replies of all frames, which are binary.
fn replies(mut bytes: &[u8]) -> Vec<Reply> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        assert_eq!(bytes[0], 0x82, "no binary frame: {}", bytes.escape_ascii());
        let (start, length) = match bytes[1] {
            126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
            short => (2, usize::from(short)),
        };
        let mut frame = &bytes[start..start + length];
        bytes = &bytes[start + length..];
        while !frame.is_empty() {
            all.push(Reply::decode_length_delimited(&mut frame).unwrap());
        }
    }
    all
}

fn one(bytes: &[u8]) -> Reply {
    let mut all = replies(bytes);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn the_encoding_is_chosen_by_subprotocol_or_query() {
    let mut desk = Desk::new(&dev());
    for (query, offered, echoed, protobuf) in [
        ("", "", "", false),
        ("?format=json&cf_protocol_version=v2", "", "", false),
        ("?format=protobuf", "", "", true),
        ("?cf_protocol=protobuf", "", "", true),
        ("", "centrifuge-json", "centrifuge-json", false),
        ("", "centrifuge-protobuf", "centrifuge-protobuf", true),
        ("", "other, centrifuge-protobuf, centrifuge-json", "centrifuge-protobuf", true),
        ("?format=protobuf", "centrifuge-json, centrifuge-protobuf", "centrifuge-json", true),
        ("", "other", "", false),
    ] {
        let offer = if offered.is_empty() { "" } else { &format!("\r\nSec-WebSocket-Protocol: {offered}") };
        let request =
            upgrade(&format!("/connection/websocket{query}")).replace("\r\n\r\n", &format!("{offer}\r\n\r\n"));
        let conn = desk.connect();
        let answer = desk.ask(conn, request);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        let echo = answer.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        assert_eq!(echo.unwrap_or(""), echoed, "{query} {offered}");
        let heard = desk.say(
            conn,
            if protobuf { frame(0x82, command(&connect(1))) } else { frame(0x81, "{\"id\":1,\"connect\":{}}") },
        );
        assert_eq!(heard[0], if protobuf { 0x82 } else { 0x81 }, "{query} {offered}");
    }
    let connections = desk.report().connections;
    assert_eq!((connections[7], connections[8]), (4, 5), "sessions are counted by their dialect");
}

#[test]
fn several_commands_in_a_frame_are_answered_in_order() {
    let mut desk = Desk::new(&ShardConfig { shards: 2, ..with_history() });
    let (near, far) = (desk.subject_of(0), desk.subject_of(1));
    let conn = open(&mut desk);
    let unsubscribe = ChannelRequest { channel: far.clone() };
    let history = HistoryRequest { channel: near.clone(), limit: -1, ..HistoryRequest::default() };
    let commands = [
        subscribe(2, &far),
        publish(3, &far, b"\x00\xff"),
        subscribe(4, &near),
        publish(5, &near, b"{}"),
        Command { id: 6, unsubscribe: Some(unsubscribe), ..Command::default() },
        Command { id: 7, history: Some(history), ..Command::default() },
        Command { id: 8, presence: Some(ChannelRequest { channel: near.clone() }), ..Command::default() },
    ];
    let heard = replies(&desk.say(conn, frame(0x82, commands.iter().flat_map(command).collect::<Vec<_>>())));
    assert_eq!(heard.iter().map(|reply| reply.id).collect::<Vec<_>>(), [2, 0, 3, 4, 0, 5, 6, 7, 8]);
    let subscribed = heard[0].subscribe.as_ref().unwrap();
    assert!(subscribed.recoverable && subscribed.positioned && subscribed.epoch.len() == 6 && subscribed.offset == 0);
    let push = heard[1].push.as_ref().unwrap();
    let publication = push.publication.as_ref().unwrap();
    assert_eq!((&push.channel, &*publication.data, publication.offset), (&far, &b"\x00\xff"[..], 1));
    assert_eq!(publication.info.as_ref().unwrap().client.len(), 36);
    assert_eq!(heard[2].publish, Some(Empty {}));
    assert_eq!(heard[6].unsubscribe, Some(Empty {}));
    let history = heard[7].history.as_ref().unwrap();
    assert_eq!((history.offset, &*history.publications[0].data), (1, &b"{}"[..]));
    let error = heard[8].error.as_ref().unwrap();
    assert_eq!((error.code, &*error.message, error.temporary), (108, "not available", false));
    // The opcode is nobody's business as long as a text frame is text.
    assert_eq!(one(&desk.say(conn, frame(0x81, command(&subscribe(9, "c"))))).id, 9);
}

#[test]
fn a_session_recovers_bytes_as_they_were() {
    let mut desk = Desk::new(&with_history());
    let (publisher, conn) = (open(&mut desk), open(&mut desk));
    for number in 1..=3 {
        desk.say(publisher, frame(0x82, command(&publish(number, "a", &[0xfe, u8::try_from(number).unwrap()]))));
    }
    let mut recover = subscribe(2, "a");
    if let Some(subscribe) = &mut recover.subscribe {
        subscribe.recover = true;
        subscribe.offset = 1;
    }
    let result = one(&desk.say(conn, frame(0x82, command(&recover)))).subscribe.unwrap();
    assert!(result.recovered && result.was_recovering);
    assert_eq!(result.offset, 1, "from the client's own offset publications bring it to the top");
    let missed: Vec<_> = result.publications.iter().map(|one| (one.offset, one.data.clone())).collect();
    assert_eq!(missed, [(2, vec![0xfe, 2]), (3, vec![0xfe, 3])]);
}

/// One subject, all kinds of listeners: each hears the bytes as its dialect says them.
#[test]
fn clients_of_all_dialects_hear_each_other() {
    let mut desk = Desk::new(&dev());
    let (protobuf, json) = (open(&mut desk), session::open(&mut desk));
    let plain = desk.open("/sub/a");
    desk.say(protobuf, frame(0x82, command(&subscribe(2, "a"))));
    session::say(&mut desk, json, "{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}");
    let publisher = open(&mut desk);
    let told = |desk: &mut Desk| one(&desk.hear(protobuf)).push.unwrap().publication.unwrap().data;

    desk.say(publisher, frame(0x82, command(&publish(9, "a", b"{\"n\": 1}"))));
    assert_eq!(told(&mut desk), b"{\"n\": 1}");
    assert!(text_of(&desk.hear(json)).contains("\"data\":{\"n\": 1},\"info\":"));
    assert_eq!(desk.hear(plain), b"\x81\x08{\"n\": 1}");

    desk.say(json, frame(0x81, "{\"id\":3,\"publish\":{\"channel\":\"a\",\"data\":[ \"\u{e9}\"]}}"));
    assert_eq!(told(&mut desk), "[ \"\u{e9}\"]".as_bytes());
    desk.hear(plain);

    desk.publish("a", "words");
    assert_eq!(told(&mut desk), b"words");
    assert!(text_of(&desk.hear(json)).contains("\"data\":\"words\""));
    desk.hear(plain);

    // Bytes that are no JSON, from a client that may send any: the JSON session can't be told, and ends; nobody else does.
    desk.say(publisher, frame(0x82, command(&publish(10, "a", b"no JSON"))));
    assert_eq!(told(&mut desk), b"no JSON");
    assert_eq!(desk.hear(plain), b"\x82\x07no JSON");
    assert_eq!(close_of(&desk.hear(json)), (3506, "inappropriate protocol".to_owned()));
    assert!(!desk.is_shut(protobuf) && !desk.is_shut(publisher) && !desk.is_shut(plain));
}

/// Publications of one turn reach each session in one frame a publication, sent together.
#[test]
fn a_run_is_told_in_order() {
    let mut desk = Desk::new(&with_history());
    let conns = [open(&mut desk), open(&mut desk)];
    for conn in conns {
        desk.say(conn, frame(0x82, command(&subscribe(2, "a"))));
    }
    let publisher = desk.open("/pub");
    let batch: Vec<u8> = (0..5_u8).flat_map(|number| frame(0x82, [1, b'a', number, 0xff])).collect();
    desk.say(publisher, batch);
    for conn in conns {
        let heard = replies(&desk.hear(conn));
        let data = |reply: &Reply| reply.push.as_ref().unwrap().publication.as_ref().unwrap().data.clone();
        assert_eq!(
            heard.iter().map(data).collect::<Vec<_>>(),
            (0..5).map(|number| vec![number, 0xff]).collect::<Vec<_>>()
        );
    }
}

#[test]
fn what_breaks_the_protocol_closes_with_its_code() {
    let id = |id| Command { id, ..Command::default() };
    let deep: Vec<u8> = [vec![0xc0, 0x3e], vec![0x13; 8_000]].concat();
    for (connected, bytes, code) in [
        (false, command(&subscribe(1, "a")), 3501),
        (false, vec![0], 3501),
        (false, command(&connect(0)), 3501),
        (true, vec![0], 3501),
        (true, command(&connect(2)), 3501),
        (true, command(&id(2)), 3501),
        (true, command(&Command { ping: Some(Empty {}), ..id(2) }), 3501),
        (true, command(&subscribe(2, "")), 3501),
        (true, command(&publish(2, "", b"1")), 3501),
        (true, command(&Command { send: Some(Default::default()), ..id(0) }), 3508),
        // Nothing, cut off, huge, not a field, a field of another type, nested without end, text.
        (true, vec![], 3501),
        (true, command(&subscribe(2, "abc"))[..5].to_vec(), 3501),
        (true, vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0x08], 3501),
        (true, vec![0xff; 11], 3501),
        (true, vec![1, 0x16], 3501),
        (true, vec![2, 0x28, 1], 3501),
        (true, deep, 3501),
        (true, b"{\"id\":2,\"subscribe\":{\"channel\":\"a\"}}".to_vec(), 3501),
    ] {
        let mut desk = Desk::new(&dev());
        let conn = if connected { open(&mut desk) } else { begun(&mut desk) };
        let (got, reason) = close_of(&desk.say(conn, frame(0x82, &bytes)));
        let shown = bytes[..bytes.len().min(40)].escape_ascii();
        assert!(got == code && !reason.is_empty(), "{got} {reason} for {shown}");
        assert_eq!(desk.refusals(Refusal::BadCommand), 1, "{shown}");
        desk.finish(conn);
        assert_eq!(desk.shard().holdings(), shard::Holdings::default(), "{shown}");
    }
}

/// However TCP cuts a script of bytes into pieces, the answers are the same.
#[test]
fn pieces_make_no_difference() {
    let script = |desk: &mut Desk, cut: Option<usize>| {
        let conn = begun(desk);
        let commands = [command(&connect(1)), command(&subscribe(2, "a"))].concat();
        let bytes = [frame(0x82, commands), frame(0x82, command(&publish(3, "a", &[0x80; 200])))].concat();
        let pieces = cut.map_or(vec![&bytes[..]], |cut| vec![&bytes[..cut], &bytes[cut..]]);
        let heard: Vec<u8> = pieces.into_iter().flat_map(|piece| desk.say(conn, piece)).collect();
        let ids: Vec<u32> = replies(&heard).iter().map(|reply| reply.id).collect();
        assert_eq!(desk.shard().holdings().lent, 0, "{cut:?}");
        (ids, bytes.len())
    };
    let (ids, length) = script(&mut Desk::new(&dev()), None);
    assert_eq!(ids, [1, 2, 0, 3]);
    for cut in 1..length {
        assert_eq!(script(&mut Desk::new(&dev()), Some(cut)).0, ids, "cut at {cut}");
    }
}

fn pinged() -> ShardConfig {
    let heartbeat = Heartbeat {
        ping_interval: Duration::from_secs(20),
        pong_timeout: Duration::from_secs(8),
        idle_close: Duration::ZERO,
    };
    ShardConfig { heartbeat, ..dev() }
}

#[test]
fn pings_are_empty_replies_and_pongs_empty_commands() {
    let mut desk = Desk::new(&pinged());
    let (alive, dead) = (open(&mut desk), open(&mut desk));
    desk.pass(Duration::from_millis(20_100));
    for conn in [alive, dead] {
        assert_eq!(desk.hear(conn), b"\x82\x01\x00");
    }
    assert_eq!(desk.say(alive, frame(0x82, [0])), b"");
    desk.pass(Duration::from_secs(9));
    assert_eq!(close_of(&desk.hear(dead)), (3012, "no pong".to_owned()));
    assert!(!desk.is_shut(alive));
    assert_eq!(close_of(&desk.say(alive, frame(0x82, [0]))).0, 3501, "one pong a ping");
}

#[test]
fn frame_pings_take_the_place_of_the_dialects_own() {
    let target = "/connection/websocket?cf_ws_frame_ping_pong=true";
    let mut desk = Desk::new(&pinged());
    let (json, protobuf) = (desk.open(target), desk.open(&format!("{target}&format=protobuf")));
    let connected = desk.say(json, frame(0x81, "{\"id\":1,\"connect\":{}}"));
    assert!(!text_of(&connected).contains("\"ping\"") && !text_of(&connected).contains("\"pong\""));
    let connected = one(&desk.say(protobuf, frame(0x82, command(&connect(1))))).connect.unwrap();
    assert!(connected.ping == 0 && !connected.pong);
    let mut pings = 0;
    for _ in 0..900 {
        desk.pass(Duration::from_millis(100));
        let heard = desk.hear(json);
        if !heard.is_empty() {
            assert_eq!(heard, b"\x89\x00");
            desk.say(json, frame(0x8a, ""));
            pings += 1;
        }
    }
    assert!((3..=5).contains(&pings), "{pings} pings in 90 seconds");
    let heard = desk.hear(protobuf);
    assert_eq!(heard[..2], [0x89, 0], "pinged, and never answered");
    assert_eq!(close_of(&heard[2..]), (3012, "no pong".to_owned()));
    assert_eq!(close_of(&desk.say(json, frame(0x81, "{}"))).0, 3501, "nobody asked for a pong of the dialect");
}
