//! `GET /sub/…` with `Accept: text/event-stream`, read as a browser reads it: the last event id resumes.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::plain::{read_position, subject_tag};
use wire::head::ChunkedDecoder;

use crate::client::http::{self, encode};
use crate::client::{Dialect, Ended, Reaction, Scene};
use crate::feed::{Begin, Feed};
use crate::model::Place;

#[derive(Debug)]
pub(crate) struct EventStream {
    subjects: Vec<usize>,
    /// Follows its one subject from the begin, and is never slow.
    witness: bool,
    last_id: Option<String>,
    open: bool,
    feeds: Vec<Feed>,
    event: Event,
    chunks: ChunkedDecoder,
    /// What the chunks had, as far as it is no whole line.
    unread: Vec<u8>,
}

/// An event that is being read.
#[derive(Default, Debug)]
struct Event {
    kind: String,
    id: Option<String>,
    data: Option<String>,
}

impl EventStream {
    pub(crate) fn new(subjects: Vec<usize>, witness: bool) -> Self {
        assert!(!witness || subjects.len() == 1, "a witness follows one subject");
        Self {
            subjects,
            witness,
            last_id: None,
            open: false,
            feeds: Vec::new(),
            event: Event::default(),
            chunks: ChunkedDecoder::new(usize::MAX),
            unread: Vec::new(),
        }
    }

    fn place(&self, subject: usize, scene: &Scene<'_>) -> Option<Place> {
        let marks = read_position(self.last_id.as_deref()?).expect("an id is a position");
        let tag = subject_tag(&scene.plan.subjects[subject].name);
        let mark = marks.iter().find(|mark| mark.subject_tag == tag).expect("an id has all subjects of the stream");
        Some(Place { epoch: mark.epoch, offset: mark.offset })
    }

    fn line(&mut self, line: &str, scene: &mut Scene<'_>) {
        if line.is_empty() {
            self.dispatch(scene);
            return;
        }
        let (field, value) = line.split_once(": ").unwrap_or((line, ""));
        match field {
            "id" => self.event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.kind),
            "data" => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.event.data = Some(value.to_owned()),
            },
            "retry" => assert!(value.parse::<u32>().is_ok(), "no time: {line:?}"),
            "" | ":" => {}
            _ => panic!("no line of an event stream: {line:?}"),
        }
    }

    fn dispatch(&mut self, scene: &mut Scene<'_>) {
        let event = core::mem::take(&mut self.event);
        let named = event.id.is_some();
        if named {
            self.last_id = event.id;
        }
        let Some(data) = event.data else { return };
        let payload = match event.kind.as_str() {
            "reset" => {
                self.reset(&data, scene);
                return;
            }
            "base64" => STANDARD.decode(&data).expect("base64 is base64"),
            "" => data.into_bytes(),
            other => panic!("an event of the type {other:?}"),
        };
        let (number, subject) = scene.model.recognize(&payload);
        let place = if named { self.place(subject, scene) } else { None };
        if self.witness {
            let place = place.expect("an event of one subject has an id");
            scene.model.witness(subject, number, place, scene.cluster.now);
            return;
        }
        let feed = self.feeds.iter_mut().find(|feed| feed.subject == subject).expect("of a subject that was asked for");
        feed.saw(number, place, scene.model);
    }

    fn reset(&mut self, data: &str, scene: &mut Scene<'_>) {
        assert!(!self.witness, "a witness has a gap");
        let told: serde_json::Value = serde_json::from_str(data).expect("a reset says its subject");
        let name = told["subject"].as_str().expect("a reset says its subject");
        let is_it = |feed: &&mut Feed| scene.plan.subjects[feed.subject].name == name;
        let feed = self.feeds.iter_mut().find(is_it).expect("of a subject that was asked for");
        if let Begin::After(place) = feed.begin {
            scene.model.may_reset(feed.subject, place, scene.plan);
        }
        feed.reset();
        scene.model.tally.reset += 1;
    }
}

impl Dialect for EventStream {
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        self.open = false;
        self.event = Event::default();
        self.chunks = ChunkedDecoder::new(usize::MAX);
        self.unread.clear();
        let may_drop = scene.plan.may_drop();
        let feeds: Vec<Feed> = self
            .subjects
            .iter()
            .map(|&subject| {
                let begin = self.place(subject, scene).map_or(Begin::Live, Begin::After);
                Feed::new(subject, begin, may_drop, scene.model)
            })
            .collect();
        self.feeds = feeds;
        scene.model.tally.resumed += u64::from(self.last_id.is_some());
        let shared = self.feeds.len() > 1;
        self.feeds.iter_mut().for_each(|feed| feed.shared = shared);
        let names: Vec<_> = self.subjects.iter().map(|&subject| encode(&scene.plan.subjects[subject].name)).collect();
        let mut request = format!("GET /sub/{} HTTP/1.1\r\nHost: sim\r\n", names.join(","));
        request.push_str("Accept: text/html, text/event-stream;q=0.9\r\n");
        if let Some(id) = &self.last_id {
            request.push_str(&format!("Last-Event-ID: {id}\r\n"));
        }
        request.push_str("\r\n");
        request.into_bytes()
    }

    fn act(&mut self, _scene: &mut Scene<'_>) -> Vec<u8> {
        Vec::new()
    }

    fn received(&mut self, inbox: &mut Vec<u8>, scene: &mut Scene<'_>) -> Reaction {
        if !self.open {
            let Some(response) = http::take(inbox) else { return Reaction::default() };
            if scene.may_refuse(response.status) {
                return Reaction { bytes: Vec::new(), over: true };
            }
            assert_eq!(response.status, 200, "{}", response.body.escape_ascii());
            self.open = true;
            self.feeds.iter_mut().for_each(|feed| feed.opened(scene.model));
        }
        let progress = self.chunks.push(inbox, &mut self.unread).expect("a stream is in chunks");
        assert_eq!(progress.used, inbox.len(), "something came behind the end of a body");
        inbox.clear();
        while let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line = String::from_utf8(line[..end].to_vec()).expect("an event stream is UTF-8");
            self.line(&line, scene);
        }
        Reaction::default()
    }

    fn ended(&mut self, _how: Ended, scene: &mut Scene<'_>) {
        if self.open {
            scene.model.closed(0);
        }
        self.open = false;
    }

    fn settled(&mut self, scene: &mut Scene<'_>) {
        if self.open && !self.witness {
            self.feeds.iter().for_each(|feed| feed.settled(scene.model));
        }
    }

    fn is_open(&self) -> bool {
        self.open
    }

    fn holds(&self) -> bool {
        self.subjects.len() > 1
    }
}
