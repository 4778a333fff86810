//! Deltas: any bytes are an error or what they say, within the bound; what is made of two texts makes the one of the other, and can
//! be told in JSON if both can.
#![no_main]
use libfuzzer_sys::fuzz_target;
use protocol::fossil::{Cut, apply, create};

const BYTES_MAX: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    // A mark of its own between the two, so that a fuzzer can move it.
    let at = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len() / 2);
    let (source, rest) = bytes.split_at(at);
    let other = rest.strip_prefix(b"\0").unwrap_or(rest);
    if let Ok(made) = apply(source, other, BYTES_MAX) {
        assert!(made.len() <= BYTES_MAX);
    }
    for (from, to) in [(source, other), (other, source), (source, source)] {
        for cut in [Cut::Anywhere, Cut::BetweenCharacters] {
            let delta = create(from, to, cut);
            assert_eq!(apply(from, &delta, to.len()).as_deref(), Ok(to));
            let both_are_text = core::str::from_utf8(from).is_ok() && core::str::from_utf8(to).is_ok();
            assert!(cut == Cut::Anywhere || !both_are_text || core::str::from_utf8(&delta).is_ok());
        }
    }
});
