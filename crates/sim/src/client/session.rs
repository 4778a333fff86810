//! A Centrifugo session in JSON: connect, subscribe with recovery, publish, unsubscribe, pongs.
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::epoch;
use serde_json::{Value, json};
use wire::frame::Kind;

use crate::client::frames::{Came, Frames, answer, message};
use crate::client::{Dialect, Ended, Reaction, Scene};
use crate::feed::Feed;
use crate::model::Place;

mod heard;

/// A command that waits for its reply; replies come in the order of their commands.
#[derive(Debug)]
enum Asked {
    Connect { subs: Vec<(usize, Option<Place>)> },
    Subscribe { subject: usize, since: Option<Place>, wishes: Wishes },
    Unsubscribe { subject: usize },
    Pattern,
    NoPattern,
    Publish { number: u32 },
    History { subject: usize, limit: i64, reverse: bool },
}

/// What a subscription asks for beside a place.
#[derive(Clone, Copy, Default, Debug)]
struct Wishes {
    delta: bool,
    filter: bool,
    /// An error rather than a subscription that has not recovered.
    strict: bool,
}

#[derive(Default, Debug)]
pub(crate) struct Session {
    frames: Frames,
    last_id: u32,
    asked: VecDeque<(u32, Asked)>,
    /// Subjects that are subscribed to, or about to be.
    wanted: Vec<usize>,
    feeds: BTreeMap<usize, Feed>,
    /// The newest place seen in each subject, over all connections.
    places: BTreeMap<usize, Place>,
    /// The client's id.
    id: String,
    /// Subjects of which it has been told that it came itself.
    arrived: BTreeSet<usize>,
    /// Subjects whose publications may come as deltas.
    deltas: BTreeSet<usize>,
    /// What came last of each subject, over all connections: what a delta is a delta of.
    bases: BTreeMap<usize, Vec<u8>>,
    /// Subscribed to the pattern of all subjects, or about to be; and what that has brought, by subject, once it is.
    wants_pattern: bool,
    pattern: BTreeMap<usize, Feed>,
}

/// Names every subject: none has a dot.
const PATTERN: &str = "*";

impl Session {
    fn ask(&mut self, asked: Asked, mut command: Value) -> String {
        self.last_id += 1;
        command["id"] = self.last_id.into();
        self.asked.push_back((self.last_id, asked));
        command.to_string()
    }

    /// The place where it left off, and sometimes none; and how that is said.
    fn left_off(&self, subject: usize, scene: &mut Scene<'_>) -> (Option<Place>, Value) {
        let since = self.places.get(&subject).copied().filter(|_| !scene.random.one_in(4));
        let mut said = json!({});
        if let Some(since) = since {
            let text = epoch::text(since.epoch);
            said["recover"] = true.into();
            said["offset"] = since.offset.into();
            said["epoch"] = core::str::from_utf8(&text).unwrap_or_default().into();
        }
        (since, said)
    }

    fn command(&mut self, scene: &mut Scene<'_>) -> Option<String> {
        let subject = usize::try_from(scene.random.below(scene.plan.subjects.len() as u64)).unwrap_or(0);
        let channel = scene.plan.subjects[subject].name.clone();
        let is_wanted = self.wanted.contains(&subject);
        match scene.random.below(6) {
            5 if !self.wants_pattern || scene.random.one_in(4) => {
                self.wants_pattern = !self.wants_pattern;
                let channel = json!({ "channel": PATTERN });
                Some(if self.wants_pattern {
                    self.ask(Asked::Pattern, json!({ "subscribe": channel }))
                } else {
                    self.ask(Asked::NoPattern, json!({ "unsubscribe": channel }))
                })
            }
            0 | 1 if !is_wanted => {
                self.wanted.push(subject);
                let (since, mut subscribe) = self.left_off(subject, scene);
                subscribe["channel"] = channel.into();
                let wishes = Wishes {
                    delta: scene.random.one_in(2),
                    filter: scene.random.one_in(3),
                    strict: scene.random.one_in(4),
                };
                if wishes.delta {
                    subscribe["delta"] = "fossil".into();
                }
                if wishes.filter {
                    subscribe["tf"] = json!({ "key": "k", "cmp": "neq", "val": "1" });
                }
                if wishes.strict {
                    subscribe["flag"] = 2.into();
                }
                Some(self.ask(Asked::Subscribe { subject, since, wishes }, json!({ "subscribe": subscribe })))
            }
            2 if is_wanted && scene.random.one_in(4) => {
                self.wanted.retain(|&other| other != subject);
                Some(self.ask(Asked::Unsubscribe { subject }, json!({ "unsubscribe": { "channel": channel } })))
            }
            3 => {
                let number = scene.model.publish(subject, true, scene.random);
                let data: Value = serde_json::from_slice(scene.model.payload(number)).expect("JSON was asked for");
                let publish = json!({ "publish": { "channel": channel, "data": data } });
                Some(self.ask(Asked::Publish { number }, publish))
            }
            4 if scene.plan.history.is_some() => {
                let limit = [0, 1, 3, -1][usize::try_from(scene.random.below(4)).unwrap_or(0)];
                let reverse = scene.random.one_in(2);
                let history = json!({ "channel": channel, "limit": limit, "reverse": reverse });
                Some(self.ask(Asked::History { subject, limit, reverse }, json!({ "history": history })))
            }
            _ => None,
        }
    }
}

impl Dialect for Session {
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        self.asked.clear();
        self.wanted.clear();
        self.feeds.clear();
        self.arrived.clear();
        self.pattern.clear();
        self.wants_pattern = false;
        let mut bytes = self.frames.request("/connection/websocket", scene.random);
        let mut subs = Vec::new();
        let mut connect = json!({});
        for subject in 0..scene.plan.subjects.len() {
            if scene.random.one_in(4) {
                let (since, said) = self.left_off(subject, scene);
                self.wanted.push(subject);
                subs.push((subject, since));
                connect["subs"][&scene.plan.subjects[subject].name] = said;
            }
        }
        let connect = self.ask(Asked::Connect { subs }, json!({ "connect": connect }));
        bytes.extend(message(Kind::Text, connect.as_bytes(), scene.random));
        bytes
    }

    /// Some commands, in one message or in several.
    fn act(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        if self.frames.closed {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        let mut lines: Vec<String> = Vec::new();
        for _ in 0..=scene.random.below(4) {
            lines.extend(self.command(scene));
            if scene.random.one_in(2) && !lines.is_empty() {
                bytes.extend(message(Kind::Text, lines.join("\n").as_bytes(), scene.random));
                lines.clear();
            }
        }
        if !lines.is_empty() {
            bytes.extend(message(Kind::Text, lines.join("\n").as_bytes(), scene.random));
        }
        bytes
    }

    fn received(&mut self, inbox: &mut Vec<u8>, scene: &mut Scene<'_>) -> Reaction {
        let mut reaction = Reaction::default();
        for came in self.frames.received(inbox) {
            match &came {
                Came::Message(kind, payload) => {
                    assert_eq!(*kind, Kind::Text, "JSON is text");
                    let text = core::str::from_utf8(payload).expect("a text frame is UTF-8");
                    for line in text.split('\n') {
                        let bytes = self.line(line, scene);
                        reaction.bytes.extend(bytes);
                    }
                }
                Came::Refused(status) => {
                    assert!(scene.may_refuse(*status), "a session was refused: {status}");
                    reaction.over = true;
                }
                Came::Close(code) => {
                    let code = code.unwrap_or(0);
                    assert!(matches!(code, 3001 | 3008 | 3012 | 3502 | 3506), "a session was closed with {code}");
                    scene.model.closed(code);
                }
                Came::Open | Came::Ping(_) | Came::Pong => {}
            }
            let (bytes, over) = answer(&came, scene.random);
            reaction.bytes.extend(bytes);
            reaction.over |= over;
        }
        reaction
    }

    fn ended(&mut self, _how: Ended, _scene: &mut Scene<'_>) {
        self.frames = Frames::default();
    }

    fn settled(&mut self, scene: &mut Scene<'_>) {
        if self.is_open() {
            assert!(self.asked.is_empty(), "some are not answered: {:?}", self.asked);
            self.feeds.values().chain(self.pattern.values()).for_each(|feed| feed.settled(scene.model));
        }
    }

    fn is_open(&self) -> bool {
        self.frames.open && !self.frames.closed
    }
}
