//! RFC 6455, sections 5.5.1 and 7.4: the close frame.
use wire::frame::{CLOSE_REASON_BYTES_MAX, FrameError, Opcode, close_frame, is_close_code};

use crate::feed::{CLIENT, SERVER, Seen, client, fails, gives};

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    client(Opcode::Close, &[&code.to_be_bytes(), reason].concat())
}

#[test]
fn without_a_code() {
    gives(SERVER, &client(Opcode::Close, b""), &[Seen::Close(None, String::new())]);
}

#[test]
fn with_a_code_and_a_reason() {
    gives(SERVER, &close(1000, b""), &[Seen::Close(Some(1000), String::new())]);
    let reason = "ß".repeat(61);
    gives(SERVER, &close(4999, reason.as_bytes()), &[Seen::Close(Some(4999), reason)]);
}

#[test]
fn of_one_byte_is_refused() {
    fails(SERVER, &client(Opcode::Close, b"\x03"), &[], FrameError::CloseTooShort);
}

#[test]
fn every_code() {
    let allowed = [1000..=1003, 1007..=1014, 3000..=4999];
    for code in 0..=u16::MAX {
        let expected = allowed.iter().any(|range| range.contains(&code));
        assert_eq!(is_close_code(code), expected, "{code}");
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        fails(SERVER, &close(code, b"why"), &[], FrameError::CloseCodeInvalid);
    }
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        gives(SERVER, &close(code, b""), &[Seen::Close(Some(code), String::new())]);
    }
}

#[test]
fn a_reason_that_is_not_utf8_is_refused() {
    for reason in [&b"\xff"[..], b"ab\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\xaf"] {
        fails(SERVER, &close(1000, reason), &[], FrameError::CloseReasonNotUtf8);
    }
}

#[test]
fn what_follows_is_not_looked_at() {
    let mut bytes = close(1001, b"bye");
    bytes.extend([0xff; 20]);
    gives(SERVER, &bytes, &[Seen::Close(Some(1001), "bye".into())]);
}

#[test]
fn written_frames_are_read_back() {
    gives(CLIENT, close_frame(1012, "restart").as_slice(), &[Seen::Close(Some(1012), "restart".into())]);
    assert_eq!(close_frame(1000, "").as_slice(), [0x88, 2, 0x03, 0xe8]);
    assert_eq!(close_frame(1000, "ok").payload(), b"\x03\xe8ok");
}

#[test]
fn a_written_reason_is_cut_at_the_end_of_a_character() {
    let fits = "x".repeat(CLOSE_REASON_BYTES_MAX);
    gives(CLIENT, close_frame(4000, &fits).as_slice(), &[Seen::Close(Some(4000), fits.clone())]);
    // 123 is odd, and these have two, three and four bytes.
    for (letter, count) in [("ß", 61), ("€", 41), ("🦀", 30)] {
        let frame = close_frame(4000, &letter.repeat(200));
        gives(CLIENT, frame.as_slice(), &[Seen::Close(Some(4000), letter.repeat(count))]);
    }
}
