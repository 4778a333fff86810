//! A whole server in this process, over loopback.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test says what failed, and looks at the clock")]
mod order;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use server::settings::Flags;
use server::{GuestList, Running, Settings};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

type Client = WebSocket<MaybeTlsStream<TcpStream>>;

fn settings(shards: u16) -> Settings {
    let flags = Flags { dev: true, port: Some(0), shards: NonZeroU16::new(shards), ..Flags::default() };
    let mut settings = Settings::load(None, flags).unwrap();
    settings.drain_spread = Duration::from_millis(50);
    settings.drain_deadline = Duration::from_secs(5);
    settings
}

fn start(shards: u16) -> Running {
    server::run_with(settings(shards), nobody()).unwrap()
}

fn nobody() -> GuestList {
    Arc::new(|_, _| ())
}

fn open(address: SocketAddr, path: &str) -> Client {
    let (client, _) = tungstenite::connect(format!("ws://{address}{path}")).unwrap();
    match client.get_ref() {
        MaybeTlsStream::Plain(socket) => socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap(),
        _ => unreachable!("ws:// is plain"),
    }
    client
}

/// Reads a message, however often a signal comes between.
fn read(client: &mut Client) -> tungstenite::Result<Message> {
    loop {
        match client.read() {
            Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Asks over a connection of its own; the whole answer.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn publish(address: SocketAddr, subject: &str, payload: &str) {
    let answer = ask(
        address,
        &format!(
            "POST /pub/{subject} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{payload}",
            payload.len()
        ),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn publication(subject: &str, payload: &str) -> Message {
    let mut frame = vec![u8::try_from(subject.len()).unwrap()];
    frame.extend_from_slice(subject.as_bytes());
    frame.extend_from_slice(payload.as_bytes());
    Message::Binary(frame.into())
}

#[test]
fn every_subscriber_gets_every_message_in_order_across_shards() {
    let server = start(3);
    let address = server.address();
    let mut listeners: Vec<(String, Client)> = (0..30)
        .map(|number| {
            let subject = format!("subject-{}", number % 10);
            let client = open(address, &format!("/sub/{subject}"));
            (subject, client)
        })
        .collect();
    // The join of a subject that another shard owns is under way when the upgrade is answered.
    std::thread::sleep(Duration::from_millis(100));
    let mut publisher = open(address, "/pub");
    for number in 0..100 {
        for subject in 0..10 {
            publisher.send(publication(&format!("subject-{subject}"), &format!("{number}"))).unwrap();
        }
    }
    for (subject, listener) in &mut listeners {
        for number in 0..100 {
            let message = read(listener).unwrap();
            assert_eq!(message.into_data(), format!("{number}").as_bytes(), "{subject}");
        }
    }
    publish(address, "subject-3", "the last");
    assert_eq!(read(&mut listeners[3].1).unwrap(), Message::text("the last"));
    drop((listeners, publisher));
    server.leave();
    server.wait().unwrap();
}

#[test]
fn what_is_not_for_the_shards_is_answered_by_the_control_plane() {
    let server = start(2);
    let address = server.address();
    publish(address, "counted", "once");
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(ask(address, &request("/healthz")).starts_with("HTTP/1.1 200"));
    let metrics = ask(address, &request("/metrics"));
    for shard in ["0", "1"] {
        assert!(metrics.contains(&format!("ringcast_turns_total{{shard=\"{shard}\"}}")), "{metrics}");
    }
    assert!(metrics.lines().any(|line| line.starts_with("ringcast_messages_received_total") && line.ends_with(" 1")));
    server.leave();
    server.wait().unwrap();
}

/// What `nc -N` does.
#[test]
fn a_request_to_the_control_plane_with_a_fin_behind_it_is_answered() {
    let server = start(1);
    let body = r#"{"channel":"a","data":1}"#;
    for pause in [0, 50] {
        let mut socket = TcpStream::connect(server.address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let head = format!("POST /api/publish HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all(format!("{head}{body}").as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""result""#), "{answer}");
    }
    server.leave();
    server.wait().unwrap();
}

#[test]
fn a_large_request_to_the_control_plane_arrives_whole_however_much_of_it_one_read_brings() {
    let server = start(1);
    let data = "x".repeat(900 << 10);
    let body = format!(r#"{{"channel":"large","data":"{data}"}}"#);
    let length = body.len();
    for _ in 0..8 {
        let head = "POST /api/publish HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n";
        let answer = ask(server.address(), &format!("{head}Content-Length: {length}\r\n\r\n{body}"));
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""result""#), "{answer}");
    }
    server.leave();
    server.wait().unwrap();
}

/// Reads, however often a signal comes between.
fn uninterrupted(mut read: impl FnMut() -> std::io::Result<usize>) -> usize {
    loop {
        match read() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read.unwrap(),
        }
    }
}

/// Reads until `enough`.
fn read_until(socket: &mut TcpStream, enough: impl Fn(&str) -> bool) -> String {
    let (mut heard, mut part) = (String::new(), [0; 4096]);
    while !enough(&heard) {
        let count = uninterrupted(|| socket.read(&mut part));
        assert!(count > 0, "it ends after {heard:?}");
        heard.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    heard
}

/// Waits until no long poll is open.
fn no_poll_is_left(address: SocketAddr) {
    let began = Instant::now();
    loop {
        let metrics = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut polls = metrics.lines().filter(|line| line.contains("transport=\"long_poll\""));
        if polls.all(|line| line.ends_with(" 0")) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(15), "it is not noticed: {metrics}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The peer is not read while bytes behind its poll wait. Its end is noticed all the same, also on a connection that has had many requests, whose
/// poll for input goes on by itself.
#[test]
fn the_end_of_a_poll_with_bytes_behind_it_is_noticed() {
    let server = start(1);
    let address = server.address();
    let options = "OPTIONS /pub HTTP/1.1\r\nHost: x\r\n\r\n";
    let poll = "GET /sub/quiet?timeout=30 HTTP/1.1\r\nHost: x\r\n\r\n";
    for requests in [1, 100] {
        let connect = || {
            let mut socket = TcpStream::connect(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            for _ in 1..requests {
                socket.write_all(options.as_bytes()).unwrap();
                read_until(&mut socket, |heard| heard.contains("\r\n\r\n"));
            }
            socket
        };
        // An answer that is not read makes the end a reset.
        let mut broken = connect();
        broken.write_all(format!("{options}{poll}stray").as_bytes()).unwrap();
        uninterrupted(|| broken.peek(&mut [0]));
        drop(broken);
        no_poll_is_left(address);
        // A FIN that comes with the rest, and one that comes later.
        for pause in [0, 100] {
            let mut half = connect();
            half.write_all(format!("{poll}{options}{poll}").as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(pause));
            half.shutdown(std::net::Shutdown::Write).unwrap();
            let answers = read_until(&mut half, |heard| heard.matches("HTTP/1.1 204").count() == 3);
            assert_eq!(answers.matches("Ringcast-Position").count(), 2, "{answers}");
            no_poll_is_left(address);
        }
        // Who is still there is answered as ever.
        let mut patient = connect();
        patient.write_all(format!("{poll}{options}").as_bytes()).unwrap();
        publish(address, "quiet", "1");
        read_until(&mut patient, |heard| heard.matches("HTTP/1.1 20").count() == 2);
        patient.write_all(options.as_bytes()).unwrap();
        read_until(&mut patient, |heard| heard.contains("\r\n\r\n"));
    }
    server.leave();
    server.wait().unwrap();
}

#[test]
fn leaving_tells_the_clients_and_frees_the_port() {
    let server = start(2);
    let address = server.address();
    let mut listeners: Vec<Client> = (0..20).map(|_| open(address, "/sub/news")).collect();
    server.leave();
    for listener in &mut listeners {
        let told = read(listener);
        assert!(matches!(told, Ok(Message::Close(Some(_)))), "{told:?}");
        // The answer to the close, then the end.
        assert!(read(listener).is_err());
    }
    drop(listeners);
    let began = Instant::now();
    server.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "it waited for its deadline");
    assert!(TcpStream::connect(address).is_err());
}

/// A shard without connections of its own was gone at once, and its subjects with it.
#[test]
fn while_it_leaves_every_subject_has_its_owner() {
    let mut settings = settings(8);
    settings.drain_spread = Duration::from_secs(600);
    settings.drain_deadline = Duration::from_secs(600);
    let server = server::run_with(settings, nobody()).unwrap();
    let address = server.address();
    let subjects: Vec<String> = (0..32).map(|number| format!("news-{number}")).collect();
    let mut listener = open(address, &format!("/sub/{}", subjects.join(",")));
    let mut publisher = open(address, "/pub?ack=1");
    server.leave();
    while TcpStream::connect(address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..20 {
        for subject in &subjects {
            publisher.send(publication(subject, subject)).unwrap();
            assert_eq!(read(&mut listener).unwrap().into_data(), subject.as_bytes());
        }
    }
    server.leave();
    server.wait().unwrap();
}

#[test]
fn a_second_word_ends_it_at_once() {
    let mut settings = settings(1);
    settings.drain_spread = Duration::from_secs(60);
    settings.drain_deadline = Duration::from_secs(60);
    let server = server::run_with(settings, nobody()).unwrap();
    let _listeners: Vec<Client> = (0..5).map(|_| open(server.address(), "/sub/news")).collect();
    let began = Instant::now();
    server.leave();
    std::thread::sleep(Duration::from_millis(100));
    server.leave();
    server.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_port_that_is_taken_is_refused_with_advice() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(1);
    settings.address = taken.local_addr().unwrap();
    let refused = server::run_with(settings, nobody()).unwrap_err().to_string();
    assert!(refused.contains("ss -ltnp"), "{refused}");
}

#[test]
fn guests_of_the_executor_make_progress_while_traffic_is_served() {
    static TICKS: AtomicU32 = AtomicU32::new(0);
    static WRITES: AtomicU32 = AtomicU32::new(0);
    let path = std::env::temp_dir().join(format!("ringcast-guest-{}", std::process::id()));
    let written = path.clone();
    let guests: GuestList = Arc::new(move |_, guests| {
        let guest = guests.arrive();
        glommio::spawn_local(async move {
            for _ in 0..50 {
                glommio::timer::sleep(Duration::from_millis(10)).await;
                TICKS.fetch_add(1, Ordering::Relaxed);
            }
            drop(guest);
        })
        .detach();
        let guest = guests.arrive();
        let path = written.clone();
        glommio::spawn_local(async move {
            let file = glommio::io::BufferedFile::create(&path).await.unwrap();
            for number in 0..200 {
                file.write_at(vec![b'x'; 512], number * 512).await.unwrap();
                WRITES.fetch_add(1, Ordering::Relaxed);
            }
            file.close().await.unwrap();
            drop(guest);
        })
        .detach();
    });
    let server = server::run_with(settings(1), guests).unwrap();
    let mut echo = open(server.address(), "/echo");
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut during = 0;
    // As long as there are guests, and for a while after.
    while began.elapsed() < Duration::from_millis(900) {
        let asked = Instant::now();
        echo.send(Message::text("are you there?")).unwrap();
        assert_eq!(read(&mut echo).unwrap(), Message::text("are you there?"));
        slowest = slowest.max(asked.elapsed());
        during += u32::from(TICKS.load(Ordering::Relaxed) < 50);
    }
    assert_eq!((TICKS.load(Ordering::Relaxed), WRITES.load(Ordering::Relaxed)), (50, 200));
    assert!(during > 50, "{during} echoes while there were guests");
    assert!(slowest < Duration::from_millis(250), "an echo took {slowest:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 200 * 512);
    std::fs::remove_file(&path).unwrap();
    drop(echo);
    server.leave();
    server.wait().unwrap();
}
