//! Whose pages may connect: the protocol page, section 1.1.
use shard::{Endpoints, Origins, Refusal, ShardConfig};

use crate::desk::{Desk, dev};
use crate::emulation::{CONNECT, post};

#[test]
fn pages_of_other_origins_may_what_the_settings_say() {
    let origins = Origins::Globs(vec!["https://*.example.com".into()]);
    let mut desk = Desk::new(&ShardConfig { endpoints: Endpoints { origins, ..dev().endpoints }, ..dev() });
    for path in ["/emulation", "/connection/sse", "/connection/http_stream"] {
        for (origin, admitted) in [("https://a.example.com", true), ("https://a.example.org", false)] {
            let said = |answer: &str| answer.contains(&format!("\r\nAccess-Control-Allow-Origin: {origin}\r\n"));
            let asked = format!(
                "OPTIONS {path} HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\nAccess-Control-Request-Headers: x-one, x-two\r\n\r\n"
            );
            let answer = desk.request(asked);
            assert!(answer.starts_with("HTTP/1.1 204 ") && said(&answer) == admitted, "{answer}");
            assert!(answer.contains("\r\nAccess-Control-Max-Age: 300\r\n"), "{answer}");
            assert!(
                answer.contains("\r\nAccess-Control-Allow-Methods: ") && answer.contains("POST, OPTIONS\r\n"),
                "{answer}"
            );
            assert_eq!(answer.contains("\r\nAccess-Control-Allow-Headers: x-one, x-two\r\n"), admitted, "{answer}");
            assert_eq!(answer.contains("\r\nAccess-Control-Allow-Credentials: true\r\n"), admitted, "{answer}");
            for body in [CONNECT, &"x".repeat(70_000)] {
                let request = post(path, body).replace("Host: h\r\n", &format!("Host: h\r\nOrigin: {origin}\r\n"));
                let answer = desk.request(request);
                // The page is told nothing; the request is served all the same, as for every program that is no browser.
                assert!(said(&answer) == admitted, "{path} {}: {answer}", body.len());
                assert_eq!(answer.starts_with("HTTP/1.1 413 "), body.len() > 100, "{answer}");
            }
        }
    }
    let upgrade = crate::desk::upgrade("/connection/websocket");
    for (origin, status) in
        [("https://a.example.com", 101), ("HTTPS://A.EXAMPLE.COM", 101), ("https://example.org", 403), ("null", 403)]
    {
        let answer = desk.request(upgrade.replace("Host: h\r\n", &format!("Host: h\r\nOrigin: {origin}\r\n")));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {answer}");
    }
    assert!(desk.request(upgrade).starts_with("HTTP/1.1 101 "), "no page at all");
    assert_eq!(desk.refusals(Refusal::Forbidden), 2);
}
