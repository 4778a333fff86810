//! A listener that hands connections over as a shard does, and a data plane that records what it is asked.
use std::borrow::Cow;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use control::metric::{self, Sample};
use control::{
    Accepted, Ban, BanError, ControlSettings, DataPlane, Handed, Headcount, History, HistoryError, HistoryWanted, Kept,
    Order, OrderError, PayloadKind, PresenceError, Present, Publish, PublishError, State, Subjects, SubjectsError,
    Whom,
};
use tokio::sync::{mpsc, oneshot};

/// Records publications; refuses subjects that say so.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) published: Arc<Mutex<Vec<Publish>>>,
    pub(crate) wanted: Arc<Mutex<Vec<HistoryWanted>>>,
    pub(crate) removed: Arc<Mutex<Vec<String>>>,
    pub(crate) ordered: Arc<Mutex<Vec<(Whom, Order)>>>,
    pub(crate) banned: Arc<Mutex<Vec<Ban>>>,
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) scrapes: Arc<Mutex<u32>>,
}

impl DataPlane for Recorder {
    async fn publish(&self, request: Publish) -> Result<Accepted, PublishError> {
        match request.subject.as_str() {
            "bad" => return Err(PublishError::BadSubject("it says so".into())),
            "unknown" => return Err(PublishError::UnknownSubject),
            "object" => return Err(PublishError::BadData),
            "large" => return Err(PublishError::TooLarge { bytes_max: 5 }),
            "away" => return Err(PublishError::Unavailable),
            _ => {}
        }
        let mut published = self.published.lock().unwrap();
        published.push(request);
        let kept = !published.last().unwrap().extra.skip_history;
        let offset = published.len() as u64;
        Ok(Accepted { offset, epoch: "e".into(), kept, position: format!("e-{offset}") })
    }

    async fn history(&self, wanted: HistoryWanted) -> Result<History, HistoryError> {
        refused(&wanted.subject)?;
        let kept = |payload: &[u8], kind, offset, client: Option<&str>| Kept {
            payload: payload.into(),
            kind,
            offset,
            tags: client.map(|_| ("k".into(), "v".into())).into_iter().collect(),
            publisher: client.map(|client| Present {
                client: client.into(),
                user: String::new(),
                conn_info: b"[1]".to_vec(),
                chan_info: Vec::new(),
            }),
        };
        let publications = if wanted.subject == "empty" {
            Vec::new()
        } else {
            vec![
                kept(b"{\"a\":1}", PayloadKind::Text, 1, None),
                kept(b"text", PayloadKind::Text, 2, Some("c")),
                kept(b"\xff\0", PayloadKind::Binary, 3, None),
            ]
        };
        self.wanted.lock().unwrap().push(wanted);
        Ok(History { offset: publications.len() as u64, publications, epoch: "e".into() })
    }

    async fn remove_history(&self, subject: String) -> Result<(), HistoryError> {
        refused(&subject)?;
        self.removed.lock().unwrap().push(subject);
        Ok(())
    }

    async fn subjects(&self, glob: String) -> Result<Subjects, SubjectsError> {
        match glob.as_str() {
            "away" => Err(SubjectsError::Unavailable),
            "*" => Err(SubjectsError::TooMany),
            _ => Ok([(format!("b{glob}"), 2), ("a".into(), 1)].into()),
        }
    }

    async fn presence(&self, subject: String) -> Result<Vec<Present>, PresenceError> {
        absent(&subject)?;
        let client = |client: &str, user: &str, info: &str| Present {
            client: client.into(),
            user: user.into(),
            conn_info: info.into(),
            chan_info: Vec::new(),
        };
        Ok(if subject == "empty" { Vec::new() } else { vec![client("c2", "ann", "{\"a\": 1}"), client("c1", "", "")] })
    }

    async fn headcount(&self, subject: String) -> Result<Headcount, PresenceError> {
        absent(&subject)?;
        Ok(if subject == "empty" { Headcount { clients: 0, users: 0 } } else { Headcount { clients: 3, users: 2 } })
    }

    async fn users(&self) -> Option<u64> {
        Some(7)
    }

    async fn order(&self, whom: Whom, order: Order) -> Result<u64, OrderError> {
        match whom.user.as_str() {
            "away" => return Err(OrderError::Unavailable),
            "over" => return Err(OrderError::Over),
            "unknown" => return Err(OrderError::UnknownSubject),
            _ => {}
        }
        self.ordered.lock().unwrap().push((whom, order));
        Ok(1)
    }

    async fn ban(&self, ban: Ban) -> Result<(), BanError> {
        if let Ban::Block { user, .. } = &ban {
            match user.as_str() {
                "full" => return Err(BanError::Full { count_max: 5 }),
                "over" => return Err(BanError::Over),
                "long" => return Err(BanError::TooLong { bytes_max: 5 }),
                "unsaved" => return Err(BanError::NotSaved("no room".into())),
                "away" => return Err(BanError::Unavailable),
                _ => {}
            }
        }
        self.banned.lock().unwrap().push(ban);
        Ok(())
    }

    async fn samples(&self) -> Vec<Sample> {
        *self.scrapes.lock().unwrap() += 1;
        let mut samples = Vec::new();
        for shard in ["0", "1"] {
            for metric in metric::ALL.iter().filter(|metric| metric.name.starts_with("ringcast_")) {
                if [&metric::BUILD, &metric::READY].contains(metric) || metric.name.contains("_control_") {
                    continue;
                }
                let mut labels = vec![("shard", Cow::Borrowed(shard))];
                if **metric == metric::CONNECTIONS {
                    labels.push(("transport", "sse".into()));
                }
                samples.push(Sample { metric, labels, value: 2.5 });
            }
        }
        samples
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap()
    }
}

/// Subjects whose history is refused.
fn refused(subject: &str) -> Result<(), HistoryError> {
    match subject {
        "bad" => Err(HistoryError::BadSubject("it says so".into())),
        "unknown" => Err(HistoryError::UnknownSubject),
        "off" => Err(HistoryError::NotKept),
        "other" => Err(HistoryError::OtherEpoch),
        "away" => Err(HistoryError::Unavailable),
        _ => Ok(()),
    }
}

/// Subjects whose presence is refused.
fn absent(subject: &str) -> Result<(), PresenceError> {
    match subject {
        "bad" => Err(PresenceError::BadSubject("it says so".into())),
        "unknown" => Err(PresenceError::UnknownSubject),
        "off" => Err(PresenceError::Off),
        "crowd" => Err(PresenceError::TooMany),
        "away" => Err(PresenceError::Unavailable),
        _ => Ok(()),
    }
}

/// A running control plane.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) recorder: Recorder,
    pub(crate) shutdown: Option<oneshot::Sender<()>>,
    pub(crate) served: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// `data` answers what arrives for the data plane.
    pub(crate) fn start(settings: ControlSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let recorder = Recorder {
            published: Arc::default(),
            wanted: Arc::default(),
            removed: Arc::default(),
            ordered: Arc::default(),
            banned: Arc::default(),
            state: Arc::new(Mutex::new(State::Ready)),
            scrapes: Arc::default(),
        };
        let (to_control, handed) = mpsc::channel(64);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let to_control = to_control.clone();
                thread::spawn(move || hand_over(stream, &to_control));
            }
        });
        let (shutdown, asked) = oneshot::channel();
        let plane = recorder.clone();
        let served = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(control::serve(handed, plane, settings, async move {
                let _ = asked.await;
            }));
        });
        Self { address, recorder, shutdown: Some(shutdown), served: Some(served) }
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, head_and_body: &str) -> Answer {
        let mut peer = self.connect();
        peer.send(head_and_body);
        peer.answer()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
    }

    pub(crate) fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        self.ask(&post(path, headers, body))
    }

    pub(crate) fn last_published(&self) -> Publish {
        self.recorder.published.lock().unwrap().last().cloned().unwrap()
    }
}

pub(crate) fn post(path: &str, headers: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: test\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Reads what is there, as a shard would have, and gives the socket away.
fn hand_over(mut stream: TcpStream, to_control: &mpsc::Sender<Handed>) {
    let mut head = vec![0; 16];
    // Less than a head, often: the control plane must go on where the shard stopped.
    let Ok(count) = stream.read(&mut head) else { return };
    head.truncate(count);
    let _ = to_control.blocking_send(Handed { socket: OwnedFd::from(stream), head });
}

/// A client's end of a connection.
pub(crate) struct Peer(pub(crate) TcpStream);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Peer {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).unwrap();
    }

    /// Up to and without the empty line.
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            assert_eq!(self.0.read(&mut byte).unwrap(), 1, "closed within {:?}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) fn exactly(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// One answer that says how long it is.
    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.head();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body = self.exactly(length);
        answer
    }

    /// True if the server has closed and sent nothing before.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(count) => count == 0,
            // The time-out of a read says nothing of the connection.
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
