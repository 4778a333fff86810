//! A WebSocket whose life is a back end's; and a back end that pushes.
use wire::frame::{Kind, Opcode};

use crate::client::frames::{Came, Frames, answer, frame, message};
use crate::client::http;
use crate::client::{Dialect, Ended, Reaction, Scene};

/// ClientIDs that there are: so few that several have the same.
const IDS: u64 = 4;

fn path(scene: &mut Scene<'_>) -> String {
    format!("/ws/client{}", scene.random.below(IDS))
}

/// The client.
#[derive(Default, Debug)]
pub(crate) struct Hooked {
    frames: Frames,
    /// Messages sent on this connection.
    sent: u32,
    /// The number after that of the last answer.
    heard: u32,
    goodbye: bool,
}

impl Hooked {
    fn answered(&mut self, payload: &[u8]) {
        if payload == b"push" {
            return;
        }
        let text = core::str::from_utf8(payload).expect("an answer is text");
        let number: u32 =
            text.strip_prefix('m').and_then(|number| number.parse().ok()).expect("an answer is one of ours");
        assert!(number >= self.heard && number < self.sent, "the answer to {number} comes after {}", self.heard);
        self.heard = number + 1;
    }
}

impl Dialect for Hooked {
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        *self = Self::default();
        let path = path(scene);
        let mut bytes = self.frames.request(&path, scene.random);
        if scene.random.one_in(3) {
            // Together with the request.
            self.frames.open = true;
            bytes.extend(self.act(scene));
            self.frames.open = false;
        }
        bytes
    }

    fn act(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        if !self.frames.open || self.frames.closed || self.goodbye {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        for _ in 0..=scene.random.below(6) {
            let text = format!("m{}", self.sent);
            self.sent += 1;
            bytes.extend(message(Kind::Text, text.as_bytes(), scene.random));
        }
        if scene.random.one_in(10) {
            self.goodbye = true;
            bytes.extend(frame(Opcode::Close, true, &1001_u16.to_be_bytes(), scene.random));
        }
        bytes
    }

    fn received(&mut self, inbox: &mut Vec<u8>, scene: &mut Scene<'_>) -> Reaction {
        let mut reaction = Reaction::default();
        for came in self.frames.received(inbox) {
            match &came {
                Came::Message(_, payload) => self.answered(payload),
                Came::Refused(status) => {
                    let known = [403, 409].contains(status) || scene.may_refuse(*status);
                    assert!(known, "a client was refused: {status}");
                    reaction.over = true;
                }
                Came::Close(Some(1011 | 4409)) => {}
                Came::Close(code) if !self.goodbye => scene.model.closed(code.unwrap_or(0)),
                Came::Close(_) | Came::Open | Came::Ping(_) | Came::Pong => {}
            }
            let (bytes, over) = answer(&came, scene.random);
            if !self.goodbye {
                reaction.bytes.extend(bytes);
            }
            reaction.over |= over;
        }
        reaction
    }

    fn ended(&mut self, _how: Ended, _scene: &mut Scene<'_>) {
        self.frames = Frames::default();
    }

    fn settled(&mut self, _scene: &mut Scene<'_>) {}

    fn is_open(&self) -> bool {
        self.frames.open && !self.frames.closed
    }
}

/// The back end.
#[derive(Default, Debug)]
pub(crate) struct Pusher {
    /// Requests without an answer.
    asked: usize,
    connected: bool,
}

impl Pusher {
    fn request(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        self.asked += 1;
        let path = path(scene);
        format!("POST {path} HTTP/1.1\r\nHost: sim\r\nX-API-Key: key\r\nContent-Length: 4\r\n\r\npush").into_bytes()
    }
}

impl Dialect for Pusher {
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        *self = Self { asked: 0, connected: true };
        self.request(scene)
    }

    fn act(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        if self.asked < 4 { self.request(scene) } else { Vec::new() }
    }

    fn received(&mut self, inbox: &mut Vec<u8>, scene: &mut Scene<'_>) -> Reaction {
        let mut over = false;
        while let Some(response) = http::take(inbox) {
            assert!(self.asked > 0, "an answer to nothing");
            self.asked -= 1;
            let known = [200, 404, 503].contains(&response.status) || scene.may_refuse(response.status);
            assert!(known, "{}: {}", response.status, response.body.escape_ascii());
            over |= !response.keeps_alive();
        }
        Reaction { bytes: Vec::new(), over }
    }

    fn ended(&mut self, _how: Ended, _scene: &mut Scene<'_>) {
        self.connected = false;
    }

    fn settled(&mut self, _scene: &mut Scene<'_>) {
        assert_eq!(self.asked, 0, "some are not answered");
    }

    fn is_open(&self) -> bool {
        self.connected
    }
}
