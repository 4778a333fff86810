//! Request heads: what is whole stays whole with more bytes after it, what is wrong stays wrong, and all that can be asked of
//! a head has an answer.
#![no_main]
use libfuzzer_sys::fuzz_target;
use wire::head::{HeadLimits, parse};

const LIMITS: HeadLimits = HeadLimits { bytes_max: 512, fields_max: 8 };

fuzz_target!(|bytes: &[u8]| {
    let outcome = parse(bytes, &LIMITS);
    for end in 0..bytes.len() {
        match parse(&bytes[..end], &LIMITS) {
            Ok(None) => {}
            Ok(Some(head)) => {
                assert_eq!(
                    outcome.as_ref().ok().and_then(|head| head.as_ref()).map(|head| head.len()),
                    Some(head.len())
                );
            }
            Err(_) => assert!(outcome.is_err()),
        }
    }
    let Ok(Some(head)) = outcome else { return };
    assert!(head.len() <= bytes.len().min(LIMITS.bytes_max));
    assert!(!head.method().is_empty() && (head.path().starts_with('/') || head.path() == "*"));
    let _ = (head.body(), head.keep_alive(), head.expects_continue());
    for (name, _) in head.params() {
        assert!(head.param(&name).is_some());
    }
    if let Ok(Some(upgrade)) = wire::upgrade::check(&head) {
        assert_eq!(upgrade.key.len(), 24);
        assert!(upgrade.protocols().all(|protocol| !protocol.is_empty()));
        let offered = head.field("Sec-WebSocket-Extensions").is_some();
        assert!(upgrade.deflate().is_ok_and(|agreed| agreed.is_none()) || offered);
    }
});
