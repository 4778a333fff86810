//! There and back, and everything between.
use alloc::string::String;
use alloc::vec;

use base::Prng;

use super::*;

fn text_of(marks: &[Mark]) -> String {
    let mut out = Vec::new();
    write_position(&mut out, marks);
    String::from_utf8(out).unwrap()
}

fn any_marks(random: &mut Prng) -> Vec<Mark> {
    let count = random.below(MARKS_MAX as u64 + 1);
    let any_u32 = |random: &mut Prng| u32::try_from(random.below(1 << 32)).unwrap();
    (0..count)
        .map(|_| Mark {
            subject_tag: any_u32(random),
            epoch: any_u32(random),
            offset: random.next_u64() >> random.below(64),
        })
        .collect()
}

#[test]
fn every_position_is_read_back() {
    for seed in 0..2_000 {
        let marks = any_marks(&mut Prng::new(seed, "position"));
        let text = text_of(&marks);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "seed {seed}: {text}");
        assert_eq!(read_position(&text), Ok(marks), "seed {seed}");
    }
    let largest = vec![Mark { subject_tag: u32::MAX, epoch: u32::MAX, offset: u64::MAX }; MARKS_MAX];
    assert_eq!(read_position(&text_of(&largest)), Ok(largest));
}

#[test]
fn one_subject_is_short() {
    let text = text_of(&[Mark { subject_tag: 1, epoch: 2, offset: 1_000_000 }]);
    assert!(text.len() <= 22, "{text}");
}

/// A position that was cut or changed is never read as another place.
#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    for seed in 0..200 {
        let mut random = Prng::new(seed, "flip");
        let mut marks = any_marks(&mut random);
        marks.truncate(4);
        let text = text_of(&marks);
        for place in 0..text.len() {
            assert!(read_position(&text[..place]).is_err(), "seed {seed}: cut to {place}");
            for bit in 0..8 {
                let mut changed = text.clone().into_bytes();
                changed[place] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(changed) else { continue };
                assert!(read_position(&changed).is_err(), "seed {seed}: bit {bit} of {place}");
            }
        }
    }
}

#[test]
fn what_is_no_position_is_refused_with_its_reason() {
    for text in ["", "0", "AQ", "hello", "AAAAAAAA", "====", "позиция", "%00"] {
        assert_eq!(read_position(text), Err(PositionError::Malformed), "{text}");
    }
    assert_eq!(read_position(&"A".repeat(5_000)), Err(PositionError::TooLong));
    let signed = |body: &[u8]| URL_SAFE_NO_PAD.encode([body, &check(body)].concat());
    assert_eq!(read_position(&signed(&[2])), Err(PositionError::Version(2)));
    assert_eq!(read_position(&signed(&[])), Err(PositionError::Malformed));
    let mark = |offset: &[u8]| [&[0; 8], offset].concat();
    assert_eq!(read_position(&signed(&[&[VERSION][..], &mark(&[0x80])].concat())), Err(PositionError::Malformed));
    let zero = signed(&[&[VERSION][..], &mark(&[0x80, 0])].concat());
    assert_eq!(read_position(&zero), Err(PositionError::Malformed));
    let overflow = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(read_position(&signed(&[&[VERSION][..], &mark(&overflow)].concat())), Err(PositionError::Malformed));
    let many = [&[VERSION][..], &mark(&[0]).repeat(MARKS_MAX + 1)].concat();
    assert_eq!(read_position(&signed(&many)), Err(PositionError::TooLong));
}

/// These are on disks and in browsers: they may never change.
#[test]
fn tags_and_positions_are_for_ever() {
    assert_eq!(subject_tag("news"), NEWS_TAG);
    assert_eq!(text_of(&[Mark { subject_tag: NEWS_TAG, epoch: 7, offset: 300 }]), NEWS_POSITION);
}

const NEWS_TAG: u32 = 1_883_933_179;
const NEWS_POSITION: &str = "AfuJSnAHAAAArAI4Mggz";
