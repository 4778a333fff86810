//! Compressed messages: what is offered is read or refused; what is compressed reads as it was, in a window of its size, by another library.
//! Input: a byte of rules, the payload, which is an offer too.
#![no_main]
use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use wire::deflate::{Deflater, Window, agree};
use wire::frame::{Opcode, header};

thread_local! {
    /// Used again and again, as a shard does.
    static DEFLATERS: RefCell<[Deflater; 9]> = RefCell::new([1, 2, 3, 4, 5, 6, 7, 8, 9].map(Deflater::new));
}

fuzz_target!(|input: &[u8]| {
    let [rules, payload @ ..] = input else { return };
    if let Ok(Some(agreed)) = agree([payload].into_iter()) {
        let mut field = Vec::new();
        agreed.write_field(&mut field);
        // A client may answer with what it was told: it is an offer that is agreed to.
        let value =
            field.strip_prefix(b"Sec-WebSocket-Extensions: ").and_then(|rest| rest.strip_suffix(b"\r\n")).unwrap();
        assert_eq!(agree([value].into_iter()), Ok(Some(agreed)));
    }
    let window = [Window::Bits9, Window::Bits12, Window::Bits15][usize::from(rules % 3)];
    let frame = [header(Opcode::Binary, payload.len()).as_slice(), payload].concat();
    let level = usize::from(rules / 3 % 9);
    let compressed = DEFLATERS.with_borrow_mut(|deflaters| deflaters[level].frames(&frame, window, 0));
    let Some(compressed) = compressed else { return };
    assert!(compressed.len() < frame.len() && compressed[0] == 0xc2);
    let start = match compressed[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let mut rest: &[u8] = &[&compressed[start..], &[0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff]].concat();
    let (mut room, mut at, mut read_back) = (vec![0; window.bytes()], 0, Vec::new());
    let mut inflater = Box::new(DecompressorOxide::new());
    while !rest.is_empty() {
        let (status, read, wrote) =
            decompress(&mut inflater, rest, &mut room, at, inflate_flags::TINFL_FLAG_HAS_MORE_INPUT);
        assert!(status as i8 >= 0, "{status:?}");
        read_back.extend_from_slice(&room[at..at + wrote]);
        at = (at + wrote) % room.len();
        rest = &rest[read..];
    }
    assert_eq!(read_back, payload);
});
