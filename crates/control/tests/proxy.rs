//! Requests for the data plane on a connection that was handed over.
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::{Peer, Server, post};
use control::ControlSettings;

/// A data plane that does what `script` says with each connection, once the head is read.
fn data_plane(script: impl Fn(Peer, String) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let script = script.clone();
            thread::spawn(move || {
                let mut peer = Peer(stream);
                let head = peer.head();
                script(peer, head);
            });
        }
    });
    address
}

fn server(data_address: SocketAddr) -> Server {
    Server::start(ControlSettings { data_address, dev: true, ..ControlSettings::default() })
}

fn warmed_up(server: &Server) -> Peer {
    let mut peer = server.connect();
    peer.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(peer.answer().status, 200);
    peer
}

fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 512];
    while !String::from_utf8_lossy(&all).contains(wanted) {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "closed within {:?}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn an_event_stream_flows_event_by_event() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let (ended, end) = mpsc::channel();
    let address = data_plane(move |mut peer, head| {
        assert!(head.starts_with("GET /sub/a%20b?since=7 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("via: 1.1 ringcast-control"));
        assert!(head.contains("accept: text/event-stream"));
        assert!(!head.contains("x-hop"), "{head}");
        peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n");
        let _ = wait.lock().unwrap().recv();
        peer.send("data: 2\n\n");
        ended.send(peer.is_closed()).unwrap();
    });
    let server = server(address);
    let mut peer = warmed_up(&server);
    peer.send(
        "GET /sub/a%20b?since=7 HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\nX-Hop: 1\r\nConnection: X-Hop\r\n\r\n",
    );
    let head = read_until(&mut peer.0, "data: 1\n\n");
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-type: text/event-stream"), "{head}");
    assert!(!head.contains("nosniff"), "the data plane's answer goes through as it is");
    go.send(()).unwrap();
    read_until(&mut peer.0, "data: 2\n\n");
    drop(peer);
    assert_eq!(end.recv_timeout(Duration::from_secs(5)), Ok(true), "the end of the client ends the stream");
}

#[test]
fn a_body_is_passed_on_while_it_comes() {
    let address = data_plane(|mut peer, head| {
        assert!(head.starts_with("POST /pub/a HTTP/1.1\r\n"), "{head}");
        assert_eq!(peer.exactly(3), "abc");
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(peer.exactly(3), "def");
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    });
    let server = server(address);
    let mut peer = warmed_up(&server);
    peer.send("POST /pub/a HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\nabc");
    thread::sleep(Duration::from_millis(100));
    peer.send("def");
    assert_eq!((peer.answer().status), 200);
    peer.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(peer.answer().status, 200, "the connection goes on");
}

#[test]
fn an_upgrade_becomes_a_tunnel() {
    let address = data_plane(|mut peer, head| {
        assert!(head.contains("upgrade: websocket") && head.contains("connection: Upgrade"), "{head}");
        assert!(head.contains("sec-websocket-key: x"));
        peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: y\r\n\r\nfirst");
        assert_eq!(peer.exactly(4), "ping");
        peer.send("pong");
    });
    let server = server(address);
    let mut peer = warmed_up(&server);
    peer.send(
        "GET /echo HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: x\r\n\r\n",
    );
    let head = peer.head();
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("sec-websocket-accept: y"), "{head}");
    assert_eq!(peer.exactly(5), "first");
    peer.send("ping");
    assert_eq!(peer.exactly(4), "pong");
    assert!(peer.is_closed());
}

#[test]
fn nothing_is_buffered_whole() {
    const LARGE: usize = 64 << 20;
    let address = data_plane(|mut peer, _| {
        let _ = write!(peer.0, "HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
        peer.0.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        let piece = vec![b'x'; 1 << 20];
        let taken = (0..LARGE >> 20).take_while(|_| peer.0.write_all(&piece).is_ok()).count();
        // A reader that does not read holds what sockets hold, not the answer.
        assert!(taken < 48, "{taken} MiB went somewhere");
    });
    let server = server(address);
    let mut peer = warmed_up(&server);
    peer.send("GET /sub/a HTTP/1.1\r\nHost: test\r\n\r\n");
    thread::sleep(Duration::from_millis(1_500));
    let head = peer.head();
    assert!(head.starts_with("HTTP/1.1 200"));
}

#[test]
fn what_comes_back_handed_over_is_not_passed_on_again() {
    let server = server("127.0.0.1:1".parse().unwrap());
    let answer = server.ask("GET /echo HTTP/1.1\r\nHost: test\r\nVia: 1.1 ringcast-control\r\n\r\n");
    assert_eq!(
        (answer.status, answer.header("connection")),
        (404, Some("close")),
        "or it would be kept for the next one"
    );
}

#[test]
fn a_dead_data_plane_is_a_bad_gateway() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = server(closed);
    let answer = server.ask(&post("/pub/a", "", "x"));
    assert_eq!((answer.status, answer.body.as_str()), (502, r#"{"error":"the data plane did not answer"}"#));
}
