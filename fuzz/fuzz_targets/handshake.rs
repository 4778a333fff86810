//! A server's answer to an upgrade, as the client reads it: whole stays whole, wrong stays wrong.
#![no_main]
use libfuzzer_sys::fuzz_target;
use wire::upgrade::check_response;

const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

fuzz_target!(|bytes: &[u8]| {
    let outcome = check_response(bytes, KEY);
    for end in 0..bytes.len() {
        match check_response(&bytes[..end], KEY) {
            Ok(None) => {}
            earlier => assert_eq!(earlier, outcome),
        }
    }
});
