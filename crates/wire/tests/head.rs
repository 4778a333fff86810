//! RFC 9112, sections 2 to 5 and 9.3: the request head.
use std::borrow::Cow;

use wire::head::{Head, HeadError, HeadLimits, PercentError, parse, percent_decode};

pub(crate) const LIMITS: HeadLimits = HeadLimits { bytes_max: 4_096, fields_max: 32 };

/// What a browser sends.
pub(crate) const BROWSER: &[u8] = b"GET /sub/price.eur?since=abc%2F1&x HTTP/1.1\r\n\
    Host: push.example.org:8000\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://www.example.org\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

#[track_caller]
pub(crate) fn head(bytes: &[u8]) -> Head<'_> {
    parse(bytes, &LIMITS).expect("the head is right").expect("the head is whole")
}

#[track_caller]
fn fails(bytes: &[u8], error: HeadError) {
    assert_eq!(parse(bytes, &LIMITS).map(|_| ()), Err(error), "{}", bytes.escape_ascii());
}

#[test]
fn what_a_browser_sends() {
    let head = head(BROWSER);
    assert_eq!((head.method(), head.path(), head.query()), ("GET", "/sub/price.eur", Some("since=abc%2F1&x")));
    assert_eq!(head.len(), BROWSER.len());
    assert_eq!(head.field("HOST"), Some(&b"push.example.org:8000"[..]));
    assert_eq!(head.field("origin"), Some(&b"https://www.example.org"[..]));
    assert_eq!(head.field("cookie"), None);
    assert_eq!(head.param("since"), Some(Cow::Borrowed("abc/1")));
    assert!(head.keep_alive() && !head.expects_continue());
}

#[test]
fn is_incomplete_at_each_place_before_its_end() {
    for end in 0..BROWSER.len() {
        assert!(parse(&BROWSER[..end], &LIMITS).is_ok_and(|head| head.is_none()), "{end} bytes");
    }
    let with_more = [BROWSER, b"\x81\x80"].concat();
    assert_eq!(head(&with_more).len(), BROWSER.len());
}

#[test]
fn forms_of_the_target() {
    for (target, path, query) in [
        ("/", "/", None),
        ("/a/b%20c", "/a/b%20c", None),
        ("/?", "/", Some("")),
        ("/a?b?c", "/a", Some("b?c")),
        ("//a", "//a", None),
        ("*", "*", None),
        ("http://example.org", "/", None),
        ("HTTP://example.org/a?b", "/a", Some("b")),
        ("ws://example.org?b", "/", Some("b")),
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = head(bytes.as_bytes());
        assert_eq!((head.path(), head.query()), (path, query), "{target}");
    }
    for target in ["a", "/a#b", "http://", "http:///a", "ftp://a/b", "example.org:80"] {
        fails(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), HeadError::Target);
    }
}

#[test]
fn parameters() {
    let head = head(b"GET /?a=1&b=%41+%2b&&c&a=2&=e&d=x=y&f=%zz&g=%ff&h=%c3%a4&i%3d=j HTTP/1.1\r\nHost: a\r\n\r\n");
    let param = |name| head.param(name).map(Cow::into_owned);
    assert_eq!(param("a").as_deref(), Some("1"));
    assert_eq!(param("b").as_deref(), Some("A++"));
    assert_eq!(param("c").as_deref(), Some(""));
    assert_eq!(param("").as_deref(), Some("e"));
    assert_eq!(param("d").as_deref(), Some("x=y"));
    assert_eq!(param("f").as_deref(), Some("%zz"));
    assert_eq!(param("g").as_deref(), Some("%ff"));
    assert_eq!(param("h").as_deref(), Some("ä"));
    assert_eq!(param("i=").as_deref(), Some("j"));
    assert_eq!(param("e"), None);
    assert_eq!(head.params().count(), 10);
}

#[test]
fn a_plus_is_a_space_in_forms() {
    let head = head(b"GET /?a=1+2%2B3&b=%2&c HTTP/1.1\r\nHost: a\r\n\r\n");
    for (name, value) in [("a", Some("1 2+3")), ("b", Some("%2")), ("c", Some("")), ("d", None)] {
        assert_eq!(head.form_param(name).as_deref(), value, "{name}");
    }
}

#[test]
fn percent_escapes() {
    assert_eq!(percent_decode("plain+").unwrap(), Cow::Borrowed(b"plain+"));
    assert_eq!(percent_decode("%00%fF%e2%82%ac%").map(Cow::into_owned), Err(PercentError));
    assert_eq!(percent_decode("a%00%fFb").unwrap().as_ref(), b"a\x00\xffb");
    for bad in ["%", "%1", "%g0", "%0g", "a%%20"] {
        assert_eq!(percent_decode(bad), Err(PercentError), "{bad}");
    }
}

#[test]
fn fields_that_come_twice_are_one_list() {
    let head = head(b"GET / HTTP/1.1\r\nHost: a\r\nX: 1, 2\r\nY: 0\r\nx:3 \r\nX: ,\r\nx:\r\n\r\n");
    assert_eq!(head.fields("x").collect::<Vec<_>>(), [&b"1, 2"[..], b"3", b",", b""]);
    assert_eq!(head.tokens("x").collect::<Vec<_>>(), [b"1", b"2", b"3"]);
    assert!(head.has_token("X", "3") && !head.has_token("x", ""));
}

#[test]
fn keep_alive_by_version_and_connection() {
    for (version, connection, expected) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: foo, CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let bytes = format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n");
        assert_eq!(head(bytes.as_bytes()).keep_alive(), expected, "{bytes}");
    }
}

#[test]
fn expectations() {
    assert!(head(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").expects_continue());
    assert!(!head(b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").expects_continue());
}

#[test]
fn hosts() {
    fails(b"GET / HTTP/1.1\r\n\r\n", HeadError::HostMissing);
    fails(b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", HeadError::HostTwice);
    assert_eq!(head(b"GET / HTTP/1.0\r\n\r\n").minor_version(), 0);
    assert_eq!(head(b"GET / HTTP/1.1\r\nHost:\r\n\r\n").field("host"), Some(&b""[..]));
}

#[test]
fn other_versions() {
    for line in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.2\r\n\r\n",
        "GET / HTTP/0.9\r\n\r\n",
    ] {
        fails(line.as_bytes(), HeadError::Version);
    }
    assert_eq!(HeadError::Version.status(), 505);
}

#[test]
fn what_is_no_request_line() {
    for line in
        ["GET\r\n\r\n", "GET /\r\n\r\n", " GET / HTTP/1.1\r\n\r\n", "G@T / HTTP/1.1\r\n\r\n", "GET / FTP/1.1\r\n\r\n"]
    {
        fails(line.as_bytes(), HeadError::RequestLine);
    }
    // A TLS hello on a plain port.
    fails(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", HeadError::RequestLine);
    fails(b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::RequestLine);
}

#[test]
fn what_is_no_field() {
    for field in ["a b: c", "a : c", ": c", "a", "a: b\0c", "a: b\r\n c", "a\u{e4}: b", "a: b\rc"] {
        fails(format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n").as_bytes(), HeadError::Field);
    }
}

#[test]
fn a_head_too_large() {
    let fits = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(4_096 - 32));
    assert_eq!(fits.len(), 4_096);
    let fits = fits.into_bytes();
    assert_eq!(head(&fits).len(), 4_096);
    assert!(parse(&fits[..4_095], &LIMITS).is_ok_and(|head| head.is_none()));
    let over = [&fits[..4_092], b"y\r\n\r\n"].concat();
    fails(&over, HeadError::TooLarge);
    // Without its end it is too large from the first byte over.
    assert!(parse(&vec![b'A'; 4_096], &LIMITS).is_ok_and(|head| head.is_none()));
    fails(&vec![b'A'; 4_097], HeadError::TooLarge);
    fails(&vec![b'A'; 100_000], HeadError::TooLarge);
    // What follows the head doesn't count.
    assert_eq!(head(&[BROWSER, &[0; 100_000]].concat()).len(), BROWSER.len());
}

#[test]
fn too_many_fields() {
    let with = |count| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert_eq!(head(with(31).as_bytes()).fields("x").count(), 31);
    fails(with(32).as_bytes(), HeadError::TooManyFields);
    let wide = HeadLimits { bytes_max: usize::MAX, fields_max: usize::MAX };
    assert_eq!(parse(with(63).as_bytes(), &wide).unwrap().unwrap().fields("x").count(), 63);
    assert_eq!(parse(with(64).as_bytes(), &wide).map(|_| ()), Err(HeadError::TooManyFields));
}

#[test]
fn empty_lines_before_the_head_are_part_of_it() {
    let bytes = b"\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = head(bytes);
    assert_eq!((head.path(), head.len(), head.field("host")), ("/a", bytes.len(), Some(&b"a"[..])));
}

#[test]
fn statuses() {
    for (error, status) in [
        (HeadError::RequestLine, 400),
        (HeadError::HostMissing, 400),
        (HeadError::BodyTooLarge, 413),
        (HeadError::TooLarge, 431),
        (HeadError::TooManyFields, 431),
        (HeadError::TransferCoding, 501),
    ] {
        assert_eq!(error.status(), status, "{error}");
    }
}
