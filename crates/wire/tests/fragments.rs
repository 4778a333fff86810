//! RFC 6455, section 5.4: messages in fragments, control frames between them.
use wire::frame::{Decoder, FrameError, Opcode};

use crate::feed::{SERVER, Seen, client, client_begin, fails, gives};

#[test]
fn a_message_in_fragments() {
    let mut bytes = client_begin(Opcode::Text, b"He");
    bytes.extend(client_begin(Opcode::Continuation, b"ll"));
    bytes.extend(client(Opcode::Continuation, b"o"));
    gives(SERVER, &bytes, &[Seen::Text("Hello".into())]);
}

#[test]
fn empty_fragments_at_each_place() {
    let mut bytes = client_begin(Opcode::Text, b"");
    bytes.extend(client_begin(Opcode::Continuation, b""));
    bytes.extend(client_begin(Opcode::Continuation, b"a"));
    bytes.extend(client(Opcode::Continuation, b""));
    gives(SERVER, &bytes, &[Seen::Text("a".into())]);
    let mut bytes = client_begin(Opcode::Binary, b"");
    bytes.extend(client(Opcode::Continuation, b""));
    gives(SERVER, &bytes, &[Seen::Binary(vec![])]);
}

#[test]
fn control_frames_between_fragments_come_first() {
    let mut bytes = client_begin(Opcode::Binary, b"ab");
    bytes.extend(client(Opcode::Ping, b"1"));
    bytes.extend(client_begin(Opcode::Continuation, b"cd"));
    bytes.extend(client(Opcode::Pong, b""));
    bytes.extend(client(Opcode::Ping, b"2"));
    bytes.extend(client(Opcode::Continuation, b"ef"));
    bytes.extend(client(Opcode::Text, b"next"));
    let (ping1, ping2) = (Seen::Ping(b"1".into()), Seen::Ping(b"2".into()));
    let events = [ping1, Seen::Pong(vec![]), ping2, Seen::Binary(b"abcdef".into()), Seen::Text("next".into())];
    gives(SERVER, &bytes, &events);
}

#[test]
fn a_close_between_fragments_ends_the_message() {
    let mut bytes = client_begin(Opcode::Binary, b"ab");
    bytes.extend(client(Opcode::Close, &[0x03, 0xe8]));
    gives(SERVER, &bytes, &[Seen::Close(Some(1000), String::new())]);
}

#[test]
fn a_continuation_of_nothing_is_refused() {
    fails(SERVER, &[0x80], &[], FrameError::ContinuationUnexpected);
    fails(SERVER, &[0x00], &[], FrameError::ContinuationUnexpected);
    let mut bytes = client_begin(Opcode::Text, b"a");
    bytes.extend(client(Opcode::Continuation, b"b"));
    bytes.extend(client(Opcode::Continuation, b"c"));
    fails(SERVER, &bytes, &[Seen::Text("ab".into())], FrameError::ContinuationUnexpected);
}

#[test]
fn a_new_message_within_one_is_refused() {
    for opcode in [Opcode::Text, Opcode::Binary] {
        let mut bytes = client_begin(Opcode::Text, b"a");
        bytes.extend(client(Opcode::Ping, b""));
        bytes.extend(client(opcode, b"b"));
        fails(SERVER, &bytes, &[Seen::Ping(vec![])], FrameError::MessageInterrupted);
    }
}

#[test]
fn the_bound_on_messages_counts_all_fragments() {
    let decoder = Decoder { message_bytes_max: 5, ..SERVER };
    let mut bytes = client_begin(Opcode::Binary, b"abc");
    bytes.extend(client(Opcode::Continuation, b"de"));
    gives(decoder, &bytes, &[Seen::Binary(b"abcde".into())]);
    let mut bytes = client_begin(Opcode::Binary, b"abc");
    // The header alone is too much.
    bytes.extend([0x80, 0x83]);
    fails(decoder, &bytes, &[], FrameError::MessageTooLarge);
    fails(decoder, &client(Opcode::Binary, b"abcdef"), &[], FrameError::MessageTooLarge);
}

#[test]
fn one_message_after_another_in_fragments() {
    let one = [client_begin(Opcode::Text, "ä".as_bytes()), client(Opcode::Continuation, b"b")].concat();
    gives(SERVER, &one.repeat(5), &vec![Seen::Text("äb".into()); 5]);
}
