//! An independent implementation reads what we write, and we read what it writes.
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

use base::Prng;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocket, WebSocketConfig};
use tungstenite::{Message, Utf8Bytes};
use wire::frame::{Opcode, close_frame};

use crate::feed::{CLIENT, SERVER, Seen, client, in_pieces, server};

/// What goes to the peer, and what comes from it.
#[derive(Clone, Default)]
struct Pipe {
    to_peer: Rc<RefCell<VecDeque<u8>>>,
    from_peer: Rc<RefCell<Vec<u8>>>,
}

impl Read for Pipe {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.to_peer.borrow_mut().read(bytes) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            other => other,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.from_peer.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn messages(seed: u64) -> Vec<Seen> {
    let mut random = Prng::new(seed, "tungstenite");
    let lengths = [0, 1, 5, 124, 125, 126, 127, 500, 65_535, 65_536];
    (0..20)
        .map(|_| {
            let len = lengths[usize::try_from(random.below(lengths.len() as u64)).unwrap()];
            let mut bytes = vec![0; len];
            random.fill(&mut bytes);
            match random.below(4) {
                0 => Seen::Text("aß€🦀".chars().cycle().take(len / 4).collect()),
                1 => Seen::Binary(bytes),
                2 => Seen::Ping(bytes.into_iter().take(125).collect()),
                _ => Seen::Pong(bytes.into_iter().take(125).collect()),
            }
        })
        .collect()
}

fn theirs(seen: &Seen) -> Message {
    match seen.clone() {
        Seen::Text(text) => Message::text(text),
        Seen::Binary(bytes) => Message::binary(bytes),
        Seen::Ping(bytes) => Message::Ping(bytes.into()),
        Seen::Pong(bytes) => Message::Pong(bytes.into()),
        Seen::Close(code, reason) => {
            Message::Close(code.map(|code| CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from(reason) }))
        }
    }
}

fn ours(seen: &Seen, frame: impl Fn(Opcode, &[u8]) -> Vec<u8>) -> Vec<u8> {
    match seen {
        Seen::Text(text) => frame(Opcode::Text, text.as_bytes()),
        Seen::Binary(bytes) => frame(Opcode::Binary, bytes),
        Seen::Ping(bytes) => frame(Opcode::Ping, bytes),
        Seen::Pong(bytes) => frame(Opcode::Pong, bytes),
        Seen::Close(code, reason) => frame(Opcode::Close, close_frame(code.unwrap(), reason).payload()),
    }
}

#[test]
fn what_it_writes_is_read() {
    for seed in 0..30 {
        for (role, decoder) in [(Role::Client, SERVER), (Role::Server, CLIENT)] {
            let pipe = Pipe::default();
            let mut peer = WebSocket::from_raw_socket(pipe.clone(), role, None);
            let mut sent = messages(seed);
            for message in &sent {
                peer.send(theirs(message)).unwrap();
            }
            peer.close(Some(CloseFrame { code: CloseCode::Away, reason: "bye".into() })).unwrap();
            sent.push(Seen::Close(Some(1001), "bye".into()));
            let bytes = pipe.from_peer.borrow();
            let piece = 1 + usize::try_from(Prng::new(seed, "pieces").below(5_000)).unwrap();
            assert_eq!(in_pieces(decoder, bytes.chunks(piece)).events, sent, "seed {seed}, {role:?}");
        }
    }
}

#[test]
fn what_we_write_it_reads() {
    for seed in 0..30 {
        for role in [Role::Client, Role::Server] {
            let pipe = Pipe::default();
            // With the default it takes unmasked frames from clients, too.
            let config = WebSocketConfig::default().accept_unmasked_frames(false);
            let mut peer = WebSocket::from_raw_socket(pipe.clone(), role, Some(config));
            let mut sent = messages(seed);
            sent.push(Seen::Close(Some(1012), "restart".into()));
            for message in &sent {
                let bytes = match role {
                    Role::Server => ours(message, client),
                    Role::Client => ours(message, server),
                };
                pipe.to_peer.borrow_mut().extend(bytes);
                assert_eq!(peer.read().unwrap(), theirs(message), "seed {seed}, {role:?}");
            }
        }
    }
}

/// The whole handshake over memory, its client against our server's side.
#[test]
fn it_is_upgraded() {
    let request = tungstenite::client::IntoClientRequest::into_client_request("ws://127.0.0.1:8000/sub/a?b=c").unwrap();
    let pipe = Pipe::default();
    let handshake = tungstenite::ClientHandshake::start(pipe.clone(), request, None).unwrap();
    let Err(tungstenite::HandshakeError::Interrupted(handshake)) = handshake.handshake() else {
        panic!("it waits for our answer");
    };
    let request = pipe.from_peer.take();
    let head = crate::head::head(&request);
    let upgrade = wire::upgrade::check(&head).unwrap().unwrap();
    let mut answer = Vec::new();
    wire::upgrade::write_response(&mut answer, upgrade.key, None, None);
    answer.extend(server(Opcode::Text, b"first"));
    pipe.to_peer.borrow_mut().extend(answer);
    let Ok((mut socket, _)) = handshake.handshake() else { panic!("it takes our answer") };
    assert_eq!(socket.read().unwrap(), Message::text("first"));
}

/// The other way round: our client's side against its server.
#[test]
fn it_upgrades_us() {
    let pipe = Pipe::default();
    let key = wire::upgrade::client_key([9; 16]);
    let mut request = Vec::new();
    wire::upgrade::write_request(&mut request, "127.0.0.1", "/", &key, &[]);
    pipe.to_peer.borrow_mut().extend(request);
    let mut socket = tungstenite::accept(pipe.clone()).unwrap_or_else(|_| panic!("it takes our request"));
    let answer = pipe.from_peer.take();
    assert_eq!(wire::upgrade::check_response(&answer, &key), Ok(Some(answer.len())));
    pipe.to_peer.borrow_mut().extend(client(Opcode::Text, b"first"));
    assert_eq!(socket.read().unwrap(), Message::text("first"));
}
