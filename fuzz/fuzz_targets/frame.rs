//! The frame decoder against its naive twin. Input: a byte of rules, a byte of piece length, the stream.
#![no_main]
use libfuzzer_sys::fuzz_target;
use wire::frame::{Decoder, Role};

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../../crates/wire/tests/feed.rs"]
mod feed;
#[path = "../../crates/wire/tests/naive.rs"]
mod naive;

fuzz_target!(|input: &[u8]| {
    let [rules, piece, bytes @ ..] = input else { return };
    let decoder = Decoder {
        role: if rules & 1 == 0 { Role::Server } else { Role::Client },
        frame_bytes_max: if rules & 2 == 0 { 1 << 20 } else { 130 },
        message_bytes_max: if rules & 4 == 0 { 1 << 20 } else { 200 },
        // A stream of 4 KiB, the most that is tried, inflates to half of it.
        inflated_bytes_max: (rules & 8 == 0).then_some(1 << 23),
    };
    let expected = naive::decode(&decoder, bytes);
    assert_eq!(feed::in_pieces(decoder, [bytes]), expected);
    assert_eq!(feed::in_pieces(decoder, bytes.chunks(usize::from(*piece).max(1))), expected);
});
