//! What one client causes after another was answered comes after it, whichever shards they are on.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use server::Settings;
use server::settings::Flags;
use tungstenite::Message;

use crate::{Client, nobody, open, read};

const ROUNDS: u32 = 1_000;

/// A Centrifugo client that leaves nothing unread: a message may have several lines.
struct Session {
    socket: Client,
    lines: VecDeque<String>,
}

impl Session {
    fn open(address: SocketAddr, path: &str) -> Self {
        Self { socket: open(address, path), lines: VecDeque::new() }
    }

    /// Sends a command, and reads until a line has `wanted`.
    fn say(&mut self, command: String, wanted: &str) -> String {
        self.socket.send(Message::text(command)).unwrap();
        self.hear(wanted)
    }

    fn hear(&mut self, wanted: &str) -> String {
        loop {
            while let Some(line) = self.lines.pop_front() {
                if line.contains(wanted) {
                    return line;
                }
            }
            let message = read(&mut self.socket).unwrap().into_text().unwrap();
            for line in message.lines() {
                self.lines.push_back(line.to_owned());
            }
        }
    }
}

/// Keeps a shard's turns long: it has its socket to read when the others' parcels come.
fn make_busy(address: SocketAddr, over: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut publisher = open(address, "/pub");
        let mut publication = b"\x05noise".to_vec();
        publication.resize(2_000, b'.');
        while !over.load(Ordering::Relaxed) {
            (0..20).for_each(|_| publisher.write(Message::Binary(publication.clone().into())).unwrap());
            publisher.flush().unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    })
}

/// A join overtook another, of a client that had been told that it was subscribed.
#[test]
fn joins_are_told_in_the_order_in_which_their_clients_were_answered() {
    let file = std::env::temp_dir().join(format!("ringcast-order-{}.toml", std::process::id()));
    // Without pings: on a slow machine a client may have its turn after the time in which it should have answered one.
    let settings = "[client]\nping_interval = \"0s\"\n\
        [[namespace]]\npattern = \"lobby.>\"\njoin_leave = true\nforce_push_join_leave = true\n";
    std::fs::write(&file, settings).unwrap();
    let flags = Flags { dev: true, port: Some(0), shards: NonZeroU16::new(2), ..Flags::default() };
    let server = server::run_with(Settings::load(Some(&file), flags).unwrap(), nobody()).unwrap();
    std::fs::remove_file(&file).unwrap();
    let address = server.address();
    let over = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..4).map(|_| make_busy(address, Arc::clone(&over))).collect();
    // Some of them on either shard.
    let mut clients: Vec<(Session, String)> = (0..8)
        .map(|number| {
            let mut client = Session::open(address, "/connection/websocket");
            let answer = client.say(format!(r#"{{"id":1,"connect":{{"name":"{number}"}}}}"#), "\"client\":");
            let id = answer.split("\"client\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            (client, id)
        })
        .collect();
    for round in 0..ROUNDS {
        let subscribe = format!(r#"{{"id":2,"subscribe":{{"channel":"lobby.{round}"}}}}"#);
        let [(first, one), (second, other)] = clients.get_disjoint_mut([0, 1 + round as usize % 7]).unwrap();
        first.say(subscribe.clone(), "\"subscribe\":");
        second.say(subscribe, "\"subscribe\":");
        let mut seen = (0..2).map(|_| first.hear("\"join\":"));
        let told = seen.next().unwrap();
        assert!(told.contains(one.as_str()), "round {round}: not {one} but {told}, the other is {other}");
        let told = seen.next().unwrap();
        assert!(told.contains(other.as_str()), "round {round}: not {other} but {told}");
        for client in [first, second] {
            client.say(format!(r#"{{"id":3,"unsubscribe":{{"channel":"lobby.{round}"}}}}"#), "\"unsubscribe\":");
        }
    }
    over.store(true, Ordering::Relaxed);
    busy.into_iter().for_each(|one| one.join().unwrap());
    drop(clients);
    server.leave();
    server.wait().unwrap();
}
