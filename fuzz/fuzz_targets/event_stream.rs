//! Whatever the data is, its event is one event: no data ends it early or makes a field of its own.
#![no_main]
use libfuzzer_sys::fuzz_target;
use wire::sse::write_event;

fuzz_target!(|data: &[u8]| {
    let mut out = Vec::new();
    write_event(&mut out, Some("1.a"), Some("reset"), Some(data));
    let body = out.strip_prefix(b"id: 1.a\nevent: reset\n").and_then(|rest| rest.strip_suffix(b"\n\n"));
    let body = body.expect("the fields, the data and the end");
    assert!(!body.contains(&b'\r'));
    let lines = body.split(|&byte| byte == b'\n').map(|line| line.strip_prefix(b"data: ").expect("a data line"));
    let read = lines.collect::<Vec<_>>().join(&b'\n');
    let mut unified = Vec::new();
    for (index, &byte) in data.iter().enumerate() {
        match byte {
            b'\r' => unified.push(b'\n'),
            b'\n' if index > 0 && data[index - 1] == b'\r' => {}
            other => unified.push(other),
        }
    }
    assert_eq!(read, unified);
});
