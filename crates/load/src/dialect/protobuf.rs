//! Centrifugo's Protobuf as far as the load speaks it: three commands are written, replies are looked through in place.
//!
//! Written by hand, like the frames: neither the server's codec nor the cost of a general one is to be measured here.
use super::Heard;

/// An empty command, which answers a ping.
pub(super) const PONG: &[u8] = &[0];

/// Field numbers (the protocol page, sections 2.1 to 2.3).
mod tag {
    pub(super) const ID: u8 = 1;
    pub(super) const COMMAND_CONNECT: u8 = 4;
    pub(super) const COMMAND_SUBSCRIBE: u8 = 5;
    pub(super) const COMMAND_PUBLISH: u8 = 7;
    pub(super) const TOKEN: u8 = 1;
    pub(super) const CHANNEL: u8 = 1;
    pub(super) const PUBLISH_DATA: u8 = 2;
    pub(super) const REPLY_ERROR: u64 = 2;
    pub(super) const REPLY_PUSH: u64 = 4;
    pub(super) const REPLY_SUBSCRIBE: u64 = 6;
    pub(super) const REPLY_PUBLISH: u64 = 8;
    pub(super) const PUSH_PUBLICATION: u64 = 4;
    pub(super) const PUBLICATION_DATA: u64 = 4;
}

/// The commands that connect, with a token unless it is empty.
pub(super) fn connect(token: &str) -> Vec<u8> {
    let mut connect = Vec::new();
    if !token.is_empty() {
        put_bytes(&mut connect, tag::TOKEN, token.as_bytes());
    }
    command(1, tag::COMMAND_CONNECT, &connect)
}

pub(super) fn subscribe(subject: &[u8]) -> Vec<u8> {
    let mut subscribe = Vec::new();
    put_bytes(&mut subscribe, tag::CHANNEL, subject);
    command(2, tag::COMMAND_SUBSCRIBE, &subscribe)
}

pub(super) fn publish(id: u64, subject: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut publish = Vec::with_capacity(subject.len() + payload.len() + 8);
    put_bytes(&mut publish, tag::CHANNEL, subject);
    put_bytes(&mut publish, tag::PUBLISH_DATA, payload);
    command(id, tag::COMMAND_PUBLISH, &publish)
}

/// One command, behind its length.
fn command(id: u64, request: u8, body: &[u8]) -> Vec<u8> {
    let mut fields = Vec::with_capacity(body.len() + 20);
    fields.push(tag::ID << 3);
    put_varint(&mut fields, id);
    put_bytes(&mut fields, request, body);
    let mut command = Vec::with_capacity(fields.len() + 4);
    put_varint(&mut command, fields.len() as u64);
    command.extend_from_slice(&fields);
    command
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Hands every reply of a frame to `each`; bytes that are none come as [`Heard::Other`].
#[inline]
pub(super) fn read<'a>(mut frame: &'a [u8], mut each: impl FnMut(Heard<'a>)) {
    while !frame.is_empty() {
        let Some(reply) = take_bytes(&mut frame) else { return each(Heard::Other) };
        each(hear(reply).unwrap_or(Heard::Other));
    }
}

fn hear(mut reply: &[u8]) -> Option<Heard<'_>> {
    if reply.is_empty() {
        return Some(Heard::Ping);
    }
    let mut id = 0;
    while let Some((tag, value)) = take_field(&mut reply)? {
        match (tag, value) {
            (1, Value::Number(number)) => id = number,
            (tag::REPLY_PUSH, Value::Bytes(push)) => {
                let Some(publication) = find(push, tag::PUSH_PUBLICATION)? else { return Some(Heard::Other) };
                return find(publication, tag::PUBLICATION_DATA)?.map(Heard::Message);
            }
            (tag::REPLY_ERROR, _) => return Some(Heard::Refused),
            (tag::REPLY_SUBSCRIBE, _) if id == 2 => return Some(Heard::Subscribed),
            (tag::REPLY_PUBLISH, _) => return Some(Heard::Published),
            _ => {}
        }
    }
    Some(Heard::Other)
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The first field of that number that has a length; the outer `None`: these are no fields.
fn find(mut fields: &[u8], wanted: u64) -> Option<Option<&[u8]>> {
    while let Some((tag, value)) = take_field(&mut fields)? {
        if let (true, Value::Bytes(bytes)) = (tag == wanted, value) {
            return Some(Some(bytes));
        }
    }
    Some(None)
}

/// The next field; `Some(None)` at the end. No message that the load is sent has a field of a fixed width.
fn take_field<'a>(fields: &mut &'a [u8]) -> Option<Option<(u64, Value<'a>)>> {
    if fields.is_empty() {
        return Some(None);
    }
    let key = take_varint(fields)?;
    let value = match key & 7 {
        0 => Value::Number(take_varint(fields)?),
        2 => Value::Bytes(take_bytes(fields)?),
        _ => return None,
    };
    Some(Some((key >> 3, value)))
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_varint(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use protocol::centrifugo_protobuf::message::{self, Reply};

    use super::*;

    fn heard(frame: &[u8]) -> Vec<Heard<'_>> {
        let mut all = Vec::new();
        read(frame, |heard| all.push(heard));
        all
    }

    #[test]
    fn what_is_written_is_what_prost_writes() {
        let connect = message::ConnectRequest { token: "t".repeat(200), ..Default::default() };
        let want = message::Command { id: 1, connect: Some(connect), ..Default::default() };
        assert_eq!(super::connect(&"t".repeat(200)), want.encode_length_delimited_to_vec());
        let subscribe = message::SubscribeRequest { channel: "load".into(), ..Default::default() };
        let want = message::Command { id: 2, subscribe: Some(subscribe), ..Default::default() };
        assert_eq!(super::subscribe(b"load"), want.encode_length_delimited_to_vec());
        for (id, length) in [(3, 1), (300, 127), (70_000, 20_000)] {
            let publish = message::PublishRequest { channel: "load".into(), data: vec![b'x'; length] };
            let want = message::Command { id, publish: Some(publish), ..Default::default() };
            assert_eq!(super::publish(id.into(), b"load", &vec![b'x'; length]), want.encode_length_delimited_to_vec());
        }
    }

    #[test]
    fn replies_and_pushes_are_told_apart() {
        let publication = message::Publication {
            data: vec![b'x'; 300],
            info: Some(message::ClientInfo { user: "u".into(), client: "c".into(), ..Default::default() }),
            offset: 1 << 40,
            ..Default::default()
        };
        let push = |publication| message::Push { channel: "load".into(), publication, ..Default::default() };
        let subscribe = message::SubscribeResult { epoch: "e".into(), offset: 7, ..Default::default() };
        let frame: Vec<u8> = [
            Reply { id: 1, connect: Some(Default::default()), ..Default::default() },
            Reply { id: 2, subscribe: Some(subscribe), ..Default::default() },
            Reply::default(),
            Reply { push: Some(push(Some(publication))), ..Default::default() },
            Reply { push: Some(push(None)), ..Default::default() },
            Reply { id: 9, publish: Some(message::Empty {}), ..Default::default() },
            Reply { id: 9, error: Some(Default::default()), ..Default::default() },
        ]
        .iter()
        .flat_map(|reply| reply.encode_length_delimited_to_vec())
        .collect();
        let payload = [b'x'; 300];
        let want = [
            Heard::Other,
            Heard::Subscribed,
            Heard::Ping,
            Heard::Message(&payload),
            Heard::Other,
            Heard::Published,
            Heard::Refused,
        ];
        assert_eq!(heard(&frame), want);
        for cut in 0..frame.len() {
            assert!(heard(&frame[..cut]).len() <= want.len(), "cut at {cut}");
        }
        assert_eq!(heard(b"\xff"), [Heard::Other]);
    }
}
