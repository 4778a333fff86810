//! Out of descriptors: accepting pauses and goes on, and who is in does not notice. A process of its own, for its limit.
#![allow(clippy::unwrap_used, reason = "a test says what failed")]
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use server::Settings;
use server::settings::Flags;

/// Descriptors of each file table.
const LIMIT: u64 = 128;

/// A long poll that does not wait: answered by the shard, which keeps the connection.
const REQUEST: &[u8] = b"GET /sub/news?timeout=0 HTTP/1.1\r\nHost: x\r\n\r\n";

/// Connects and asks, without waiting for the answer.
fn ask(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.write_all(REQUEST).unwrap();
    client
}

/// Whether an answer comes within the time.
fn answered(client: &mut TcpStream, within: Duration) -> bool {
    client.set_read_timeout(Some(within)).unwrap();
    client.read(&mut [0; 4_096]).is_ok_and(|count| count > 0)
}

#[test]
fn accepting_pauses_and_goes_on() {
    setrlimit(Resource::Nofile, Rlimit { current: Some(LIMIT), maximum: Some(LIMIT) }).unwrap();
    let flags = Flags { dev: true, port: Some(0), shards: NonZeroU16::new(1), ..Flags::default() };
    let server = server::run_with(Settings::load(None, flags).unwrap(), Arc::new(|_, _| ())).unwrap();
    let address = server.address();

    // Each half of the clients in a file table of its own.
    let (first, second) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let (told, tell) = mpsc::channel();
    let early = std::thread::spawn({
        let told = told.clone();
        move || {
            ring::unshare().unwrap();
            let mut clients: Vec<TcpStream> = (0..80).map(|_| ask(address)).collect();
            assert!(clients.iter_mut().all(|client| answered(client, Duration::from_secs(10))));
            told.send(()).unwrap();
            // The others have filled the table by now.
            first.1.recv().unwrap();
            let began = clients.iter_mut().all(|client| {
                client.write_all(REQUEST).unwrap();
                answered(client, Duration::from_secs(2))
            });
            assert!(began, "who is in does not notice");
            drop(clients);
            told.send(()).unwrap();
        }
    });
    tell.recv().unwrap();
    let late = std::thread::spawn(move || {
        ring::unshare().unwrap();
        let mut clients: Vec<TcpStream> = (0..80).map(|_| ask(address)).collect();
        let mut waiting = 0;
        for client in clients.iter_mut().rev().take(20) {
            waiting += u32::from(!answered(client, Duration::from_millis(20)));
        }
        assert!(waiting > 10, "the table has room for {LIMIT} only");
        told.send(()).unwrap();
        second.1.recv().unwrap();
        assert!(clients.iter_mut().rev().take(20).all(|client| answered(client, Duration::from_secs(5))));
    });
    tell.recv().unwrap();
    first.0.send(()).unwrap();
    tell.recv().unwrap();
    early.join().unwrap();
    second.0.send(()).unwrap();
    late.join().unwrap();
}
