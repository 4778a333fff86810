//! RFC 6455, sections 5.5.2 and 5.5.3: ping and pong, and what control frames may not be.
use wire::frame::{FrameError, Opcode};

use crate::feed::{SERVER, Seen, client, client_begin, fails, gives};

#[test]
fn pings_and_pongs_of_every_length() {
    for len in [0, 1, 2, 63, 64, 124, 125] {
        let payload = vec![0xfe; len];
        let bytes = [client(Opcode::Ping, &payload), client(Opcode::Pong, &payload)].concat();
        gives(SERVER, &bytes, &[Seen::Ping(payload.clone()), Seen::Pong(payload)]);
    }
}

#[test]
fn a_control_frame_over_125_bytes_is_refused_at_its_second_byte() {
    for opcode in [0x88, 0x89, 0x8a] {
        fails(SERVER, &[opcode, 0xfe], &[], FrameError::ControlTooLong);
        fails(SERVER, &[opcode, 0xff], &[], FrameError::ControlTooLong);
    }
}

#[test]
fn a_control_frame_in_fragments_is_refused_at_its_first_byte() {
    for opcode in [Opcode::Close, Opcode::Ping, Opcode::Pong] {
        fails(SERVER, &client_begin(opcode, b"")[..1], &[], FrameError::ControlFragmented);
    }
}

#[test]
fn a_ping_in_the_middle_of_a_split_message_leaves_it_whole() {
    let text = "Hellö".repeat(30);
    let (left, right) = text.as_bytes().split_at(5);
    let mut bytes = client_begin(Opcode::Text, left);
    bytes.extend(client(Opcode::Ping, &[b'x'; 125]));
    bytes.extend(client(Opcode::Continuation, right));
    gives(SERVER, &bytes, &[Seen::Ping(vec![b'x'; 125]), Seen::Text(text)]);
}
