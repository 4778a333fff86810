//! Event proxies against back ends of a few lines: what they are asked, and what is made of answers that are none.
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hook::{About, Ask, Engine, Event, Of, ProxySettings, Reply, Said, Shards, StatusMeans, Told};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The heads and bodies that a back end has heard, in lower case.
pub(crate) type Heard = Arc<Mutex<Vec<String>>>;

/// A back end that answers each request with these bytes, or with nothing at all.
pub(crate) async fn back_end(answer: Vec<u8>) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/asked?q=1", listener.local_addr().unwrap());
    let heard = Heard::default();
    let all = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&all), answer.clone()));
        }
    });
    (url, heard)
}

async fn serve(mut stream: TcpStream, heard: Heard, answer: Vec<u8>) {
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.unwrap_or(0) > 0 {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        if body.len() < length {
            continue;
        }
        heard.lock().unwrap().push(text);
        bytes.clear();
        if answer.is_empty() {
            continue;
        }
        // It may have hung up: it does not want all of it.
        let _ = stream.write_all(&answer).await;
    }
}

fn whole(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

pub(crate) fn settings(url: &str) -> ProxySettings {
    ProxySettings {
        name: "p".into(),
        endpoint: url.into(),
        timeout: Duration::from_secs(60),
        fields: vec!["cookie".into(), "x-a".into()],
        emulated: vec!["x-a".into(), "x-d".into(), "x-e".into()],
        constant: ["x-a", "x-b", "x-d"].map(|name| (name.into(), "ours".into())).into(),
        statuses: Vec::new(),
        binary: false,
        meta: true,
        tls: None,
        credentials: None,
        compresses: false,
    }
}

#[derive(Clone)]
struct Queue(mpsc::UnboundedSender<Reply>);

impl Shards for Queue {
    async fn reply(&self, reply: Reply) -> Result<(), Reply> {
        self.0.send(reply).map_err(|error| error.0)
    }
}

const OF: Of = Of { shard: 0, conn: 7, generation: 1 };

pub(crate) fn question() -> Ask {
    let field = |name: &str, value: &str| (name.into(), value.as_bytes().into());
    Ask {
        of: OF,
        proxy: "p".into(),
        number: 3,
        client: "c".into(),
        transport: "websocket",
        protocol: "json",
        user: Some("ann".into()),
        about: About::Rpc { method: "m".into() },
        data: b"{\"d\":1}".to_vec(),
        fields: vec![field("cookie", "a=1"), field("x-a", "theirs"), field("x-c", "not for it")],
        emulated: vec![
            field("x-a", "said"),
            field("x-d", "said"),
            field("x-e", "no\r\nx-f: field"),
            field("x-c", "not for it"),
            field("cookie", "not for it"),
        ],
        meta: Some(b"{\"m\":[1, 2]}"[..].into()),
    }
}

/// Asks, and says what was told and how it was counted.
pub(crate) async fn ask(settings: ProxySettings, question: Ask) -> (Told, &'static str) {
    let engine = Engine::new(&[], &[settings], "run", || 0).unwrap();
    let (queue, queued) = mpsc::channel(1);
    let (replies, mut replied) = mpsc::unbounded_channel();
    let served = tokio::spawn(engine.clone().serve(Queue(replies), queued));
    queue.send(Event::Ask(Box::new(question))).await.unwrap();
    let Some(Reply::Told { of, number, told }) = replied.recv().await else { panic!("no reply") };
    assert_eq!((of, number), (OF, 3));
    drop(queue);
    served.await.unwrap();
    let (_, url, figures) = engine.proxy_figures().next().unwrap();
    assert!(!url.contains('?'), "a query may be a secret: {url}");
    assert_eq!((figures.in_flight.read(), figures.waiting.read()), (0, 0));
    let ended: Vec<_> = figures.ended().collect();
    assert!(ended.len() <= 1, "{ended:?}");
    (told, ended.first().map_or("", |(_, outcome, _)| outcome))
}

#[tokio::test]
async fn a_question_is_one_post_with_the_fields_that_are_told() {
    let (url, heard) = back_end(whole("200 OK", "{\"result\":{\"data\":[1]}}")).await;
    let (told, outcome) = ask(settings(&url), question()).await;
    let Told::Result(granted) = told else { panic!("{told:?}") };
    assert_eq!((granted.data.as_deref(), outcome), (Some(&b"[1]"[..]), "ok"));
    let heard = heard.lock().unwrap();
    assert!(heard[0].starts_with("post /asked?q=1 http/1.1\r\n"), "{heard:?}");
    // What a client says in its connect goes before the settings', and behind what its request says; it is no field of the request.
    for field in ["content-type: application/json", "cookie: a=1", "x-a: theirs", "x-b: ours", "x-d: said"] {
        assert!(heard[0].contains(&format!("\r\n{field}\r\n")), "{field}: {heard:?}");
    }
    assert!(!heard[0].contains("not for it") && !heard[0].contains("x-e") && !heard[0].contains("x-f"), "{heard:?}");
    assert!(heard[0].contains("\"user\":\"ann\",\"meta\":{\"m\":[1, 2]},"), "{heard:?}");
    assert!(heard[0].ends_with("\"method\":\"m\",\"data\":{\"d\":1}}"), "{heard:?}");
}

#[tokio::test]
async fn what_is_no_answer_fails_by_its_kind() {
    let large = whole("200 OK", &format!("{{\"result\":{{\"user\":\"{}\"}}}}", "u".repeat(5 << 20)));
    for (answer, wanted) in [
        (whole("200 OK", "no JSON"), "bad_text"),
        (whole("200 OK", ""), "bad_text"),
        (whole("204 No Content", ""), "status"),
        (whole("500 Oops", "{\"result\":{}}"), "status"),
        (whole("302 Found", ""), "status"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec(), "broken"),
        (b"this is no HTTP\r\n\r\n".to_vec(), "broken"),
        (large, "too_large"),
    ] {
        let (url, _) = back_end(answer).await;
        assert_eq!(ask(settings(&url), question()).await, (Told::Failed, wanted));
    }
}

#[tokio::test]
async fn a_back_end_that_is_slow_or_not_there_fails_in_time() {
    let (url, _) = back_end(Vec::new()).await;
    let slow = ProxySettings { timeout: Duration::from_millis(50), ..settings(&url) };
    assert_eq!(ask(slow, question()).await, (Told::Failed, "timed_out"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(ask(settings(&gone), question()).await, (Told::Failed, "unreachable"));
    // Nobody is called so, and nobody is asked.
    let unknown = Ask { proxy: "q".into(), ..question() };
    assert_eq!(ask(settings(&gone), unknown).await, (Told::Failed, ""));
    let unsayable = Ask { data: b"no JSON".to_vec(), ..question() };
    assert_eq!(ask(settings(&gone), unsayable).await, (Told::Failed, "bad_text"));
}

#[tokio::test]
async fn a_status_may_mean_something() {
    let (url, _) = back_end(whole("403 Forbidden", "whatever")).await;
    let said = Said::Disconnect { code: 4_500, reason: "go".into() };
    let other = Said::Error { code: 404, message: "no".into(), temporary: false };
    let statuses = vec![StatusMeans { status: 404, said: other }, StatusMeans { status: 403, said: said.clone() }];
    let told = ask(ProxySettings { statuses, ..settings(&url) }, question()).await;
    assert_eq!(told, (Told::Refused(said), "status"));
}

#[tokio::test]
async fn a_meta_is_told_to_who_wants_it() {
    let (url, heard) = back_end(whole("200 OK", "{}")).await;
    ask(ProxySettings { meta: false, ..settings(&url) }, question()).await;
    assert!(!heard.lock().unwrap()[0].contains("meta"), "{heard:?}");
}
