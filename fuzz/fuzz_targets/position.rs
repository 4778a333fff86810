//! A position from a client: an error, or marks that are written as the same text.
#![no_main]
use libfuzzer_sys::fuzz_target;
use protocol::epoch;
use protocol::plain::{MARKS_MAX, Mark, read_position, write_position};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = core::str::from_utf8(bytes) {
        if let Some(number) = epoch::read(text) {
            assert_eq!(epoch::text(number), bytes);
        }
        if let Ok(marks) = read_position(text) {
            assert!(marks.len() <= MARKS_MAX);
            let mut again = Vec::new();
            write_position(&mut again, &marks);
            assert_eq!(again, bytes);
        }
    }
    // The check makes good texts too rare to be found: the same bytes as marks, there and back.
    let marks: Vec<Mark> = bytes
        .chunks_exact(16)
        .take(MARKS_MAX)
        .map(|part| {
            let (numbers, offset) = part.split_at(8);
            let (tag, epoch) = numbers.split_at(4);
            Mark {
                subject_tag: u32::from_le_bytes(tag.try_into().unwrap()),
                epoch: u32::from_le_bytes(epoch.try_into().unwrap()),
                offset: u64::from_le_bytes(offset.try_into().unwrap()),
            }
        })
        .collect();
    let mut text = Vec::new();
    write_position(&mut text, &marks);
    assert_eq!(read_position(core::str::from_utf8(&text).unwrap()), Ok(marks));
});
