//! `GET /sub/…` as a WebSocket: payloads and nothing else.
use wire::frame::Opcode;

use crate::client::frames::{Came, Frames, answer, frame};
use crate::client::http::encode;
use crate::client::{Dialect, Ended, Reaction, Scene};
use crate::feed::{Begin, Feed};

#[derive(Debug)]
pub(crate) struct Listener {
    subjects: Vec<usize>,
    frames: Frames,
    feeds: Vec<Feed>,
    /// The client has said that it leaves.
    goodbye: bool,
}

impl Listener {
    pub(crate) fn new(subjects: Vec<usize>) -> Self {
        Self { subjects, frames: Frames::default(), feeds: Vec::new(), goodbye: false }
    }

    fn saw(&mut self, payload: &[u8], scene: &mut Scene<'_>) {
        let (number, subject) = scene.model.recognize(payload);
        let feed = self.feeds.iter_mut().find(|feed| feed.subject == subject);
        let feed = feed.unwrap_or_else(|| panic!("publication {number} of subject {subject}, which nobody asked for"));
        feed.saw(number, None, scene.model);
    }
}

impl Dialect for Listener {
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        self.goodbye = false;
        let may_drop = scene.plan.may_drop();
        let feed = |&subject: &usize| Feed::new(subject, Begin::Live, may_drop, scene.model);
        self.feeds = self.subjects.iter().map(feed).collect();
        let shared = self.feeds.len() > 1;
        self.feeds.iter_mut().for_each(|feed| feed.shared = shared);
        let names: Vec<_> = self.subjects.iter().map(|&subject| encode(&scene.plan.subjects[subject].name)).collect();
        self.frames.request(&format!("/sub/{}", names.join(",")), scene.random)
    }

    /// A listener has nothing to say, but says something now and then.
    fn act(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        if !self.frames.open || self.frames.closed || self.goodbye {
            return Vec::new();
        }
        match scene.random.below(40) {
            0 => frame(Opcode::Ping, true, b"are you there?", scene.random),
            1 => frame(Opcode::Text, true, b"nobody listens", scene.random),
            2 => {
                self.goodbye = true;
                frame(Opcode::Close, true, &1000_u16.to_be_bytes(), scene.random)
            }
            _ => Vec::new(),
        }
    }

    fn received(&mut self, inbox: &mut Vec<u8>, scene: &mut Scene<'_>) -> Reaction {
        let mut reaction = Reaction::default();
        for came in self.frames.received(inbox) {
            match &came {
                Came::Open => self.feeds.iter_mut().for_each(|feed| feed.opened(scene.model)),
                Came::Refused(status) => {
                    assert!(scene.may_refuse(*status), "a listener was refused: {status}");
                    reaction.over = true;
                }
                Came::Message(_, payload) => self.saw(payload, scene),
                Came::Close(_) if self.goodbye => {}
                Came::Close(code) => scene.model.closed(code.unwrap_or(0)),
                Came::Ping(_) | Came::Pong => {}
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
        if !self.frames.closed {
            self.feeds.iter().for_each(|feed| feed.settled(scene.model));
        }
    }

    fn is_open(&self) -> bool {
        self.frames.open && !self.frames.closed
    }
}
