//! RFC 7692: compressed messages.
use base::Prng;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress, create_comp_flags_from_zip_params};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use wire::deflate::{Deflater, Inflater, Window, agree};
use wire::frame::{Decoder, FrameError, Opcode};
use wire::upgrade::UpgradeError;

use crate::feed::{CLIENT, SERVER, Seen, client, client_begin, every_way, fails, gives, in_pieces, server};

const DEFLATE: Decoder = Decoder { inflated_bytes_max: Some(100_000), ..SERVER };

/// What is agreed for the fields: the answer's value, without what is always the same.
fn agreed(fields: &[&str]) -> Result<Option<String>, UpgradeError> {
    let agreement = agree(fields.iter().map(|field| field.as_bytes()))?;
    Ok(agreement.map(|agreement| {
        let mut field = Vec::new();
        agreement.write_field(&mut field);
        let field = String::from_utf8(field).unwrap();
        let start =
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        field.strip_prefix(start).unwrap().strip_suffix("\r\n").unwrap().to_owned()
    }))
}

// ---- section 7.1: what is negotiated ----

#[test]
fn offers_that_are_accepted() {
    for (fields, bits) in [
        (&["permessage-deflate"][..], ""),
        (&["permessage-deflate; client_max_window_bits"], ""),
        (&["permessage-deflate;client_max_window_bits=8"], ""),
        (&["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], ""),
        (&["permessage-deflate; server_max_window_bits=15"], "; server_max_window_bits=15"),
        (&["permessage-deflate; server_max_window_bits=14"], "; server_max_window_bits=12"),
        (
            &["permessage-deflate ; server_max_window_bits = 12 ; client_max_window_bits = 12"],
            "; server_max_window_bits=12",
        ),
        (&["permessage-deflate; server_max_window_bits=11"], "; server_max_window_bits=9"),
        (&["permessage-deflate; server_max_window_bits=\"9\""], "; server_max_window_bits=9"),
        (&["permessage-deflate; server_max_window_bits=\"1\\0\""], "; server_max_window_bits=9"),
        // The first that can be accepted, in one field or in several; other extensions are passed over.
        (
            &["permessage-bzip2; level=9, permessage-deflate; server_max_window_bits=10, permessage-deflate"],
            "; server_max_window_bits=9",
        ),
        (&["permessage-deflate; server_max_window_bits=8, permessage-deflate"], ""),
        (&["x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=9"], "; server_max_window_bits=9"),
        (&[", ,permessage-deflate,,", " "], ""),
    ] {
        assert_eq!(agreed(fields), Ok(Some(bits.to_owned())), "{fields:?}");
    }
}

#[test]
fn offers_that_are_declined() {
    for field in [
        "",
        "permessage-bzip2",
        "PERMESSAGE-DEFLATE",
        "permessage-deflate; level=1",
        "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_max_window_bits=x",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
    ] {
        assert_eq!(agreed(&[field]), Ok(None), "{field}");
        // The next offer is looked at as if there were no such one.
        if !field.is_empty() {
            assert_eq!(agreed(&[&format!("{field}, permessage-deflate")]), Ok(Some(String::new())), "{field}");
        }
    }
}

#[test]
fn fields_that_are_no_lists_of_extensions() {
    for field in [
        ";",
        "permessage-deflate;",
        "permessage-deflate; =9",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; server_max_window_bits=\"10",
        "permessage-deflate; server_max_window_bits=\"\"",
        "permessage-deflate; server_max_window_bits=\"1 0\"",
        "permessage-deflate; server_max_window_bits=10 client_max_window_bits",
        "permessage-deflate server_no_context_takeover",
        "permessage-deflate, (comment)",
        "permessage/deflate",
    ] {
        assert_eq!(agreed(&[field]), Err(UpgradeError::ExtensionsMalformed), "{field}");
        assert_eq!(agreed(&["permessage-deflate", field]), Err(UpgradeError::ExtensionsMalformed), "{field}");
    }
    assert_eq!(UpgradeError::ExtensionsMalformed.status(), 400);
}

// ---- section 6: which frames may have the bit ----

/// A frame with RSV1.
fn marked(mut frame: Vec<u8>) -> Vec<u8> {
    frame[0] |= 0x40;
    frame
}

fn hello() -> Seen {
    Seen::Text("Hello".into())
}

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn the_bit_without_an_agreement() {
    for opcode in [Opcode::Text, Opcode::Binary] {
        fails(SERVER, &marked(client(opcode, &HELLO)), &[], FrameError::ReservedBitSet);
    }
}

#[test]
fn the_bit_is_on_the_first_frame_of_a_message_only() {
    let begin = marked(client_begin(Opcode::Text, &HELLO[..3]));
    let end = client(Opcode::Continuation, &HELLO[3..]);
    gives(DEFLATE, &[begin.clone(), end.clone()].concat(), &[hello()]);
    fails(DEFLATE, &[begin.clone(), marked(end.clone())].concat(), &[], FrameError::ReservedBitSet);
    for opcode in [Opcode::Close, Opcode::Ping, Opcode::Pong, Opcode::Continuation] {
        fails(DEFLATE, &marked(client(opcode, &[])), &[], FrameError::ReservedBitSet);
        fails(DEFLATE, &[begin.clone(), marked(client(opcode, &[]))].concat(), &[], FrameError::ReservedBitSet);
    }
    for bits in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
        let mut frame = client(Opcode::Text, &HELLO);
        frame[0] |= bits;
        fails(DEFLATE, &frame, &[], FrameError::ReservedBitSet);
    }
    let mut reserved = client(Opcode::Text, &HELLO);
    reserved[0] = 0xc3;
    fails(DEFLATE, &reserved, &[], FrameError::ReservedBitSet);
}

#[test]
fn messages_without_the_bit_and_control_frames_go_on_as_ever() {
    let stream = [
        client(Opcode::Text, b"plain"),
        marked(client_begin(Opcode::Binary, &[])),
        client(Opcode::Ping, b"in between"),
        {
            let mut middle = client(Opcode::Continuation, &HELLO[..4]);
            middle[0] &= 0x7f;
            middle
        },
        client(Opcode::Continuation, &HELLO[4..]),
        client(Opcode::Text, b"plain"),
        marked(client(Opcode::Text, &HELLO)),
        client_begin(Opcode::Text, b"pl"),
        client(Opcode::Continuation, b"ain"),
        client(Opcode::Close, &[]),
    ];
    let plain = Seen::Text("plain".into());
    let events = [
        plain.clone(),
        Seen::Ping(b"in between".to_vec()),
        Seen::Binary(b"Hello".to_vec()),
        plain.clone(),
        hello(),
        plain,
        Seen::Close(None, String::new()),
    ];
    gives(DEFLATE, &stream.concat(), &events);
}

// ---- section 7.2: what is in a message ----

#[test]
fn the_examples_of_the_rfc() {
    for (payload, text) in [
        (&HELLO[..], "Hello"),
        (&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], "Hello"),
        (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], "Hello"),
        (&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00], "Hello"),
        (&[0x00], ""),
    ] {
        gives(DEFLATE, &marked(client(Opcode::Text, payload)), &[Seen::Text(text.into())]);
        gives(
            Decoder { inflated_bytes_max: Some(100), ..CLIENT },
            &marked(server(Opcode::Text, payload)),
            &[Seen::Text(text.into())],
        );
        for split in 0..payload.len() {
            let begin = marked(client_begin(Opcode::Text, &payload[..split]));
            let end = client(Opcode::Continuation, &payload[split..]);
            gives(DEFLATE, &[begin, end].concat(), &[Seen::Text(text.into())]);
        }
    }
    // Section 7.2.3.2: "Hello" again, out of the window of the message before. That window is given up.
    let again = [marked(client(Opcode::Text, &HELLO)), marked(client(Opcode::Text, &[0xf2, 0x00, 0x11, 0x00, 0x00]))];
    fails(DEFLATE, &again.concat(), &[hello()], FrameError::DeflateInvalid);
}

#[test]
fn what_follows_a_last_block_may_refer_to_it() {
    // "Hello" in a last block; then, in another one, five bytes from five back.
    let payload = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x02, 0x13, 0x00, 0x00];
    let message = marked(client(Opcode::Text, &payload));
    assert_eq!(crate::naive::inflate(&payload).as_deref(), Some(&b"HelloHello"[..]));
    gives(DEFLATE, &message, &[Seen::Text("HelloHello".into())]);
}

#[test]
fn what_is_no_deflate_stream() {
    for payload in [
        &[][..],
        &[0xff],
        // A block of the type that does not exist.
        &[0x06, 0x00],
        // A stored block whose length is not what its complement says; one that is not all there.
        &[0x00, 0x05, 0x00, 0x00, 0x00, 0x48],
        &[0x00, 0x09, 0x00, 0xf6, 0xff, 0x48],
        // It ends in the middle of a block, or behind a last block without the byte that closes it.
        &HELLO[..3],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        // Something after the end.
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0xff],
        // Further back than there is anything.
        &[0x03, 0x13, 0x00],
    ] {
        fails(DEFLATE, &marked(client(Opcode::Binary, payload)), &[], FrameError::DeflateInvalid);
    }
    assert_eq!(FrameError::DeflateInvalid.close_code(), 1007);
}

#[test]
fn text_is_checked_as_it_reads_not_as_it_comes() {
    let not_utf8 = deflated(&[b"a".repeat(100), vec![0xff], b"a".repeat(100)].concat());
    fails(DEFLATE, &marked(client(Opcode::Text, &not_utf8)), &[], FrameError::TextNotUtf8);
    let cut = deflated("\u{20ac}".repeat(50).as_bytes().split_last().unwrap().1);
    fails(DEFLATE, &marked(client(Opcode::Text, &cut)), &[], FrameError::TextNotUtf8);
    let text = "\u{20ac} and \u{1f980} ".repeat(50);
    let payload = deflated(text.as_bytes());
    assert!(core::str::from_utf8(&payload).is_err(), "what comes is no text");
    gives(DEFLATE, &marked(client(Opcode::Text, &payload)), &[Seen::Text(text)]);
}

/// A payload, compressed by another library.
fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; payload.len() + 1_000];
    let mut compressor = CompressorOxide::new(create_comp_flags_from_zip_params(6, -15, 0));
    let (_, read, wrote) = compress(&mut compressor, payload, &mut out, TDEFLFlush::Sync);
    assert!(read == payload.len() && wrote < out.len());
    out.truncate(wrote);
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(wrote - 4);
    out
}

#[test]
fn a_message_is_bounded_as_it_reads_and_as_it_comes() {
    let exact = Decoder { inflated_bytes_max: Some(50_000), ..SERVER };
    let payload = deflated(&vec![0; 50_000]);
    assert!(payload.len() < 100);
    gives(exact, &marked(client(Opcode::Binary, &payload)), &[Seen::Binary(vec![0; 50_000])]);
    let over = deflated(&vec![0; 50_001]);
    fails(exact, &marked(client(Opcode::Binary, &over)), &[], FrameError::MessageTooLarge);
    let (left, right) = over.split_at(over.len() / 2);
    let stream = [marked(client_begin(Opcode::Binary, left)), client(Opcode::Continuation, right)];
    fails(exact, &stream.concat(), &[], FrameError::MessageTooLarge);
    // As it comes, the other bounds are the bounds.
    let tight = Decoder { frame_bytes_max: 30, message_bytes_max: 40, ..exact };
    let payload = deflated(&(0..40).collect::<Vec<u8>>());
    assert!((41..60).contains(&payload.len()));
    fails(tight, &marked(client(Opcode::Binary, &payload)), &[], FrameError::FrameTooLarge);
    let (left, right) = payload.split_at(25);
    let stream = [marked(client_begin(Opcode::Binary, left)), client(Opcode::Continuation, right)];
    fails(tight, &stream.concat(), &[], FrameError::MessageTooLarge);
}

#[test]
fn a_bomb_takes_no_more_memory_than_a_message_may() {
    let bomb = deflated(&vec![0; 60 << 20]);
    assert!(bomb.len() < 70_000, "{}", bomb.len());
    let mut inflater = Inflater::default();
    let mut bytes = marked(client(Opcode::Binary, &bomb));
    let decoder = Decoder { inflated_bytes_max: Some(300_000), ..SERVER };
    let outcome = decoder.next_inflating(&mut None, &mut bytes, &mut 0, &mut inflater).map(|_| ());
    assert_eq!(outcome, Err(FrameError::MessageTooLarge));
    assert!(inflater.bytes() <= 600_000, "{}", inflater.bytes());
}

#[test]
fn a_large_message_leaves_no_room_behind() {
    let mut inflater = Inflater::default();
    let decoder = Decoder { inflated_bytes_max: Some(8 << 20), ..SERVER };
    for (length, most) in [(5 << 20, 16 << 20), (10, 1 << 20)] {
        let mut bytes = marked(client(Opcode::Binary, &deflated(&vec![7; length])));
        let mut partial = None;
        let event = decoder.next_inflating(&mut partial, &mut bytes, &mut 0, &mut inflater).unwrap();
        assert_eq!(event.map(Seen::from), Some(Seen::Binary(vec![7; length])));
        assert!(inflater.bytes() <= most, "{}", inflater.bytes());
    }
}

// ---- section 7.2.1: what is sent ----

/// A payload such as people send: words that come again, and some that don't.
fn payload(random: &mut Prng, length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while out.len() < length {
        let number = random.below(1 << 20);
        let odd = number.to_be_bytes();
        match random.below(4) {
            0 => out.extend_from_slice(&odd[5..]),
            _ => out.extend_from_slice(format!("{{\"symbol\":\"S{}\",\"price\":{number}}},", number % 50).as_bytes()),
        }
    }
    out.truncate(length);
    out
}

/// Reads a compressed payload with no more memory than its window.
fn read_in(window: Window, payload: &[u8]) -> Vec<u8> {
    let input = [payload, &[0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff]].concat();
    let (mut rest, mut at, mut out) = (&input[..], 0, Vec::new());
    let (mut room, mut inflater) = (vec![0; window.bytes()], Box::new(DecompressorOxide::new()));
    while !rest.is_empty() {
        let (status, read, wrote) =
            decompress(&mut inflater, rest, &mut room, at, inflate_flags::TINFL_FLAG_HAS_MORE_INPUT);
        assert!(status as i8 >= 0, "{status:?}");
        out.extend_from_slice(&room[at..at + wrote]);
        at = (at + wrote) % room.len();
        rest = &rest[read..];
    }
    out
}

#[test]
fn what_is_compressed_reads_as_it_was_within_its_window() {
    for level in [1, 2, 6, 9] {
        let mut deflater = Deflater::new(level);
        for seed in 0..60 {
            let mut random = Prng::new(seed, "deflate");
            let most = if random.one_in(4) { 70_000 } else { 2_000 };
            let length = usize::try_from(random.below(most)).unwrap();
            let payload = payload(&mut random, length);
            let frame = server(Opcode::Binary, &payload);
            for window in [Window::Bits9, Window::Bits12, Window::Bits15] {
                let Some(compressed) = deflater.frames(&frame, window, 0) else {
                    assert!(length < 600, "{length} bytes at level {level}");
                    continue;
                };
                assert!(compressed.len() < frame.len() && compressed[0] == 0xc2);
                let start = if compressed[1] == 126 { 4 } else { 2 };
                let start = if compressed[1] == 127 { 10 } else { start };
                assert_eq!(read_in(window, &compressed[start..]), payload, "seed {seed}, level {level}, {window:?}");
                let decoder = Decoder { inflated_bytes_max: Some(70_000), ..CLIENT };
                let outcome = in_pieces(decoder, [&compressed[..]]);
                assert_eq!(outcome.events, [Seen::Binary(payload.clone())], "seed {seed}, level {level}, {window:?}");
            }
        }
    }
}

#[test]
fn only_what_gets_shorter_is_compressed() {
    let mut deflater = Deflater::new(1);
    let long = server(Opcode::Text, &b"0123456789".repeat(20));
    let mut random = Prng::new(1, "noise");
    let noise: Vec<u8> = (0..500).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
    let noise = server(Opcode::Binary, &noise);
    let others = [server(Opcode::Ping, &[b'a'; 125]), server(Opcode::Text, b"{}"), noise, server(Opcode::Close, &[])];
    for other in &others {
        assert_eq!(deflater.frames(other, Window::Bits15, 0), None);
    }
    let Some(short) = deflater.frames(&long, Window::Bits15, 0) else { panic!("it gets shorter") };
    // Among others, those stay as they are and where they are.
    let joined = [&others[0][..], &long, &others[1], &others[2], &long, &others[3]].concat();
    let wanted = [&others[0][..], &short, &others[1], &others[2], &short, &others[3]].concat();
    assert_eq!(deflater.frames(&joined, Window::Bits15, 0), Some(wanted));
    assert_eq!(deflater.frames(&[], Window::Bits15, 0), None);
    // Below the bound, and at it, nothing is tried.
    let tried = deflater.tried();
    assert_eq!(deflater.frames(&long, Window::Bits15, 200), None);
    assert_eq!(deflater.tried(), tried);
    assert!(deflater.frames(&long, Window::Bits15, 199).is_some());
}

/// What the library has left over of a message that found no room must not be in the way of later ones: it once was, until it panicked.
#[test]
fn noise_leaves_nothing_behind() {
    for level in 1..=9 {
        let mut deflater = Deflater::new(level);
        let mut random = Prng::new(u64::from(level), "noise");
        for _ in 0..12 {
            let length = usize::try_from(40 + random.below(70_000)).unwrap();
            let noise: Vec<u8> = (0..length).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
            for window in [Window::Bits9, Window::Bits12, Window::Bits15] {
                for _ in 0..3 {
                    assert_eq!(deflater.frames(&server(Opcode::Binary, &noise), window, 0), None);
                }
                let payload = payload(&mut random, 20_000);
                let compressed = deflater.frames(&server(Opcode::Binary, &payload), window, 0).unwrap();
                let start = if compressed[1] == 127 { 10 } else { 4 };
                assert_eq!(read_in(window, &compressed[start..]), payload);
            }
        }
    }
}

#[test]
fn short_messages_are_the_same_in_every_window() {
    let mut deflater = Deflater::new(1);
    let frame = server(Opcode::Text, &b"0123456789".repeat(51));
    let [a, b, c] = [Window::Bits9, Window::Bits12, Window::Bits15].map(|window| deflater.frames(&frame, window, 0));
    assert!(a.is_some() && a == b && b == c);
    assert_eq!(Window::Bits15.enough_for(512), Window::Bits9);
    assert_eq!(Window::Bits15.enough_for(513), Window::Bits12);
    assert_eq!(Window::Bits15.enough_for(5_000), Window::Bits15);
    assert_eq!(Window::Bits9.enough_for(5_000), Window::Bits9);
}

#[test]
fn every_split_of_random_compressed_streams() {
    for seed in 0..20 {
        let mut random = Prng::new(seed, "splits");
        let text = payload(&mut random, 60);
        let compressed = deflated(&text);
        let stream = [
            marked(client_begin(Opcode::Binary, &compressed[..10])),
            client(Opcode::Ping, b"p"),
            client(Opcode::Continuation, &compressed[10..]),
            marked(client(Opcode::Binary, &compressed)),
            client(Opcode::Text, b"plain"),
        ];
        let outcome = every_way(DEFLATE, &stream.concat());
        let events =
            [Seen::Ping(b"p".to_vec()), Seen::Binary(text.clone()), Seen::Binary(text), Seen::Text("plain".into())];
        assert_eq!((outcome.events, outcome.error, outcome.holds), (events.to_vec(), None, false));
    }
}
