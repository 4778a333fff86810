//! Clients that behave badly in every way, and one that behaves well; then nobody is left, and nothing of them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test says what failed, and looks at the clock")]
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base::Prng;
use server::Settings;
use server::settings::Flags;

const UPGRADE: &str = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \
                       dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Does one bad thing. Errors are part of it.
fn misbehave(address: SocketAddr, random: &mut Prng) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    let mut some = [0; 2_048];
    match random.below(9) {
        // Nothing at all.
        0 => {}
        // Half a head.
        1 => socket.write_all(b"GET /sub/news HTT")?,
        // A subscription, and off.
        2 => write!(socket, "GET /sub/news HTTP/1.1\r\n{UPGRADE}")?,
        // Half a frame.
        3 => {
            write!(socket, "GET /pub HTTP/1.1\r\n{UPGRADE}")?;
            let _answer = socket.read(&mut some);
            socket.write_all(&[0x82, 0xfe, 0x10, 0, 1, 2, 3])?;
        }
        // Publications without a mask.
        4 => {
            write!(socket, "GET /pub HTTP/1.1\r\n{UPGRADE}")?;
            let _answer = socket.read(&mut some);
            socket.write_all(&[0x82, 6, 4, b'n', b'e', b'w', b's', b'!'])?;
        }
        // Asks much, reads nothing.
        5 => {
            for _ in 0..200 {
                socket.write_all(b"GET /sub/news?timeout=0 HTTP/1.1\r\nHost: x\r\n\r\n")?;
            }
        }
        // Sends no more but waits for the answer.
        6 => {
            write!(socket, "GET /sub/news?timeout=0 HTTP/1.1\r\nHost: x\r\n\r\n")?;
            socket.shutdown(Shutdown::Write)?;
            let _answer = socket.read(&mut some);
        }
        // Something for the control plane.
        7 => write!(socket, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")?,
        // Noise.
        _ => {
            random.fill(&mut some);
            socket.write_all(&some)?;
        }
    }
    if random.one_in(2) {
        // Leaves with a reset.
        rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    }
    if random.one_in(3) {
        let _answer = socket.read(&mut some);
    }
    Ok(())
}

fn ask_metrics(address: SocketAddr) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Descriptors of the shards' file tables.
fn descriptors() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let shards = tasks
        .map(|task| task.unwrap().path())
        .filter(|path| std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("shard-")));
    shards.map(|path| std::fs::read_dir(path.join("fd")).unwrap().count()).sum()
}

#[test]
fn a_storm_leaves_nothing_behind_and_a_good_client_alone() {
    let flags = Flags { dev: true, port: Some(0), shards: NonZeroU16::new(2), ..Flags::default() };
    let server = server::run_with(Settings::load(None, flags).unwrap(), Arc::new(|_, _| ())).unwrap();
    let address = server.address();
    // Who has been answered by both shards knows that they have opened what they need.
    let metrics = ask_metrics(address);
    assert!(metrics.contains("shard=\"1\""), "{metrics}");
    let before = descriptors();

    let over = Arc::new(AtomicBool::new(false));
    let good = thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let (mut echo, _) = tungstenite::connect(format!("ws://{address}/echo")).unwrap();
            let mut slowest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                echo.send(tungstenite::Message::text("still there?")).unwrap();
                // A slow machine's storm is longer than the time to the first ping.
                let answer =
                    std::iter::repeat_with(|| echo.read().unwrap()).find(|message| !message.is_ping()).unwrap();
                assert_eq!(answer, tungstenite::Message::text("still there?"));
                slowest = slowest.max(asked.elapsed());
            }
            slowest
        }
    });
    let bad: Vec<_> = (0..4)
        .map(|number| {
            thread::spawn(move || {
                let mut random = Prng::new(number, "storm");
                for _ in 0..500 {
                    let _part_of_it = misbehave(address, &mut random);
                }
            })
        })
        .collect();
    bad.into_iter().for_each(|thread| thread.join().unwrap());
    over.store(true, Ordering::Relaxed);
    let slowest = good.join().unwrap();
    assert!(slowest < Duration::from_millis(500), "the good client waited {slowest:?}");

    // Half a head may take ten seconds, and a close as long.
    let began = Instant::now();
    while descriptors() > before && began.elapsed() < Duration::from_secs(25) {
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(descriptors(), before, "descriptors are left");
    server.leave();
    server.wait().unwrap();
}
