//! RFC 6455, section 8.1: text is UTF-8, and what isn't is found at once.
use wire::frame::{FrameError, Opcode};

use crate::feed::{Feed, SERVER, Seen, client, client_begin, fails, gives};

/// Invalid sequences, with the number of bytes after which that is certain.
const INVALID: [(&[u8], usize); 14] = [
    (b"\x80", 1),
    (b"\xbf", 1),
    (b"\xc0\xaf", 1),
    (b"\xc1\xbf", 1),
    (b"\xc3\x28", 2),
    (b"\xe0\x9f\xbf", 2),
    (b"\xe2\x82\x28", 3),
    (b"\xed\xa0\x80", 2),
    (b"\xed\xbf\xbf", 2),
    (b"\xf0\x8f\xbf\xbf", 2),
    (b"\xf4\x90\x80\x80", 2),
    (b"\xf5\x80\x80\x80", 1),
    (b"\xf0\x9f\xa6\x28", 4),
    (b"\xff", 1),
];

#[test]
fn characters_of_every_length_split_at_every_place() {
    let text = "a\u{7f}\u{80}ß\u{7ff}\u{800}€\u{d7ff}\u{e000}\u{ffff}\u{10000}🦀\u{10ffff}\0z";
    gives(SERVER, &client(Opcode::Text, text.as_bytes()), &[Seen::Text(text.into())]);
    for split in 0..=text.len() {
        let (left, right) = text.as_bytes().split_at(split);
        let bytes = [client_begin(Opcode::Text, left), client(Opcode::Continuation, right)].concat();
        gives(SERVER, &bytes, &[Seen::Text(text.into())]);
    }
}

#[test]
fn what_is_not_utf8_is_refused() {
    for (sequence, _) in INVALID {
        fails(SERVER, &client(Opcode::Text, &[b"k\xc3\xb6", sequence, b"x"].concat()), &[], FrameError::TextNotUtf8);
    }
    // Binary is anything.
    gives(SERVER, &client(Opcode::Binary, b"\xff"), &[Seen::Binary(vec![0xff])]);
}

/// Fed byte by byte, the error comes with the first byte that makes it certain: in a frame that goes on, in one fragment of
/// many, and wherever in the message it is.
#[test]
fn fails_at_the_first_certain_byte() {
    for (sequence, certain) in INVALID {
        for before in 0..70 {
            let text = [&vec![b'x'; before], sequence, &[b'y'; 300]].concat();
            let one = client(Opcode::Text, &text);
            assert_eq!(fails_after(&one), 8 + before + certain, "{before} before {sequence:x?} in one frame");
            let (left, right) = text.split_at(before + certain - 1);
            let mut two = client_begin(Opcode::Text, left);
            let header_len = two.len() - left.len();
            two.extend(client(Opcode::Continuation, right));
            let right_header_len = two.len() - header_len - left.len() - right.len();
            assert_eq!(
                fails_after(&two),
                header_len + left.len() + right_header_len + 1,
                "{before} before {sequence:x?} in two fragments"
            );
        }
    }
}

/// Bytes after which the decoder refuses the stream as text that is not UTF-8.
fn fails_after(bytes: &[u8]) -> usize {
    let mut feed = Feed::new(SERVER);
    for (index, byte) in bytes.iter().enumerate() {
        feed.push(&[*byte]);
        if let Some(error) = feed.outcome.error {
            assert_eq!(error, FrameError::TextNotUtf8);
            return index + 1;
        }
    }
    panic!("{bytes:x?} is not refused");
}

#[test]
fn a_character_without_its_end_is_refused_at_the_end_of_the_message() {
    for cut in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9f\xa6"] {
        fails(SERVER, &client(Opcode::Text, cut), &[], FrameError::TextNotUtf8);
        let bytes = [client_begin(Opcode::Text, cut), client(Opcode::Continuation, b"")].concat();
        fails(SERVER, &bytes, &[], FrameError::TextNotUtf8);
    }
}

#[test]
fn a_ping_between_two_halves_of_a_character() {
    let mut bytes = client_begin(Opcode::Text, b"\xf0\x9f");
    bytes.extend(client(Opcode::Ping, b"\xff"));
    bytes.extend(client(Opcode::Continuation, b"\xa6\x80"));
    gives(SERVER, &bytes, &[Seen::Ping(vec![0xff]), Seen::Text("🦀".into())]);
}
