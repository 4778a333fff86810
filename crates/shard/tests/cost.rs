//! What a publication costs a shard, printed: to exact subjects, and to patterns.
//! By hand: `cargo test --release -p ringcast-shard --test cost -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "it is no product: it measures")]
use std::time::{Duration, Instant as Clock};

use base::{ConnId, Instant, ShardId, SubjectKey};
use hub::{Draft, Kind};
use shard::{
    Admission, Answer, Close, Command, Compression, Effects, Endpoints, Heartbeat, Input, Limits, Origins, Outbox,
    Parcel, Sent, Shard, ShardConfig, Ticket, Tokens,
};

/// A world in which everything is taken and nothing is looked at.
#[derive(Default)]
struct Void {
    sent: u64,
}

impl Effects for Void {
    fn send(&mut self, _conn: ConnId, pieces: &[&[u8]]) -> Sent {
        self.sent += pieces.len() as u64;
        Sent::All
    }

    fn hop(&mut self, _to: ShardId, parcel: Parcel) -> Result<(), Parcel> {
        Err(parcel)
    }

    fn shut(&mut self, _conn: ConnId) {}

    fn close(&mut self, _conn: ConnId, _how: Close) {}

    fn pause(&mut self, _conn: ConnId, _paused: bool) {}

    fn watch(&mut self, _conn: ConnId) {}

    fn hand_over(&mut self, _conn: ConnId, _bytes: &[u8]) {}

    fn answer(&mut self, _ticket: Ticket, _answer: Answer) {}
}

const SUBJECTS: u32 = 100_000;
const PUBLICATIONS: u32 = 1_000_000;
const TURN: u32 = 256;

fn config() -> ShardConfig {
    ShardConfig {
        shard: ShardId(0),
        shards: 1,
        seed: 1,
        key: SubjectKey([7, 8]),
        dev: true,
        anonymous: true,
        endpoints: Endpoints { origins: Origins::Any, node: "node".into(), ..Endpoints::all() },
        admission: Admission::default(),
        tokens: Tokens::default(),
        api_keys: Vec::new(),
        namespaces: Vec::new(),
        limits: Limits::default(),
        heartbeat: Heartbeat { ping_interval: Duration::ZERO, ..Heartbeat::default() },
        outbox: Outbox::default(),
        compression: Compression::default(),
        hooks: std::sync::Arc::from([]),
        proxies: std::sync::Arc::default(),
    }
}

/// Microseconds a publication, where each of 100,000 listens to what `listens` says.
fn publish(listens: impl Fn(u32) -> Vec<String>, deliveries: u64) -> f64 {
    let now = Instant::from_nanos(1_000_000_000);
    let (mut shard, mut world) = (Shard::new(config(), now), Void::default());
    for number in 0..SUBJECTS {
        let conn = ConnId(number);
        shard.handle(Input::Accepted { conn }, now, &mut world);
        let target = listens(number).join(",");
        let mut head = format!(
            "GET /sub/{target} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        .into_bytes();
        shard.handle(Input::Received { conn, bytes: &mut head }, now, &mut world);
        shard.finish_turn(now, &mut world);
    }
    let subjects: Vec<_> = (0..SUBJECTS).map(|number| format!("market.{number}.price").as_str().into()).collect();
    let payload: std::sync::Arc<[u8]> = vec![b'x'; 128].into();
    world.sent = 0;
    let begun = Clock::now();
    for number in 0..PUBLICATIONS {
        // Any of them, as if at random.
        let subject: &base::SubjectName = &subjects[(number.wrapping_mul(2_654_435_761) % SUBJECTS) as usize];
        let draft = Draft { payload: payload.clone(), kind: Kind::Text, extra: None };
        let command = Command::Publish { subject: subject.clone(), draft };
        shard.handle(Input::Command { ticket: Ticket(0), command }, now, &mut world);
        if number % TURN == 0 {
            shard.finish_turn(now, &mut world);
        }
    }
    shard.finish_turn(now, &mut world);
    let micros = begun.elapsed().as_secs_f64() * 1e6 / f64::from(PUBLICATIONS);
    assert_eq!(shard.messages(), u64::from(PUBLICATIONS));
    assert!(world.sent >= u64::from(PUBLICATIONS) * deliveries / 2, "{} were sent", world.sent);
    micros
}

#[test]
#[ignore = "a measurement"]
fn of_a_publication_to_patterns() {
    let exact = publish(|number| vec![format!("market.{number}.price")], 1);
    let patterns = publish(|number| vec![format!("market.{number}.*")], 1);
    let tails = publish(|number| vec![format!("*.{number}.>")], 1);
    let beside = publish(|number| vec![format!("market.{number}.price"), format!("market.{number}.*.volume")], 1);
    println!("100,000 exact subjects: {exact:.2} µs a publication and its delivery");
    for (what, micros) in [
        ("100,000 patterns market.N.*", patterns),
        ("100,000 patterns *.N.>", tails),
        ("100,000 exact subjects, and as many patterns beside them", beside),
    ] {
        println!("{what}: {micros:.2} µs, {:.2} times that", micros / exact);
    }
}
