//! Bad neighbours: a healthy client on the same shard keeps its messages and its latency meanwhile.
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tungstenite::Message;

use crate::server::{Client, Server, next_text};

/// Publishes and receives 200 messages, one at a time; gives the slowest round trip.
fn worst_round_trip(publisher: &mut Client, listener: &mut Client) -> Duration {
    let mut worst = Duration::ZERO;
    for n in 0..200 {
        let began = Instant::now();
        publisher.send(Message::binary(format!("\x07healthy{n}").into_bytes())).unwrap();
        assert_eq!(next_text(listener), n.to_string());
        worst = worst.max(began.elapsed());
    }
    worst
}

fn healthy(server: &Server) -> (Client, Client) {
    (server.websocket("/pub"), server.websocket("/sub/healthy"))
}

/// Generous, since the machine of a test may be busy: what is looked for is a shard that stands still.
const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn slow_handshakes_and_half_open_peers_disturb_nobody() {
    let server = Server::start(&["--dev", "--shards", "1"]);
    let (mut publisher, mut listener) = healthy(&server);
    let mut peers: Vec<TcpStream> = (0..10_000).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.write_all(b"GET /sub/x HTTP/1.1\r\nHo").unwrap();
    }
    let worst = worst_round_trip(&mut publisher, &mut listener);
    assert!(worst < PATIENCE, "{worst:?}");
    drop(peers);
    assert!(worst_round_trip(&mut publisher, &mut listener) < PATIENCE);
}

#[test]
fn readers_that_never_read_are_bounded_and_closed() {
    let server = Server::start(&["--dev", "--shards", "1"]);
    let (mut publisher, mut listener) = healthy(&server);
    let mut deaf: Vec<Client> = (0..20).map(|_| server.websocket("/sub/flood")).collect();
    let mut frame = b"\x05flood".to_vec();
    frame.resize(64 << 10, b'x');
    for _ in 0..400 {
        publisher.send(Message::binary(frame.clone())).unwrap();
    }
    assert!(worst_round_trip(&mut publisher, &mut listener) < PATIENCE);
    let closed = server.metric("ringcast_refusals_total", "slow_consumer");
    assert!(closed >= 20.0, "{closed} of 20 were closed");
    assert!(server.metric("ringcast_outbox_bytes", "") < 20.0 * 2e6);
    // What they would have read ends with the reason.
    let end = loop {
        match deaf[0].read() {
            Ok(Message::Close(frame)) => break frame,
            Ok(_) => {}
            Err(_) => break None,
        }
    };
    assert!(end.is_none_or(|frame| u16::from(frame.code) == 1013));
}

#[test]
fn resets_in_mid_frame_and_leaving_subscribers_lose_nothing_for_others() {
    let server = Server::dev(&[]);
    let (mut publisher, mut listener) = healthy(&server);
    for round in 0..50 {
        let mut leaving: Vec<Client> = (0..20).map(|_| server.websocket("/sub/healthy,x,y")).collect();
        for client in leaving.drain(..10) {
            drop(client);
        }
        if let tungstenite::stream::MaybeTlsStream::Plain(stream) = leaving[0].get_mut() {
            stream.write_all(b"\x81\xfe\x10").unwrap();
        }
        publisher.send(Message::binary(format!("\x07healthy{round}").into_bytes())).unwrap();
        drop(leaving);
        assert_eq!(next_text(&mut listener), round.to_string());
    }
}

#[test]
fn a_flood_of_pings_from_a_peer_that_never_reads_is_not_kept() {
    let server = Server::start(&["--dev", "--shards", "1"]);
    let (mut publisher, mut listener) = healthy(&server);
    let mut rude = server.websocket("/echo");
    if let tungstenite::stream::MaybeTlsStream::Plain(stream) = rude.get_mut() {
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut ping = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
        ping.resize(6 + 125, b'p');
        let flood = ping.repeat(500);
        // 64 MB, or until the server stops reading.
        for _ in 0..1_000 {
            if stream.write_all(&flood).is_err() {
                break;
            }
        }
    }
    assert!(worst_round_trip(&mut publisher, &mut listener) < PATIENCE);
    assert!(server.metric("ringcast_outbox_bytes", "") < 4e6);
}
