//! A frame of the publish stream: refused, or taken apart without losing a byte.
#![no_main]
use libfuzzer_sys::fuzz_target;
use protocol::plain::split_publish;

fuzz_target!(|frame: &[u8]| {
    if let Ok((subject, payload)) = split_publish(frame) {
        assert!(!subject.is_empty());
        assert_eq!(frame[0], u8::try_from(subject.len()).unwrap());
        assert_eq!([subject.as_bytes(), payload].concat(), frame[1..]);
    }
});
