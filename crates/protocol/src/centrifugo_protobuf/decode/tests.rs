//! What arrives: commands as prost writes them, as the protocol page has them in bytes, and none at all.
use alloc::vec;

use base::Prng;

use super::*;
use crate::filter::FilterNode;

fn one(bytes: &[u8]) -> Result<Command<'_>, DecodeError> {
    let mut all = commands(bytes);
    let first = all.next().expect("a message has a command or an error");
    assert!(first.is_err() || all.rest().is_empty(), "one command was meant");
    assert!(all.next().is_none());
    first
}

fn delimited(command: &message::Command) -> Vec<u8> {
    command.encode_length_delimited_to_vec()
}

#[test]
fn the_bytes_of_the_protocol_page() {
    let connect = one(b"\x08\x08\x01\x22\x04\x22\x02js").unwrap();
    let want = centrifugo::Connect { name: "js".into(), ..centrifugo::Connect::default() };
    assert_eq!(connect, Command { id: 1, request: Request::Connect(want) });
    let subscribe = one(b"\x0a\x08\x02\x2a\x06\x0a\x04news").unwrap();
    let want = centrifugo::Subscribe { channel: "news".into(), ..centrifugo::Subscribe::default() };
    assert_eq!(subscribe, Command { id: 2, request: Request::Subscribe(want) });
    assert_eq!(one(b"\x00").unwrap(), Command { id: 0, request: Request::Pong });
}

#[test]
fn commands_come_in_order_and_the_rest_is_told() {
    let parts: [&[u8]; 4] = [b"\x02\x08\x05", b"\x00", b"\x80\x00", b"\x04\x08\x07\x52\x00"];
    let all = parts.concat();
    let mut read = commands(&all);
    let mut at = 0;
    for (part, id) in parts.into_iter().zip([5, 0, 0, 7]) {
        assert_eq!(read.next().unwrap().unwrap().id, id);
        at += part.len();
        assert_eq!((read.consumed(), read.rest()), (at, &all[at..]));
    }
    assert!(read.next().is_none());
}

#[test]
fn every_request_is_read_with_all_its_fields() {
    let leaf = message::FilterNode {
        key: "k".into(),
        cmp: "in".into(),
        val: "v".into(),
        vals: vec!["a".into(), "b".into()],
        ..message::FilterNode::default()
    };
    let joint =
        message::FilterNode { op: "not".into(), nodes: vec![leaf.encode_to_vec()], ..message::FilterNode::default() };
    let command = message::Command {
        id: u32::MAX,
        subscribe: Some(message::SubscribeRequest {
            channel: "ch".into(),
            token: "t".into(),
            recover: true,
            epoch: "e".into(),
            offset: u64::MAX,
            data: vec![0, 255],
            positioned: true,
            recoverable: true,
            join_leave: true,
            delta: "fossil".into(),
            filter: Some(joint.encode_to_vec()),
            flag: -1,
            kind: -2,
        }),
        ..message::Command::default()
    };
    let vals = ["a", "b"].map(Into::into).into();
    let leaf = FilterNode { key: "k".into(), cmp: "in".into(), val: "v".into(), vals, ..FilterNode::default() };
    let joint = FilterNode { op: "not".into(), nodes: [leaf].into(), ..FilterNode::default() };
    let want = centrifugo::Subscribe {
        channel: "ch".into(),
        token: "t".into(),
        recover: true,
        epoch: "e".into(),
        offset: u64::MAX,
        data: vec![0, 255].into(),
        positioned: true,
        recoverable: true,
        join_leave: true,
        delta: "fossil".into(),
        filter: Some(joint.into()),
        flag: -1,
        kind: -2,
    };
    assert_eq!(one(&delimited(&command)).unwrap(), Command { id: u32::MAX, request: Request::Subscribe(want) });
    let history = message::HistoryRequest {
        channel: "h".into(),
        limit: -1,
        since: Some(message::StreamPosition { offset: 3, epoch: "e".into() }),
        reverse: true,
    };
    let command = message::Command { id: 1, history: Some(history), ..message::Command::default() };
    let since = centrifugo::Since { offset: 3, epoch: "e".into() };
    let want = centrifugo::History { channel: "h".into(), limit: -1, since: Some(since), reverse: true };
    assert_eq!(one(&delimited(&command)).unwrap().request, Request::History(want));
}

#[test]
fn the_first_request_in_the_order_of_the_protocol_counts() {
    let mut command = message::Command { id: 1, sub_refresh: Some(Default::default()), ..Default::default() };
    let mut is = |change: &dyn Fn(&mut message::Command), want: &dyn Fn(&Request<'_>) -> bool| {
        change(&mut command);
        let message = delimited(&command);
        let read = one(&message).unwrap().request;
        assert!(want(&read), "{read:?}");
    };
    is(&|_| {}, &|read| matches!(read, Request::SubRefresh(_)));
    is(&|command| command.refresh = Some(Default::default()), &|read| matches!(read, Request::Refresh(_)));
    is(&|command| command.send = Some(Default::default()), &|read| matches!(read, Request::Send(_)));
    is(&|command| command.rpc = Some(Default::default()), &|read| matches!(read, Request::Rpc(_)));
    is(&|command| command.history = Some(Default::default()), &|read| matches!(read, Request::History(_)));
    is(&|command| command.presence_stats = Some(Default::default()), &|read| matches!(read, Request::PresenceStats(_)));
    is(&|command| command.presence = Some(Default::default()), &|read| matches!(read, Request::Presence(_)));
    is(&|command| command.publish = Some(Default::default()), &|read| matches!(read, Request::Publish(_)));
    is(&|command| command.unsubscribe = Some(Default::default()), &|read| matches!(read, Request::Unsubscribe(_)));
    is(&|command| command.subscribe = Some(Default::default()), &|read| matches!(read, Request::Subscribe(_)));
    is(&|command| command.ping = Some(Default::default()), &|read| matches!(read, Request::Ping));
    is(&|command| command.connect = Some(Default::default()), &|read| matches!(read, Request::Connect(_)));
    is(&|command| command.id = 0, &|read| matches!(read, Request::Connect(_)));
    is(&|command| command.send = None, &|read| matches!(read, Request::Pong));
    assert_eq!(one(b"\x02\x08\x01").unwrap().request, Request::Empty);
}

#[test]
fn a_connect_says_header_fields() {
    let headers = [("X-A", "1"), ("x-b", "")].map(|(name, value)| (name.into(), value.into())).into();
    let connect = message::ConnectRequest { headers, ..message::ConnectRequest::default() };
    let bytes = delimited(&message::Command { id: 1, connect: Some(connect), ..message::Command::default() });
    let Ok(Command { request: Request::Connect(connect), .. }) = one(&bytes) else { panic!() };
    assert_eq!(connect.headers, [("X-A".into(), "1".into()), ("x-b".into(), "".into())]);
    // Two bytes of a name that are no text.
    assert!(one(b"\x0a\x08\x01\x22\x06\x32\x04\x0a\x02\xff\xff").is_err());
}

#[test]
fn unknown_fields_are_read_over() {
    // Tags 2 and 99 of every wire type that has a length, a group within a group, and `profile` of a connect.
    let command = b"\x10\x05\x9a\x06\x03abc\x99\x06ABCDEFGH\x9d\x06ABCD\x9b\x06\x13\x14\x9c\x06\x22\x06\x4a\x02xy\x22\x00\x08\x01";
    let mut bytes = vec![u8::try_from(command.len()).unwrap()];
    bytes.extend_from_slice(command);
    let want = Command { id: 1, request: Request::Connect(centrifugo::Connect::default()) };
    assert_eq!(one(&bytes).unwrap(), want);
}

#[test]
fn what_is_no_command_is_an_error() {
    let nested = |depth: usize| {
        let mut body = Vec::new();
        body.extend((0..depth).flat_map(|_| [0x13]));
        body.extend((0..depth).flat_map(|_| [0x14]));
        let mut bytes = Vec::new();
        prost::encode_length_delimiter(body.len(), &mut bytes).unwrap();
        bytes.extend(body);
        bytes
    };
    assert!(one(&nested(50)).is_ok());
    for (bytes, error) in [
        (&b""[..], DecodeError::Nothing),
        (b"\x80", DecodeError::Length),
        (b"\x01", DecodeError::Length),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", DecodeError::Length),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", DecodeError::Length),
        (b"\xff\xff\xff\xff\x0f\x08\x01", DecodeError::Length),
        // A tag of 0; a field of another wire type; a length beyond the command; text that is none.
        (b"\x02\x00\x01", DecodeError::Malformed),
        (b"\x03\x0a\x01a", DecodeError::Malformed),
        (b"\x05\x25\x01\x02\x03\x04", DecodeError::Malformed),
        (b"\x04\x2a\x06\x0a\x04news", DecodeError::Malformed),
        (b"\x08\x08\x01\x2a\xff\xff\xff\xff\x0f", DecodeError::Malformed),
        (b"\x07\x08\x02\x2a\x03\x0a\x01\xff", DecodeError::Malformed),
        // Groups: ended and not begun, begun and not ended, and a wire type that is none.
        (b"\x01\x14", DecodeError::Malformed),
        (b"\x01\x13", DecodeError::Malformed),
        (b"\x02\x16\x00", DecodeError::Malformed),
        (&nested(10_000), DecodeError::Malformed),
    ] {
        assert_eq!(one(bytes), Err(error), "{}", bytes[..bytes.len().min(20)].escape_ascii());
    }
}

/// Whatever is cut off or changed is a command, another command or an error: never a panic, and never more commands than bytes.
#[test]
fn damaged_messages_end() {
    let subscribe = message::SubscribeRequest { channel: "channel".into(), offset: 1 << 40, ..Default::default() };
    let publish = message::PublishRequest { channel: "c".into(), data: vec![7; 300] };
    let whole = [
        delimited(&message::Command { id: 1, subscribe: Some(subscribe), ..Default::default() }),
        delimited(&message::Command { id: 300, publish: Some(publish), ..Default::default() }),
    ]
    .concat();
    for cut in 0..=whole.len() {
        assert!(commands(&whole[..cut]).count() <= 2);
    }
    for seed in 0..20_000 {
        let mut random = Prng::new(seed, "damage");
        let mut bytes = whole.clone();
        for _ in 0..=random.below(3) {
            let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            bytes[at] = u8::try_from(random.below(256)).unwrap();
        }
        assert!(commands(&bytes).count() <= bytes.len(), "seed {seed}");
    }
}
