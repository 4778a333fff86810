//! The engine against a back end of a few lines, and shards that are queues.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hook::{
    Choice, CircuitSettings, End, Engine, Event, Message, Of, OnFailure, OnFlood, OnOpen, Outcome, Payload, Protocol,
    Reply, Settings, Shards, Verdict,
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

/// What a back end has heard: method and body.
type Heard = Arc<Mutex<Vec<(String, String)>>>;

/// A back end that lets everybody in, and answers a message with itself; `answer` is asked first for another answer.
async fn back_end(answer: fn(&str, usize) -> Option<&'static str>) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url(&listener);
    (url, serve_all(listener, answer))
}

fn url(listener: &TcpListener) -> String {
    format!("http://{}/hooks", listener.local_addr().unwrap())
}

fn serve_all(listener: TcpListener, answer: fn(&str, usize) -> Option<&'static str>) -> Heard {
    let heard = Heard::default();
    let all = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&all), answer));
        }
    });
    heard
}

/// The address of a back end that is down, and what brings it up: a socket that does not listen yet keeps the port.
fn down() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (format!("http://{}/hooks", socket.local_addr().unwrap()), socket)
}

async fn serve(mut stream: TcpStream, heard: Heard, answer: fn(&str, usize) -> Option<&'static str>) {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        while bytes.len() < end + 4 + length {
            stream.read_buf(&mut bytes).await.unwrap();
        }
        let body = String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap();
        bytes.drain(..end + 4 + length);
        let method = head.split(' ').next().unwrap().to_owned();
        let count = {
            let mut heard = heard.lock().unwrap();
            heard.push((method.clone(), body.clone()));
            heard.iter().filter(|(known, _)| *known == method).count()
        };
        let said = answer(&method, count).map_or_else(
            || {
                let body = if method == "get" { "ok" } else { &body };
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            },
            str::to_owned,
        );
        stream.write_all(said.as_bytes()).await.unwrap();
    }
}

fn settings(url: &str) -> Settings {
    Settings {
        prefix: "/ws/".into(),
        strict: false,
        back_ends: vec![url.into()],
        choice: Choice::RoundRobin,
        protocol: Protocol::Agreed,
        connect_timeout: Duration::from_secs(60),
        message_timeout: Duration::from_secs(60),
        end_timeout: Duration::from_secs(60),
        in_flight: 1,
        requests_max: 4,
        governs: false,
        waiting_max: 100,
        on_flood: OnFlood::Close,
        on_failure: OnFailure::Close,
        circuit: CircuitSettings {
            failures: 3,
            pause: Duration::from_millis(20),
            pause_max: Duration::from_millis(20),
        },
        connect_waits: false,
        on_open: OnOpen::Close,
        answer_bytes_max: 1_000,
        redirects_max: 0,
        ends_max: 100,
        ends_age: Duration::from_secs(60),
    }
}

/// Shards that take replies, or have left.
#[derive(Clone)]
struct Queue(Option<mpsc::UnboundedSender<Reply>>);

impl Shards for Queue {
    async fn reply(&self, reply: Reply) -> Result<(), Reply> {
        match &self.0 {
            Some(queue) => queue.send(reply).map_err(|error| error.0),
            None => Err(reply),
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);

const OF: Of = Of { shard: 0, conn: 7, generation: 1 };

fn connect() -> Event {
    Event::Connect { of: OF, upgrades: true, hook: 0, id: "a".into(), query: None, fields: Vec::new() }
}

fn message(text: &'static str) -> Event {
    Event::Message(Message { of: OF, hook: 0, id: "a".into(), payload: Payload::Text(text.into()) })
}

fn end() -> Event {
    Event::End(End { of: OF, hook: 0, id: "a".into(), code: 1000, by: "client", reason: "bye".into() })
}

/// Has an engine serve these events to the end; what it replied.
async fn run(settings: Settings, events: Vec<Event>, shards: bool) -> (Vec<Reply>, Engine) {
    let engine = Engine::new(&[settings], &[], "run", || 0).unwrap();
    let (queue, queued) = mpsc::channel(100);
    let (replies, mut replied) = mpsc::unbounded_channel();
    for event in events {
        queue.send(event).await.unwrap();
    }
    drop(queue);
    engine.clone().serve(Queue(shards.then_some(replies)), queued).await;
    let mut all = Vec::new();
    while let Some(reply) = replied.recv().await {
        all.push(reply);
    }
    engine.settled().await;
    (all, engine)
}

fn heard(heard: &Heard) -> Vec<String> {
    heard.lock().unwrap().iter().map(|(method, body)| format!("{method} {body}")).collect()
}

#[tokio::test]
async fn a_life_is_told_in_order_and_its_end_behind_the_last_message() {
    let (url, said) = back_end(|_, _| None).await;
    let events = vec![message("one"), message("two"), message("three"), end()];
    let (replies, engine) = run(settings(&url), events, true).await;
    assert_eq!(heard(&said), ["post one", "post two", "post three", "delete bye"]);
    let texts: Vec<_> = replies
        .iter()
        .map(|reply| {
            let Reply::Outcome { outcome: Outcome::Reply(Payload::Text(text)), .. } = reply else {
                panic!("{reply:?}")
            };
            text.clone()
        })
        .collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert_eq!(engine.ends().next(), Some(("/ws/", 0, 0)));
}

#[tokio::test]
async fn who_was_let_in_for_a_shard_that_has_left_is_told_to_have_ended() {
    let (url, said) = back_end(|_, _| None).await;
    let engine = Engine::new(&[settings(&url)], &[], "run", || 0).unwrap();
    let (queue, queued) = mpsc::channel(1);
    let served = tokio::spawn(engine.clone().serve(Queue(None), queued));
    queue.send(connect()).await.unwrap();
    while !heard(&said).iter().any(|one| one.starts_with("delete")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(queue);
    served.await.unwrap();
    engine.settled().await;
    assert_eq!(heard(&said), ["get ", "delete the server is gone"]);
}

#[tokio::test]
async fn an_end_is_told_again_until_it_is_heard_or_given_up() {
    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let (url, said) = back_end(|method, count| (method == "delete" && count < 3).then_some(BUSY)).await;
    let (_, engine) = run(settings(&url), vec![end()], true).await;
    assert_eq!((heard(&said).len(), engine.ends().next()), (3, Some(("/ws/", 0, 0))));

    let (url, said) = back_end(|_, _| Some(BUSY)).await;
    let (_, engine) = run(Settings { ends_age: Duration::ZERO, ..settings(&url) }, vec![end()], true).await;
    assert_eq!((heard(&said).len(), engine.ends().next()), (1, Some(("/ws/", 0, 1))), "lost, and counted");

    let nobody = Settings { ends_max: 0, ..settings(&url) };
    let (_, engine) = run(nobody, vec![end()], true).await;
    assert_eq!(engine.ends().next(), Some(("/ws/", 0, 1)), "there is no room to wait");
}

#[tokio::test]
async fn a_back_end_that_cannot_be_reached_is_passed_over() {
    let (url, said) = back_end(|_, _| None).await;
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let two = Settings { back_ends: vec![nobody.clone(), url], ..settings("") };
    let (replies, _) = run(two, vec![message("one"), message("two")], true).await;
    assert_eq!((replies.len(), heard(&said).len()), (2, 2));
    let one = Settings { back_ends: vec![nobody], ..settings("") };
    let (replies, engine) = run(one, vec![message("one")], true).await;
    assert!(matches!(replies[..], [Reply::Outcome { outcome: Outcome::Close { code: 1011, .. }, .. }]), "{replies:?}");
    let figures: Vec<_> = engine.figures().flat_map(|(_, _, figures)| figures.ended()).collect();
    assert_eq!(figures, [("message", "unreachable", 1)]);
}

#[tokio::test]
async fn a_verdict_is_what_the_back_end_says() {
    const NO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno";
    const AWAY: &str = "HTTP/1.1 302 Found\r\nLocation: /hooks/b\r\nContent-Length: 0\r\n\r\n";
    for (answer, status) in [((|_, _| Some(NO)) as fn(&str, usize) -> _, 403), (|_, _| Some(AWAY), 502)] {
        let (url, _) = back_end(answer).await;
        let engine = Engine::new(&[settings(&url)], &[], "run", || 0).unwrap();
        let (queue, queued) = mpsc::channel(1);
        let (replies, mut replied) = mpsc::unbounded_channel();
        tokio::spawn(engine.serve(Queue(Some(replies)), queued));
        queue.send(connect()).await.unwrap();
        let Some(Reply::Verdict { verdict: Verdict::Refuse { status: said, .. }, .. }) = replied.recv().await else {
            panic!("no verdict");
        };
        assert_eq!(said, status);
    }
}

fn is_open(engine: &Engine) -> bool {
    engine.conditions().any(|(_, _, condition)| condition.is_down)
}

async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An engine that serves until the queue is dropped.
fn serving(settings: Settings) -> (Engine, mpsc::Sender<Event>, mpsc::UnboundedReceiver<Reply>) {
    let engine = Engine::new(&[settings], &[], "run", || 0).unwrap();
    let (queue, queued) = mpsc::channel(100);
    let (replies, replied) = mpsc::unbounded_channel();
    tokio::spawn(engine.clone().serve(Queue(Some(replies)), queued));
    (engine, queue, replied)
}

fn refused(reply: Option<Reply>) -> u16 {
    match reply {
        Some(Reply::Verdict { verdict: Verdict::Refuse { status, .. }, .. }) => status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_back_end_that_is_down_is_left_alone_and_its_ends_come_when_it_is_back() {
    let (url, socket) = down();
    let long = CircuitSettings { failures: 3, pause: Duration::from_secs(600), pause_max: Duration::from_secs(600) };
    let (engine, queue, mut replied) = serving(Settings { circuit: long, ..settings(&url) });
    for _ in 0..3 {
        queue.send(connect()).await.unwrap();
        assert_eq!(refused(replied.recv().await), 502);
    }
    assert!(is_open(&engine));
    queue.send(connect()).await.unwrap();
    assert_eq!(refused(replied.recv().await), 503);
    queue.send(message("a")).await.unwrap();
    let reply = replied.recv().await;
    assert!(matches!(reply, Some(Reply::Outcome { outcome: Outcome::Close { code: 1013, .. }, .. })), "{reply:?}");
    let count = |engine: &Engine, outcome| {
        let all = engine.figures().flat_map(|(_, _, figures)| figures.ended().collect::<Vec<_>>());
        all.filter(|(_, ended, _)| *ended == outcome).map(|(_, _, count)| count).sum::<u64>()
    };
    assert_eq!((count(&engine, "unreachable"), count(&engine, "open")), (3, 2), "it is not asked meanwhile");
    drop((queue, socket));

    let (url, socket) = down();
    let (engine, queue, _replied) = serving(settings(&url));
    for conn in 0..50 {
        let of = Of { shard: 0, conn, generation: 1 };
        let end = End { of, hook: 0, id: "a".into(), code: 1000, by: "client", reason: conn.to_string() };
        queue.send(Event::End(end)).await.unwrap();
    }
    until(|| is_open(&engine)).await;
    let said = serve_all(socket.listen(100).unwrap(), |_, _| None);
    engine.settled().await;
    until(|| heard(&said).len() >= 50).await;
    let mut all = heard(&said);
    all.sort();
    all.dedup();
    assert_eq!((all.len(), heard(&said).len(), engine.ends().next()), (50, 50, Some(("/ws/", 0, 0))), "each once");
    assert!(!is_open(&engine));
}

#[tokio::test]
async fn who_may_wait_is_served_when_the_back_end_is_back() {
    let (url, socket) = down();
    let patient = Settings { connect_waits: true, on_open: OnOpen::Wait, ..settings(&url) };
    let (engine, queue, mut replied) = serving(patient);
    queue.send(message("one")).await.unwrap();
    queue.send(connect()).await.unwrap();
    queue.send(message("two")).await.unwrap();
    until(|| is_open(&engine)).await;
    let said = serve_all(socket.listen(100).unwrap(), |_, _| None);
    let mut texts = Vec::new();
    for _ in 0..3 {
        match replied.recv().await {
            Some(Reply::Outcome { outcome: Outcome::Reply(Payload::Text(text)), .. }) => texts.push(text),
            Some(Reply::Verdict { verdict: Verdict::Accept(None), .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((texts, heard(&said).len()), (vec!["one".into(), "two".into()], 3), "in order, and once");
}

#[tokio::test]
async fn who_waits_too_long_or_among_too_many_is_told() {
    let (url, _socket) = down();
    let short = Settings { connect_waits: true, connect_timeout: Duration::from_millis(300), ..settings(&url) };
    let (engine, queue, mut replied) = serving(short.clone());
    for _ in 0..4 {
        queue.send(connect()).await.unwrap();
    }
    for _ in 0..4 {
        assert!(matches!(refused(replied.recv().await), 502 | 503));
    }
    assert!(engine.figures().all(|(_, _, figures)| figures.waiting.read() == 0));
    let (_engine, queue, mut replied) = serving(Settings { waiting_max: 0, connect_timeout: DAY, ..short });
    queue.send(connect()).await.unwrap();
    assert_eq!(refused(replied.recv().await), 503);
}

#[tokio::test]
async fn the_others_are_asked_while_one_is_down() {
    let (gone, _socket) = down();
    let (url, said) = back_end(|_, _| None).await;
    let circuit = CircuitSettings { failures: 1, pause: DAY, pause_max: DAY };
    let two = Settings { back_ends: vec![gone, url], circuit, ..settings("") };
    let (replies, engine) = run(two, (0..10).map(|_| message("a")).collect(), true).await;
    assert_eq!((replies.len(), heard(&said).len()), (10, 10));
    let unreachable = engine.figures().flat_map(|(_, _, figures)| figures.ended().collect::<Vec<_>>());
    assert_eq!(
        unreachable.filter(|(_, ended, _)| *ended == "unreachable").collect::<Vec<_>>(),
        [("message", "unreachable", 1)]
    );
}

/// A back end that speaks HTTP/2 and nothing else: the number of its connections, and what was posted.
fn serve_h2(listener: TcpListener) -> (Arc<AtomicUsize>, Heard) {
    let (connections, heard) = (Arc::new(AtomicUsize::new(0)), Heard::default());
    let (counted, all) = (Arc::clone(&connections), Arc::clone(&heard));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let all = Arc::clone(&all);
            let served = service_fn(move |request: Request<Incoming>| {
                let all = Arc::clone(&all);
                async move {
                    let method = request.method().as_str().to_ascii_lowercase();
                    let body = request.into_body().collect().await?.to_bytes();
                    all.lock().unwrap().push((method, String::from_utf8_lossy(&body).into_owned()));
                    Ok::<_, hyper::Error>(Response::new(Full::new(body)))
                }
            });
            let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), served);
            tokio::spawn(connection);
        }
    });
    (connections, heard)
}

#[tokio::test]
async fn http_2_without_asking_shares_one_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let two = Settings { protocol: Protocol::H2, in_flight: 4, ..settings(&url(&listener)) };
    let (connections, said) = serve_h2(listener);
    let (replies, _) = run(two, (0..20).map(|_| message("a")).chain([end()]).collect(), true).await;
    assert_eq!((replies.len(), heard(&said).len()), (20, 21));
    let is_echo = |reply: &Reply| matches!(reply, Reply::Outcome { outcome: Outcome::Reply(Payload::Text(text)), .. } if text == "a");
    assert!(replies.iter().all(is_echo), "{replies:?}");
    assert!(connections.load(Ordering::Relaxed) <= 4, "those that were begun at once, at most");
}

#[tokio::test]
async fn a_back_end_that_does_not_speak_http_2_is_no_back_end() {
    let (url, _) = back_end(|_, _| None).await;
    let (replies, _) = run(Settings { protocol: Protocol::H2, ..settings(&url) }, vec![message("a")], true).await;
    assert!(matches!(replies[..], [Reply::Outcome { outcome: Outcome::Close { code: 1011, .. }, .. }]), "{replies:?}");
}

#[tokio::test]
async fn a_back_end_has_no_more_connections_than_it_may_have_requests() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url(&listener);
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, ever) = (Arc::clone(&open), Arc::clone(&most));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            ever.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            let now = Arc::clone(&now);
            tokio::spawn(async move {
                serve(stream, Heard::default(), |_, _| None).await;
                now.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    let events = (0..50).map(|conn| {
        let of = Of { conn, ..OF };
        Event::Message(Message { of, hook: 0, id: "a".into(), payload: Payload::Text("a".into()) })
    });
    let (replies, _) = run(settings(&url), events.collect(), true).await;
    let is_echo = |reply: &Reply| matches!(reply, Reply::Outcome { outcome: Outcome::Reply(Payload::Text(text)), .. } if text == "a");
    assert!(replies.len() == 50 && replies.iter().all(is_echo), "{replies:?}");
    assert_eq!(most.load(Ordering::Relaxed), 4, "as many as `requests_max`, and all of them");
    assert_eq!(open.load(Ordering::Relaxed), 4, "they are kept");
}

#[tokio::test]
async fn more_messages_than_there_is_room_for_wait_with_their_connections_or_are_shed() {
    let (url, heard) = back_end(|_, _| None).await;
    let events = || {
        let texts = ["1", "2", "3"].into_iter();
        let all = texts.flat_map(|text| (0..20).map(move |conn| (Of { conn, ..OF }, text)));
        all.map(|(of, text)| {
            Event::Message(Message { of, hook: 0, id: "a".into(), payload: Payload::Text(text.into()) })
        })
    };
    let narrow = Settings { requests_max: 1, waiting_max: 2, ..settings(&url) };
    let (replies, engine) = run(Settings { on_flood: OnFlood::Wait, ..narrow.clone() }, events().collect(), true).await;
    for conn in 0..20 {
        let texts = replies.iter().filter_map(|reply| match reply {
            Reply::Outcome { of, outcome: Outcome::Reply(Payload::Text(text)) } if of.conn == conn => Some(&text[..]),
            Reply::Verdict { .. } | Reply::Told { .. } | Reply::Outcome { .. } => None,
        });
        assert_eq!(texts.collect::<Vec<_>>(), [b"1", b"2", b"3"], "all, in order: {conn}");
    }
    assert_eq!(heard.lock().unwrap().len(), 60, "each once");
    assert!(engine.figures().all(|(_, _, figures)| figures.waiting.read() == 0));
    let (replies, _) = run(Settings { on_flood: OnFlood::Close, ..narrow }, events().collect(), true).await;
    let is_shed = |reply: &&Reply| matches!(reply, Reply::Outcome { outcome: Outcome::Close { code: 1013, .. }, .. });
    assert!(replies.iter().filter(is_shed).count() > 0, "{replies:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_fails_its_message_alone_and_nothing_is_asked_twice() {
    const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    // It never comes to the rest: the back end's task ends, and with it the connection.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url(&listener);
    let heard = Heard::default();
    let all = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let all = Arc::clone(&all);
            tokio::spawn(async move {
                let cut = |_: &str, count| (count == 2).then_some(CUT);
                tokio::time::timeout(Duration::from_millis(100), serve(stream, all, cut)).await
            });
        }
    });
    let ignoring = Settings { on_failure: OnFailure::Ignore, ..settings(&url) };
    let (replies, engine) = run(ignoring, vec![message("one"), message("two"), message("three")], true).await;
    let outcomes: Vec<_> = replies
        .iter()
        .map(|reply| {
            let Reply::Outcome { outcome, .. } = reply else { panic!("{reply:?}") };
            let Outcome::Reply(Payload::Text(text)) = outcome else { return "-" };
            std::str::from_utf8(text).unwrap()
        })
        .collect();
    assert_eq!(outcomes, ["one", "-", "three"]);
    assert_eq!(self::heard(&heard), ["post one", "post two", "post three"]);
    let ended: Vec<_> = engine.figures().flat_map(|(_, _, figures)| figures.ended()).collect();
    assert_eq!(ended, [("message", "ok", 2), ("message", "broken", 1)]);
}
