//! RFC 6455, section 5.2 (the frame) and sections 5.1 and 5.3 (masks).
use wire::frame::{FrameError, Opcode, header, masked_header};

use crate::feed::{CLIENT, KEY, SERVER, Seen, client, fails, gives, in_pieces, server};

/// Section 5.7, "Examples".
#[test]
fn the_examples_of_the_rfc() {
    let hello = Seen::Text("Hello".into());
    gives(CLIENT, b"\x81\x05Hello", core::slice::from_ref(&hello));
    gives(SERVER, &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58], core::slice::from_ref(&hello));
    gives(CLIENT, b"\x01\x03Hel\x80\x02lo", &[hello]);
    gives(CLIENT, b"\x89\x05Hello", &[Seen::Ping(b"Hello".into())]);
    gives(SERVER, &[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58], &[Seen::Pong(b"Hello".into())]);
    assert_eq!(header(Opcode::Binary, 256).as_slice(), [0x82, 0x7e, 0x01, 0x00]);
    assert_eq!(header(Opcode::Binary, 65_536).as_slice(), [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn every_length_up_to_two_bytes_of_it_and_around_the_border() {
    let lengths = [0, 1, 2, 7, 8, 9, 124, 125, 126, 127, 128, 255, 256, 257, 65_534, 65_535, 65_536, 65_537, 70_000];
    for len in lengths {
        let payload: Vec<u8> = (0..len).map(|index: usize| (index % 253).try_into().unwrap()).collect();
        for (decoder, frame) in [(SERVER, client(Opcode::Binary, &payload)), (CLIENT, server(Opcode::Binary, &payload))]
        {
            // All of the header and the border to the payload; the rest in steps, as each costs a copy of it all.
            let splits = (0..frame.len().min(20)).chain((20..frame.len()).step_by(1 + frame.len() / 13));
            for split in splits {
                let (left, right) = frame.split_at(split);
                let outcome = in_pieces(decoder, [left, right]);
                assert_eq!(outcome.events, [Seen::Binary(payload.clone())], "{len} bytes, split at {split}");
                assert!(!outcome.holds, "{len} bytes, split at {split}");
            }
        }
    }
}

#[test]
fn headers_as_they_are_written() {
    assert_eq!(header(Opcode::Text, 125).as_slice(), [0x81, 125]);
    assert_eq!(header(Opcode::Text, 126).as_slice(), [0x81, 126, 0, 126]);
    assert_eq!(header(Opcode::Text, 65_535).as_slice(), [0x81, 126, 0xff, 0xff]);
    assert_eq!(header(Opcode::Continuation, 0).as_slice(), [0x80, 0]);
    assert_eq!(masked_header(Opcode::Ping, 3, KEY).as_slice(), [0x89, 0x83, 0x37, 0xfa, 0x21, 0x3d]);
    assert_eq!(masked_header(Opcode::Binary, 1 << 40, KEY).as_slice().len(), 14);
}

#[test]
fn a_reserved_bit_is_refused_at_the_first_byte() {
    for bit in [0x40, 0x20, 0x10] {
        fails(SERVER, &[0x81 | bit], &[], FrameError::ReservedBitSet);
    }
}

#[test]
fn a_reserved_opcode_is_refused_at_the_first_byte() {
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        fails(SERVER, &[0x80 | opcode], &[], FrameError::OpcodeReserved);
    }
}

#[test]
fn a_length_in_more_bytes_than_it_needs_is_refused() {
    fails(SERVER, &[0x82, 0xfe, 0, 125], &[], FrameError::LengthNotMinimal);
    fails(SERVER, &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], &[], FrameError::LengthNotMinimal);
    fails(SERVER, &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 5], &[], FrameError::LengthNotMinimal);
}

#[test]
fn a_length_with_its_top_bit_set_is_refused_at_that_byte() {
    fails(SERVER, &[0x82, 0xff, 0x80], &[], FrameError::LengthInvalid);
    fails(SERVER, &[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[], FrameError::LengthInvalid);
}

#[test]
fn a_client_masks_and_a_server_does_not() {
    fails(SERVER, &[0x81, 0x05], &[], FrameError::MaskMissing);
    fails(CLIENT, &[0x81, 0x85], &[], FrameError::MaskUnexpected);
}

#[test]
fn a_mask_of_zeros_is_a_mask() {
    gives(SERVER, b"\x82\x83\0\0\0\0abc", &[Seen::Binary(b"abc".into())]);
}

#[test]
fn a_frame_too_large_is_refused_at_its_length() {
    // 70,001 bytes: before the mask has come.
    let announced = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x71];
    fails(SERVER, &announced, &[], FrameError::FrameTooLarge);
    fails(SERVER, &[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[], FrameError::FrameTooLarge);
    let small = wire::frame::Decoder { frame_bytes_max: 10, ..SERVER };
    fails(small, &[0x82, 0x80 | 11], &[], FrameError::FrameTooLarge);
    gives(small, &client(Opcode::Binary, &[1; 10]), &[Seen::Binary(vec![1; 10])]);
    // A control frame is bounded by the RFC.
    gives(small, &client(Opcode::Ping, &[1; 125]), &[Seen::Ping(vec![1; 125])]);
}

#[test]
fn frames_that_came_before_the_broken_one_are_delivered() {
    let mut bytes = client(Opcode::Text, b"one");
    bytes.extend(client(Opcode::Binary, b""));
    bytes.extend([0x83, 0x80]);
    fails(SERVER, &bytes, &[Seen::Text("one".into()), Seen::Binary(vec![])], FrameError::OpcodeReserved);
}

#[test]
fn many_frames_in_one_piece() {
    let bytes: Vec<u8> = (0..40_u8).flat_map(|n| client(Opcode::Binary, &vec![n; usize::from(n)])).collect();
    let events: Vec<Seen> = (0..40_u8).map(|n| Seen::Binary(vec![n; usize::from(n)])).collect();
    gives(SERVER, &bytes, &events);
}

/// The close code of each error is the RFC's.
#[test]
fn close_codes_of_errors() {
    assert_eq!(FrameError::ReservedBitSet.close_code(), 1002);
    assert_eq!(FrameError::TextNotUtf8.close_code(), 1007);
    assert_eq!(FrameError::CloseReasonNotUtf8.close_code(), 1007);
    assert_eq!(FrameError::FrameTooLarge.close_code(), 1009);
    assert_eq!(FrameError::MessageTooLarge.close_code(), 1009);
}
