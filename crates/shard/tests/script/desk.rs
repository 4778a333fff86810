//! A desk to try shards on: bytes go in, bytes come out, and time passes when told to.
use std::collections::BTreeMap;
use std::time::Duration;

use base::{ConnId, Instant, ShardId, SubjectKey};
use hub::{Access, HistoryBounds, Namespace, OutboxPolicy, Pattern};
use shard::{
    Admission, Answer, Close, Command, Compression, Effects, End, Endpoints, Heartbeat, Holdings, HookEvent, Input,
    Limits, Origins, Outbox, Parcel, Refusal, Report, Sent, Shard, ShardConfig, Ticket, Tokens,
};
use wire::head::ChunkedDecoder;

/// What shards ask for, written down.
#[derive(Default)]
pub(crate) struct Recorder {
    out: BTreeMap<u32, Vec<u8>>,
    /// Bodies that come in chunks: scripts hear what is in them.
    bodies: BTreeMap<u32, ChunkedDecoder>,
    /// Bytes that a socket still takes; all if it is not here.
    pub(crate) room: BTreeMap<u32, usize>,
    pub(crate) closed: BTreeMap<u32, Close>,
    /// Connections that came by another door than the server's own.
    pub(crate) doors: BTreeMap<u32, u16>,
    pub(crate) shut: Vec<u32>,
    pub(crate) paused: Vec<u32>,
    /// Paused connections whose ends are told all the same.
    pub(crate) watched: Vec<u32>,
    pub(crate) handed_over: Vec<(u32, Vec<u8>)>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) events: Vec<HookEvent>,
    /// True while the engine of back ends takes nothing.
    pub(crate) engine_is_full: bool,
    mail: Vec<(ShardId, Parcel)>,
    /// Parcels that mailboxes still take.
    pub(crate) mail_room: usize,
}

impl Effects for Recorder {
    fn send(&mut self, conn: ConnId, pieces: &[&[u8]]) -> Sent {
        assert!(!self.shut.contains(&conn.0) && !self.closed.contains_key(&conn.0), "sent after the end");
        let bytes = pieces.concat();
        let room = self.room.get_mut(&conn.0);
        let taken = room.as_ref().map_or(bytes.len(), |room| bytes.len().min(**room));
        if let Some(room) = room {
            *room -= taken;
        }
        self.out.entry(conn.0).or_default().extend(&bytes[..taken]);
        if taken == bytes.len() { Sent::All } else { Sent::Full(taken) }
    }

    fn hop(&mut self, to: ShardId, parcel: Parcel) -> Result<(), Parcel> {
        if self.mail.len() >= self.mail_room {
            return Err(parcel);
        }
        self.mail.push((to, parcel));
        Ok(())
    }

    fn shut(&mut self, conn: ConnId) {
        self.shut.push(conn.0);
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        self.closed.insert(conn.0, how);
    }

    fn pause(&mut self, conn: ConnId, paused: bool) {
        self.paused.retain(|other| *other != conn.0);
        self.watched.retain(|other| *other != conn.0);
        if paused {
            self.paused.push(conn.0);
        }
    }

    fn watch(&mut self, conn: ConnId) {
        assert!(self.paused.contains(&conn.0), "watched although it is read");
        self.watched.push(conn.0);
    }

    fn hand_over(&mut self, conn: ConnId, bytes: &[u8]) {
        self.handed_over.push((conn.0, bytes.to_vec()));
    }

    fn answer(&mut self, _ticket: Ticket, answer: Answer) {
        self.answers.push(answer);
    }

    fn tell_back_end(&mut self, event: HookEvent) -> Result<(), HookEvent> {
        if self.engine_is_full {
            return Err(event);
        }
        self.events.push(event);
        Ok(())
    }

    fn door(&mut self, conn: ConnId) -> u16 {
        self.doors.get(&conn.0).copied().unwrap_or(0)
    }

    fn peer(&mut self, _conn: ConnId) -> Option<std::net::IpAddr> {
        Some([127, 0, 0, 9].into())
    }
}

/// Some shards of one server; scripts talk to the first, unless they turn to another.
pub(crate) struct Desk {
    cores: Vec<(Shard, Recorder)>,
    /// The shard that the script talks to.
    at: usize,
    pub(crate) now: Instant,
    next: u32,
}

const KEY: SubjectKey = SubjectKey([7, 8]);

/// What a test changes is changed in this.
pub(crate) fn dev() -> ShardConfig {
    ShardConfig {
        shard: ShardId(0),
        shards: 1,
        seed: 1,
        key: KEY,
        dev: true,
        anonymous: false,
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

/// A namespace with a history of so many publications; 0: none.
pub(crate) fn namespace(pattern: &str, history: u32) -> Namespace {
    let bounds = HistoryBounds { count: history, bytes: 1 << 20, age: Duration::from_secs(60) };
    Namespace {
        subscribe: Access::ALL,
        history: (history > 0).then_some(bounds),
        ..Namespace::closed(Pattern::parse(pattern).unwrap())
    }
}

/// `dev` with a history everywhere.
pub(crate) fn with_history() -> ShardConfig {
    ShardConfig { namespaces: vec![namespace(">", 100)], ..dev() }
}

/// `dev` with a small outbox.
pub(crate) fn with_outbox(bytes: usize, policy: OutboxPolicy) -> ShardConfig {
    ShardConfig { outbox: Outbox { bytes, policy }, ..with_history() }
}

impl Desk {
    pub(crate) fn new(config: &ShardConfig) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let core = |number| {
            let shard = Shard::new(ShardConfig { shard: ShardId(number), ..config.clone() }, now);
            (shard, Recorder { mail_room: usize::MAX, ..Recorder::default() })
        };
        Self { cores: (0..config.shards).map(core).collect(), at: 0, now, next: 0 }
    }

    /// From here on the script talks to this shard. A connection is known to its own shard only.
    pub(crate) fn turn_to(&mut self, shard: usize) {
        self.at = shard;
    }

    pub(crate) fn world(&mut self) -> &mut Recorder {
        &mut self.cores[self.at].1
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.cores[self.at].0.next_timeout()
    }

    pub(crate) fn shard(&self) -> &Shard {
        &self.cores[self.at].0
    }

    /// Patterns that any shard knows of.
    pub(crate) fn patterns(&self) -> usize {
        self.holdings().iter().map(|holdings| holdings.patterns).sum()
    }

    pub(crate) fn shards(&self) -> usize {
        self.cores.len()
    }

    /// What each of the shards holds.
    pub(crate) fn holdings(&self) -> Vec<Holdings> {
        self.cores.iter().map(|(shard, _)| shard.holdings()).collect()
    }

    /// Which shard owns the subject.
    pub(crate) fn owner_of(&self, subject: &str) -> u16 {
        KEY.hash(subject.as_bytes()).owner(u16::try_from(self.cores.len()).unwrap()).0
    }

    /// A subject that the shard owns.
    pub(crate) fn subject_of(&self, shard: u16) -> String {
        self.subject_like(shard, |number| format!("subject{number}"))
    }

    /// The first of such subjects that the shard owns.
    pub(crate) fn subject_like(&self, shard: u16, name: impl Fn(u32) -> String) -> String {
        let shards = u16::try_from(self.cores.len()).unwrap();
        let owned = |name: &String| KEY.hash(name.as_bytes()).owner(shards) == ShardId(shard);
        (0..).map(name).find(owned).unwrap()
    }

    pub(crate) fn connect(&mut self) -> ConnId {
        let conn = ConnId(self.next);
        self.next += 1;
        self.handle(Input::Accepted { conn });
        conn
    }

    /// A connection that is upgraded at `target`.
    pub(crate) fn open(&mut self, target: &str) -> ConnId {
        let conn = self.connect();
        let answer = self.ask(conn, upgrade(target));
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        conn
    }

    /// Sends bytes in one piece and says what comes back.
    pub(crate) fn say(&mut self, conn: ConnId, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        self.tell(conn, bytes);
        self.settle();
        self.hear(conn)
    }

    /// The same with text.
    pub(crate) fn ask(&mut self, conn: ConnId, bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8(self.say(conn, bytes)).unwrap()
    }

    /// A request on a connection of its own.
    pub(crate) fn request(&mut self, bytes: impl AsRef<[u8]>) -> String {
        let conn = self.connect();
        self.ask(conn, bytes)
    }

    /// A request whose answer is of no interest.
    pub(crate) fn say_alone(&mut self, bytes: &[u8]) {
        let conn = self.connect();
        self.say(conn, bytes);
    }

    /// Publishes by POST.
    pub(crate) fn publish(&mut self, subject: &str, payload: &str) -> String {
        let length = payload.len();
        let answer = self
            .request(format!("POST /pub/{subject} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{payload}"));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        answer
    }

    /// Publishes by the control plane without ending the turn; nobody waits for the answer.
    pub(crate) fn tell_publish(&mut self, subject: &str, payload: &str) {
        let draft = hub::Draft { payload: payload.as_bytes().into(), kind: hub::Kind::Text, extra: None };
        let command = Command::Publish { subject: subject.into(), draft };
        self.handle(Input::Command { ticket: Ticket(3), command });
        self.world().answers.clear();
    }

    /// Hands in bytes without ending the turn.
    pub(crate) fn tell(&mut self, conn: ConnId, bytes: impl AsRef<[u8]>) {
        let mut bytes = bytes.as_ref().to_vec();
        self.handle(Input::Received { conn, bytes: &mut bytes });
    }

    /// What has been sent to the connection since the last time.
    pub(crate) fn hear(&mut self, conn: ConnId) -> Vec<u8> {
        let bytes = self.hear_raw(conn);
        let bodies = &mut self.world().bodies;
        let (mut heard, rest) = match bodies.get(&conn.0) {
            Some(_) => (Vec::new(), &*bytes),
            None => {
                let coding = b"\r\nTransfer-Encoding: chunked\r\n";
                let Some(at) = bytes.windows(coding.len()).position(|window| window == coding) else { return bytes };
                let end = bytes[at..].windows(4).position(|window| window == b"\r\n\r\n").unwrap() + at + 4;
                bodies.insert(conn.0, ChunkedDecoder::new(usize::MAX));
                (bytes[..end].to_vec(), &bytes[end..])
            }
        };
        let mut body = Vec::new();
        let progress = bodies.get_mut(&conn.0).unwrap().push(rest, &mut body).unwrap();
        assert_eq!(progress.used, rest.len(), "something came behind the end of a body");
        heard.extend(body);
        heard
    }

    /// The same as it came, with the chunks around it.
    pub(crate) fn hear_raw(&mut self, conn: ConnId) -> Vec<u8> {
        self.cores[self.at].1.out.remove(&conn.0).unwrap_or_default()
    }

    pub(crate) fn hear_text(&mut self, conn: ConnId) -> String {
        String::from_utf8(self.hear(conn)).unwrap()
    }

    pub(crate) fn finish(&mut self, conn: ConnId) {
        self.handle(Input::Ended { conn, end: End::Finished });
        self.settle();
    }

    /// The connections end, and nothing of them is left on any shard.
    pub(crate) fn leave_nothing(&mut self, conns: &[ConnId]) {
        for conn in conns {
            self.finish(*conn);
        }
        self.pass(Duration::from_secs(6));
        assert_eq!(self.holdings(), vec![Holdings::default(); self.shards()]);
    }

    pub(crate) fn break_off(&mut self, conn: ConnId) {
        self.handle(Input::Ended { conn, end: End::Broken });
    }

    pub(crate) fn drain(&mut self, spread: Duration) {
        self.handle(Input::Command { ticket: Ticket(2), command: Command::Drain { spread } });
    }

    pub(crate) fn writable(&mut self, conn: ConnId, room: usize) {
        self.world().room.insert(conn.0, room);
        self.handle(Input::Writable { conn });
        self.settle();
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) {
        let (shard, world) = &mut self.cores[self.at];
        shard.handle(input, self.now, world);
    }

    /// Ends the turn, and no more.
    pub(crate) fn finish_turn(&mut self) {
        let (shard, world) = &mut self.cores[self.at];
        shard.finish_turn(self.now, world);
    }

    /// Ends the turn, and has parcels travel until there are none.
    pub(crate) fn settle(&mut self) {
        loop {
            for (shard, world) in &mut self.cores {
                shard.finish_turn(self.now, world);
            }
            let mut moved = false;
            for from in 0..self.cores.len() {
                for (to, parcel) in core::mem::take(&mut self.cores[from].1.mail) {
                    let (shard, world) = &mut self.cores[to.index()];
                    let from = ShardId(u16::try_from(from).unwrap());
                    shard.handle(Input::Parcel { from, parcel }, self.now, world);
                    moved = true;
                }
            }
            for (shard, world) in &mut self.cores {
                if shard.next_timeout().is_some_and(|at| at <= self.now) {
                    shard.handle_timeout(self.now, world);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// Lets time pass; what is due is done when it is due.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.cores.iter().filter_map(|(shard, _)| shard.next_timeout()).min()
            && at <= end
        {
            self.now = self.now.max(at);
            self.settle();
        }
        self.now = end;
    }

    pub(crate) fn report(&mut self) -> Report {
        self.handle(Input::Command { ticket: Ticket(1), command: Command::Report });
        match self.world().answers.pop() {
            Some(Answer::Report(report)) => *report,
            other => panic!("no report: {other:?}"),
        }
    }

    pub(crate) fn refusals(&mut self, refusal: Refusal) -> u64 {
        self.report().refusals[refusal as usize]
    }

    pub(crate) fn is_shut(&mut self, conn: ConnId) -> bool {
        self.world().shut.contains(&conn.0)
    }

    pub(crate) fn is_closed(&mut self, conn: ConnId) -> bool {
        self.world().closed.contains_key(&conn.0)
    }
}

/// An upgrade of `target`.
pub(crate) fn upgrade(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// A frame as a client sends it, masked with zeros: readable.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length @ 0..=125) => bytes.push(0x80 | length),
        _ => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// The code and the reason of the close frame that `bytes` are.
pub(crate) fn close_of(bytes: &[u8]) -> (u16, String) {
    assert_eq!(bytes.first(), Some(&0x88), "no close frame: {}", bytes.escape_ascii());
    (u16::from_be_bytes([bytes[2], bytes[3]]), String::from_utf8(bytes[4..].to_vec()).unwrap())
}

/// The text of the one frame that `bytes` are.
pub(crate) fn text_of(bytes: &[u8]) -> &str {
    assert_eq!(bytes.first(), Some(&0x81), "no text frame: {}", bytes.escape_ascii());
    let start = if bytes[1] == 126 { 4 } else { 2 };
    core::str::from_utf8(&bytes[start..]).unwrap()
}
