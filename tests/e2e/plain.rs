//! The plain transports: one URL, three ways to listen; two ways to publish.
use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use tungstenite::Message;

use crate::server::{Server, member, next_text};

#[test]
fn a_websocket_gets_what_was_published_as_text_or_binary() {
    let server = Server::dev(&[]);
    let mut listener = server.websocket("/sub/a,b");
    server.publish("a", "hello");
    assert_eq!(listener.read().unwrap(), Message::text("hello"));
    let bytes = b"POST /pub/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n\xff\xfe";
    assert!(server.exchange(bytes).starts_with("HTTP/1.1 200 "));
    assert_eq!(listener.read().unwrap(), Message::binary(vec![0xff, 0xfe]));
    let said = b"PUT /pub/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: image/png\r\nContent-Length: 2\r\n\r\nok";
    assert!(server.exchange(said).starts_with("HTTP/1.1 200 "));
    assert_eq!(listener.read().unwrap(), Message::binary(b"ok".to_vec()));
}

#[test]
fn the_publish_stream_reaches_every_subject_in_order_and_is_acknowledged() {
    let server = Server::dev(&[]);
    let mut listeners: Vec<_> = (0..8).map(|n| server.websocket(&format!("/sub/stream-{n}"))).collect();
    let mut publisher = server.websocket("/pub?ack=1");
    for message in 0..2_000_u32 {
        let subject = format!("stream-{}", message % 8);
        let mut frame = vec![u8::try_from(subject.len()).unwrap()];
        frame.extend_from_slice(subject.as_bytes());
        frame.extend_from_slice(message.to_string().as_bytes());
        publisher.write(Message::binary(frame)).unwrap();
    }
    publisher.flush().unwrap();
    for (n, listener) in (0..).zip(&mut listeners) {
        for round in 0..250_u32 {
            assert_eq!(next_text(listener), (round * 8 + n).to_string());
        }
    }
    let mut accepted = 0;
    while accepted < 2_000 {
        let Message::Binary(bytes) = publisher.read().unwrap() else { panic!("an acknowledgement is binary") };
        let count = u64::from_le_bytes(bytes[..].try_into().unwrap());
        assert!(count > accepted, "acknowledgements grow");
        accepted = count;
    }
    assert_eq!(accepted, 2_000);
}

#[test]
fn an_event_stream_resumes_without_a_gap_or_says_reset() {
    let server = Server::dev(&["--history", "3"]);
    let first = server.publish("news", "one");
    server.publish("news", "two\nlines");
    let since = member(&first, "position");
    let mut stream = server.connect();
    let request = format!("GET /sub/news?since={since} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "HTTP/1.1 200 OK");
    let mut until = |wanted: &str| {
        let mut last_id = String::new();
        for line in lines.by_ref() {
            if let Some(id) = line.strip_prefix("id: ") {
                last_id = id.to_owned();
            }
            assert!(!line.starts_with("event: reset"), "nothing is missing");
            if line == wanted {
                return last_id;
            }
        }
        panic!("{wanted} never came");
    };
    until("data: two");
    until("data: lines");
    server.publish("news", "three");
    let resume_at = until("data: three");

    for n in 0..9 {
        server.publish("news", &format!("flood {n}"));
    }
    let response = server.get(&format!("/sub/news?since={resume_at}&timeout=5"));
    assert!(response.contains("\"reset\":true"), "{response}");
    assert!(response.contains("flood 8") && !response.contains("flood 5"), "{response}");
}

#[test]
fn a_long_poll_answers_at_once_or_waits_or_times_out() {
    let server = Server::dev(&["--history", "10"]);
    let position = member(&server.publish("x", "{\"n\":1}"), "position").to_owned();
    server.publish("x", "{\"n\":2}");
    let response = server.get(&format!("/sub/x?since={position}"));
    assert!(response.contains(r#""publications":[{"subject":"x","data":{"n":2},"position":""#), "{response}");

    let began = Instant::now();
    let response = server.get("/sub/x?timeout=1");
    assert!(response.starts_with("HTTP/1.1 204 "), "{response}");
    assert!((Duration::from_millis(900)..Duration::from_secs(3)).contains(&began.elapsed()));
    assert!(response.contains("Ringcast-Position: "));

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.get("/sub/x,y?timeout=10"));
        std::thread::sleep(Duration::from_millis(300));
        server.publish("y", "plain words");
        let response = waiting.join().unwrap();
        assert!(response.contains(r#""subject":"y","data":"plain words""#), "{response}");
        let position = response.rsplit("\"position\":\"").next().unwrap().split('"').next().unwrap();
        server.publish("x", "3");
        let response = server.get(&format!("/sub/x,y?since={position}&timeout=5"));
        assert!(response.contains(r#""subject":"x","data":3"#) && !response.contains("reset"), "{response}");
    });
}

#[test]
fn an_idempotency_key_publishes_once() {
    let server = Server::dev(&["--history", "10"]);
    let publish = || {
        server.exchange(
            b"POST /pub/once HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIdempotency-Key: k1\r\nContent-Length: 1\r\n\r\na",
        )
    };
    let (first, second) = (publish(), publish());
    assert!(first.contains("\"offset\":1"), "{first}");
    assert_eq!(first, second);
    assert!(server.publish("once", "b").contains("\"offset\":2"));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::dev(&["--history", "100"]);
    let mut requests = String::new();
    for n in 0..50 {
        requests += &format!("POST /pub/p{n} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    }
    requests += "GET /sub/p7?timeout=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let responses = server.exchange(requests.as_bytes());
    assert_eq!(responses.matches("HTTP/1.1 200 OK").count(), 50);
    assert_eq!(responses.matches("HTTP/1.1 204 ").count(), 1);
    assert!(responses.rfind("HTTP/1.1 200").unwrap() < responses.find("HTTP/1.1 204").unwrap());
}

#[test]
fn echo_returns_each_message_as_it_came() {
    let server = Server::dev(&[]);
    let mut client = server.websocket("/echo");
    for length in [0, 1, 125, 126, 65_535, 65_536, 3_000_000] {
        let text = "é".repeat(length / 2) + &"x".repeat(length % 2);
        client.send(Message::text(text.clone())).unwrap();
        assert_eq!(client.read().unwrap(), Message::text(text));
    }
    client.send(Message::Ping(b"are you there".to_vec().into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong(b"are you there".to_vec().into()));
}
