//! Event streams: WHATWG HTML, section 9.2.6.
use alloc::vec::Vec;

/// Writes one event. `id` and `event` must be without line ends and `id` without NUL, as the format has no way to write them;
/// what follows one is left out.
///
/// Each line of `data` is a field of its own, whether it ends in LF, CR LF or CR; the reader gets LF for all of them. Data
/// should be UTF-8: readers replace what isn't.
pub fn write_event(out: &mut Vec<u8>, id: Option<&str>, event: Option<&str>, data: Option<&[u8]>) {
    if let Some(id) = id {
        write_line(out, b"id: ", first_line(id));
    }
    if let Some(event) = event {
        write_line(out, b"event: ", first_line(event));
    }
    if let Some(data) = data {
        for_each_line(data, |line| write_line(out, b"data: ", line));
    }
    out.push(b'\n');
}

/// Writes a comment, which readers skip: a sign of life.
pub fn write_comment(out: &mut Vec<u8>, text: &str) {
    for_each_line(text.as_bytes(), |line| write_line(out, b": ", line));
    out.push(b'\n');
}

/// Writes how long a reader is to wait before it connects again, in milliseconds.
pub fn write_retry(out: &mut Vec<u8>, retry_ms: u32) {
    write_line(out, b"retry: ", alloc::format!("{retry_ms}").as_bytes());
    out.push(b'\n');
}

fn write_line(out: &mut Vec<u8>, field: &[u8], value: &[u8]) {
    out.reserve(field.len() + value.len() + 1);
    out.extend_from_slice(field);
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn first_line(text: &str) -> &[u8] {
    let end = memchr::memchr3(b'\r', b'\n', 0, text.as_bytes());
    debug_assert!(end.is_none(), "{text:?} can't be written in one line");
    &text.as_bytes()[..end.unwrap_or(text.len())]
}

fn for_each_line(text: &[u8], mut write: impl FnMut(&[u8])) {
    let mut rest = text;
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        write(&rest[..end]);
        let len = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + len..];
    }
    write(rest);
}
