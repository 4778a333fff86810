//! Clients that send no more behind their request, as `nc -N` does and some of HTTP/1.0.
use std::net::Shutdown;
use std::time::Duration;

use crate::support::{Peer, Server, post};
use control::ControlSettings;

fn dev() -> ControlSettings {
    ControlSettings { dev: true, ..ControlSettings::default() }
}

/// A peer that has sent `bytes` and its FIN, at once or after a moment.
fn finished(server: &Server, bytes: &str, pause: Duration) -> Peer {
    let mut peer = server.connect();
    peer.send(bytes);
    std::thread::sleep(pause);
    peer.0.shutdown(Shutdown::Write).unwrap();
    peer
}

const PAUSES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(20)];

#[test]
fn a_whole_request_before_a_fin_is_answered() {
    let server = Server::start(dev());
    let publish = post("/api/publish", "", r#"{"channel":"a","data":1}"#);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    for pause in PAUSES {
        for request in [&publish, &get("/metrics"), &get("/openapi.yaml"), &get("/nonsense")] {
            let mut peer = finished(&server, request, pause);
            let answer = peer.answer();
            assert_eq!(answer.status == 200, !request.contains("nonsense"), "{answer:?}");
            assert!(peer.is_closed(), "{request}");
        }
        // All of them, and the connection ends behind the last.
        let mut peer = finished(&server, &publish.repeat(3), pause);
        for _ in 0..3 {
            assert_eq!(peer.answer().status, 200);
        }
        assert!(peer.is_closed());
    }
    assert_eq!(server.recorder.published.lock().unwrap().len(), 8);
}

#[test]
fn a_long_answer_reaches_a_peer_that_reads_slowly_and_sends_no_more() {
    let server = Server::start(dev());
    let commands = r#"{"method":"history","params":{"channel":"a"}}"#.repeat(4_000);
    let mut peer = finished(&server, &post("/api", "", &commands), Duration::ZERO);
    // More than both ends' buffers hold.
    std::thread::sleep(Duration::from_millis(200));
    let answer = peer.answer();
    assert_eq!((answer.status, answer.body.lines().count()), (200, 4_000));
    assert!(peer.is_closed());
}

#[test]
fn half_a_request_before_a_fin_ends_at_once() {
    let server = Server::start(dev());
    for pause in PAUSES {
        let half = "POST /api/publish HTTP/1.1\r\nHost: test\r\nContent-Length: 24\r\n\r\n{\"channel\"";
        let mut peer = finished(&server, half, pause);
        assert_eq!(peer.answer().status, 400);
        assert!(peer.is_closed());
        assert!(finished(&server, "GET /healthz HTTP/1.1\r\nHo", pause).is_closed());
    }
    assert!(server.recorder.published.lock().unwrap().is_empty());
}
