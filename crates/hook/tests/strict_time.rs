//! Strict mode's time-outs: a back end that says nothing, and a clock that is driven.
use std::time::Duration;

use hook::{
    Choice, CircuitSettings, End, Engine, Event, Message, Of, OnFailure, OnFlood, OnOpen, Outcome, Payload, Protocol,
    Reply, Settings, Shards, Verdict,
};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What the original waits.
const MINUTE: Duration = Duration::from_secs(60);

const OF: Of = Of { shard: 0, conn: 7, generation: 1 };

fn settings(url: String) -> Settings {
    Settings {
        prefix: "/ws/".into(),
        strict: true,
        back_ends: vec![url],
        choice: Choice::RoundRobin,
        protocol: Protocol::Agreed,
        connect_timeout: MINUTE,
        message_timeout: MINUTE,
        end_timeout: MINUTE,
        in_flight: 16,
        requests_max: 100,
        governs: false,
        waiting_max: 100,
        on_flood: OnFlood::Close,
        on_failure: OnFailure::Close,
        circuit: CircuitSettings { failures: 0, pause: MINUTE, pause_max: MINUTE },
        connect_waits: false,
        on_open: OnOpen::Drop,
        answer_bytes_max: 16 << 20,
        redirects_max: 10,
        ends_max: 100,
        ends_age: Duration::ZERO,
    }
}

#[derive(Clone)]
struct Queue(mpsc::UnboundedSender<Reply>);

impl Shards for Queue {
    async fn reply(&self, reply: Reply) -> Result<(), Reply> {
        self.0.send(reply).map_err(|error| error.0)
    }
}

/// Has a silent back end asked: once it has heard the question, time passes at once where nobody has anything to do. What is replied, and how long that
/// took by this clock.
async fn ask(event: Event) -> (Option<Reply>, Duration, Engine) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let engine = Engine::new(&[settings(url)], &[], "run", || 0).unwrap();
    let (queue, queued) = mpsc::channel(1);
    let (replies, mut replied) = mpsc::unbounded_channel();
    let served = tokio::spawn(engine.clone().serve(Queue(replies), queued));
    queue.send(event).await.unwrap();
    let (mut asked, _) = listener.accept().await.unwrap();
    let mut heard = Vec::new();
    while !heard.windows(4).any(|window| window == b"\r\n\r\n") {
        assert!(asked.read_buf(&mut heard).await.unwrap() > 0);
    }
    tokio::time::pause();
    let began = Instant::now();
    drop(queue);
    let reply = replied.recv().await;
    served.await.unwrap();
    engine.settled().await;
    (reply, began.elapsed(), engine)
}

fn took_a_minute(took: Duration) {
    // A part of it has passed before the back end has heard the question, by the machine's clock.
    assert!(took <= MINUTE + Duration::from_secs(1) && took > Duration::from_secs(20), "{took:?}");
}

#[tokio::test]
async fn strictly_a_silent_back_end_is_a_bad_gateway_after_a_minute() {
    let connect = Event::Connect { of: OF, upgrades: true, hook: 0, id: "a".into(), query: None, fields: Vec::new() };
    let (reply, took, _) = ask(connect).await;
    took_a_minute(took);
    let Some(Reply::Verdict { verdict: Verdict::Refuse { status, reason }, .. }) = &reply else { panic!("{reply:?}") };
    assert_eq!((*status, &**reason), (502, "bad gateway"));
}

#[tokio::test]
async fn strictly_a_message_without_an_answer_is_an_empty_text_after_a_minute() {
    let message = Message { of: OF, hook: 0, id: "a".into(), payload: Payload::Text("hi".into()) };
    let (reply, took, _) = ask(Event::Message(message)).await;
    took_a_minute(took);
    let Some(Reply::Outcome { outcome: Outcome::Reply(Payload::Text(text)), .. }) = &reply else { panic!("{reply:?}") };
    assert!(text.is_empty());
}

#[tokio::test]
async fn strictly_an_end_without_an_answer_is_lost_after_a_minute() {
    let end = End { of: OF, hook: 0, id: "a".into(), code: 1000, by: "client", reason: "EOF".into() };
    let (reply, took, engine) = ask(Event::End(end)).await;
    took_a_minute(took);
    assert!(reply.is_none());
    assert_eq!(engine.ends().next(), Some(("/ws/", 0, 1)), "lost, and counted");
}
