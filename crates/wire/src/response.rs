//! HTTP/1.1 responses, written.
use alloc::vec::Vec;

/// Writes a response's head. `length` is the body's, or `None` if the body ends with the connection, or there can't be one.
pub fn write_head(out: &mut Vec<u8>, status: u16, fields: &[(&str, &str)], length: Option<u64>, keep_alive: bool) {
    write_status(out, status);
    for (name, value) in fields {
        write_field(out, name, value);
    }
    if let Some(length) = length {
        out.extend_from_slice(b"Content-Length: ");
        write_decimal(out, length);
        out.extend_from_slice(b"\r\n");
    }
    write_field(out, "Connection", if keep_alive { "keep-alive" } else { "close" });
    out.extend_from_slice(b"\r\n");
}

/// Writes a whole response; without a body its length is 0. 1xx, 204 and 304 have neither (RFC 9110, section 8.6).
pub fn write(out: &mut Vec<u8>, status: u16, fields: &[(&str, &str)], body: Option<&[u8]>, keep_alive: bool) {
    let body = body.unwrap_or(&[]);
    if matches!(status, 100..=199 | 204 | 304) {
        debug_assert!(body.is_empty(), "{status} has no body");
        write_head(out, status, fields, None, keep_alive);
        return;
    }
    write_head(out, status, fields, Some(body.len() as u64), keep_alive);
    out.extend_from_slice(body);
}

/// The interim response to a client that [expects](crate::head::Head::expects_continue) one.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The phrase that goes with a status: RFC 9110, section 15. Empty for one that nobody here sends.
#[must_use]
pub const fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

fn write_status(out: &mut Vec<u8>, status: u16) {
    debug_assert!((100..600).contains(&status));
    out.extend_from_slice(b"HTTP/1.1 ");
    write_decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(phrase(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes a field line. What would end the line is written as a space (RFC 9110, section 5.5): a value can't become a field.
pub(crate) fn write_field(out: &mut Vec<u8>, name: &str, value: &str) {
    debug_assert!(!name.is_empty() && !name.bytes().any(|byte| byte <= b' ' || byte == b':'));
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend(value.bytes().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { byte }));
    out.extend_from_slice(b"\r\n");
}

fn write_decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b"0123456789"[(rest % 10) as usize];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}
