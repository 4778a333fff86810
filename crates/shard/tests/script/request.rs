//! Requests that are refused: the status, the reason in words, the counter; and what is not the data plane's.
use shard::Refusal;

use crate::desk::{Desk, dev, upgrade};

/// Request, status, words in the body, counter.
const REFUSED: &[(&str, &str, &str, Refusal)] = &[
    ("nonsense\r\n\r\n", "400 Bad Request", "the request line is malformed", Refusal::BadRequest),
    ("GET /sub/a HTTP/1.1\r\n\r\n", "400 Bad Request", "the Host field is missing", Refusal::BadRequest),
    ("GET /sub/a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", "400 Bad Request", "more than one Host", Refusal::BadRequest),
    ("GET /sub/a HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n", "400 Bad Request", "a header field", Refusal::BadRequest),
    ("GET /sub/a HTTP/2.0\r\nHost: h\r\n\r\n", "505 HTTP Version Not Supported", "version", Refusal::BadRequest),
    ("GET /sub/ HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "the subject is empty", Refusal::BadSubject),
    ("GET /sub/a, HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "the subject is empty", Refusal::BadSubject),
    ("GET /sub/%zz HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "two hex digits", Refusal::BadSubject),
    ("GET /sub/%ff HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "not valid UTF-8", Refusal::BadSubject),
    ("GET /sub/a%0ab HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "control character", Refusal::BadSubject),
    ("GET /sub/a.* HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "wildcard", Refusal::BadSubject),
    ("GET /sub/a?since=zzz HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "position", Refusal::BadPosition),
    ("GET /sub/a?timeout=soon HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request", "whole number", Refusal::BadRequest),
    ("DELETE /sub/a HTTP/1.1\r\nHost: h\r\n\r\n", "405 Method Not Allowed", "listen with GET", Refusal::NotFound),
    ("GET /pub/a HTTP/1.1\r\nHost: h\r\n\r\n", "405 Method Not Allowed", "publish with POST or PUT", Refusal::NotFound),
    ("GET /pub HTTP/1.1\r\nHost: h\r\n\r\n", "426 Upgrade Required", "speaks WebSocket", Refusal::BadUpgrade),
    (
        "GET /connection/websocket HTTP/1.1\r\nHost: h\r\n\r\n",
        "426 Upgrade Required",
        "speaks WebSocket",
        Refusal::BadUpgrade,
    ),
    // What follows would be taken for a request that a proxy has never seen.
    (
        "GET /sub/a?timeout=0 HTTP/1.1\r\nHost: h\r\nContent-Length: 31\r\n\r\nGET /sub/b HTTP/1.1\r\nHost: h\r\n\r\n",
        "400 Bad Request",
        "no body",
        Refusal::BadRequest,
    ),
    (
        "OPTIONS /pub/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400 Bad Request",
        "no body",
        Refusal::BadRequest,
    ),
    (
        "OPTIONS /emulation HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n\n",
        "400 Bad Request",
        "no body",
        Refusal::BadRequest,
    ),
    (
        "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        "400 Bad Request",
        "the Content-Length is not one number",
        Refusal::BadRequest,
    ),
    (
        "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "400 Bad Request",
        "ambiguous",
        Refusal::BadRequest,
    ),
    (
        "POST /pub/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
        "501 Not Implemented",
        "transfer coding",
        Refusal::BadRequest,
    ),
    (
        "POST /pub/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "400 Bad Request",
        "chunk",
        Refusal::BadRequest,
    ),
    (
        "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n",
        "413 Content Too Large",
        "a body has at most 1048576 bytes here",
        Refusal::TooLarge,
    ),
    (
        "POST /pub/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n",
        "413 Content Too Large",
        "too large",
        Refusal::TooLarge,
    ),
    (
        "POST /pub/a HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        "415 Unsupported Media Type",
        "content coding",
        Refusal::BadRequest,
    ),
    // What goes elsewhere has to have a body with one end too.
    (
        "POST /api/publish HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400 Bad Request",
        "ambiguous",
        Refusal::BadRequest,
    ),
    (
        "POST /api/publish HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "501 Not Implemented",
        "transfer coding",
        Refusal::BadRequest,
    ),
    (
        "POST /pub/a HTTP/1.1\r\nHost: h\r\nIdempotency-Key: \r\nContent-Length: 0\r\n\r\n",
        "400 Bad Request",
        "Idempotency-Key",
        Refusal::BadRequest,
    ),
];

#[test]
fn a_bad_request_is_told_why_and_counted() {
    for &(request, status, words, refusal) in REFUSED {
        let mut desk = Desk::new(&dev());
        let conn = desk.connect();
        let answer = desk.ask(conn, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?}: {answer}");
        assert!(answer.contains("\r\nContent-Type: application/json\r\n"), "{request:?}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{request:?}: {answer}");
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        assert!(body.starts_with("{\"error\":\"") && body.contains(words), "{request:?}: {body}");
        assert_eq!(desk.refusals(refusal), 1, "{request:?}");
        assert_eq!(desk.report().refusals.iter().sum::<u64>(), 1, "{request:?}");
        assert!(desk.is_shut(conn) && !desk.is_closed(conn), "{request:?}: FIN, and the peer may still read");
        desk.finish(conn);
        assert!(desk.is_closed(conn), "{request:?}");
        assert_eq!(desk.shard().holdings(), shard::Holdings::default(), "{request:?}");
    }
}

#[test]
fn a_bad_request_is_refused_wherever_it_is_split() {
    for &(request, status, ..) in REFUSED {
        for cut in 1..request.len() {
            let mut desk = Desk::new(&dev());
            let conn = desk.connect();
            let mut answer = desk.ask(conn, &request[..cut]);
            answer.push_str(&desk.ask(conn, &request[cut..]));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?} cut at {cut}: {answer}");
        }
    }
}

#[test]
fn another_websocket_version_is_told_which_one_is_spoken() {
    let mut desk = Desk::new(&dev());
    let answer = desk.request(upgrade("/sub/a").replace("Version: 13", "Version: 8"));
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    assert!(answer.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{answer}");
    assert_eq!(desk.refusals(Refusal::UpgradeVersion), 1);
}

#[test]
fn an_upgrade_field_is_listed_in_connection() {
    let mut desk = Desk::new(&dev());
    for request in
        [upgrade("/sub/a").replace("Version: 13", "Version: 8"), "GET /pub HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()]
    {
        let answer = desk.request(request);
        for field in ["Upgrade: websocket", "Connection: Upgrade", "Connection: close"] {
            assert!(answer.contains(&format!("\r\n{field}\r\n")), "{field} in {answer}");
        }
    }
}

#[test]
fn a_bad_upgrade_is_told_why() {
    let good = upgrade("/sub/a");
    for (bad, words) in [
        (good.replace("Connection: Upgrade", "Connection: close"), "needs Connection: Upgrade"),
        (good.replace("Upgrade: websocket\r\n", ""), "needs Upgrade: websocket"),
        (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), "16 bytes in base64"),
        (good.replace("Sec-WebSocket-Version: 13\r\n", ""), "needs Sec-WebSocket-Version"),
        (good.replace("HTTP/1.1", "HTTP/1.0"), "needs HTTP/1.1"),
        (good.replace("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc"), "no body"),
        (good.replace("GET ", "POST "), "must be a GET"),
    ] {
        let mut desk = Desk::new(&dev());
        let answer = desk.request(&bad);
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.contains(words), "{bad:?}: {answer}");
        assert_eq!(desk.refusals(Refusal::BadUpgrade), 1, "{bad:?}");
    }
}

#[test]
fn the_handshake_of_the_rfc_is_answered_as_in_the_rfc() {
    let mut desk = Desk::new(&dev());
    let answer = desk.request(upgrade("/sub/a"));
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
}

#[test]
fn what_is_not_the_data_planes_is_handed_over_with_its_bytes() {
    let mut desk = Desk::new(&dev());
    let conn = desk.connect();
    assert_eq!(desk.ask(conn, "GET /metrics HT"), "");
    assert_eq!(desk.ask(conn, "TP/1.1\r\nHost: h\r\n\r\nmore"), "");
    let expected = b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\nmore".to_vec();
    assert_eq!(desk.world().handed_over, [(conn.0, expected)]);
    assert_eq!(desk.report().connections.iter().sum::<u64>(), 0);
    assert_eq!(desk.shard().holdings(), shard::Holdings::default());
}

#[test]
fn a_browser_may_ask_before_it_publishes() {
    let mut desk = Desk::new(&dev());
    let answer = desk.request("OPTIONS /pub/a HTTP/1.1\r\nHost: h\r\nOrigin: http://elsewhere\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    assert!(answer.contains("\r\nAccess-Control-Allow-Origin: *\r\n"), "{answer}");
    assert!(answer.contains("\r\nAccess-Control-Allow-Methods: GET, POST, PUT, OPTIONS\r\n"), "{answer}");
}

#[test]
fn a_refused_method_is_told_the_methods_there_are_and_head_no_content() {
    let mut desk = Desk::new(&dev());
    for (path, methods) in [
        ("/sub/a", "GET, OPTIONS"),
        ("/pub/a", "POST, PUT, OPTIONS"),
        ("/emulation", "POST, OPTIONS"),
        ("/connection/http_stream", "POST, OPTIONS"),
        ("/connection/sse", "GET, POST, OPTIONS"),
    ] {
        for method in ["DELETE", "HEAD"] {
            let answer = desk.request(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 405 "), "{method} {path}: {answer}");
            assert!(answer.contains(&format!("\r\nAllow: {methods}\r\n")), "{method} {path}: {answer}");
            assert_eq!(answer.ends_with("\r\n\r\n"), method == "HEAD", "{method} {path}: {answer}");
        }
    }
}
