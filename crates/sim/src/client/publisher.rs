//! `GET /pub` upgraded: the publish stream, with or without acknowledgements.
use wire::frame::{Kind, Opcode};

use crate::client::frames::{Came, Frames, answer, frame, message};
use crate::client::{Dialect, Ended, Reaction, Scene};

#[derive(Debug)]
pub(crate) struct Publisher {
    acknowledged: bool,
    frames: Frames,
    /// What was sent on this connection.
    sent: Vec<u32>,
    /// How many of them are confirmed.
    confirmed: usize,
    /// The client has said goodbye, so that everything before it must arrive.
    goodbye: bool,
}

impl Publisher {
    pub(crate) fn new(acknowledged: bool) -> Self {
        Self { acknowledged, frames: Frames::default(), sent: Vec::new(), confirmed: 0, goodbye: false }
    }

    fn acknowledge(&mut self, payload: &[u8], scene: &mut Scene<'_>) {
        assert!(self.acknowledged, "a count that nobody asked for");
        let count = u64::from_le_bytes(payload.try_into().expect("a count has 8 bytes"));
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        assert!(count > self.confirmed, "a count of {count} after {}", self.confirmed);
        assert!(count <= self.sent.len(), "{count} of {} publications are confirmed", self.sent.len());
        for &number in &self.sent[self.confirmed..count] {
            scene.model.confirm(number);
        }
        self.confirmed = count;
    }
}

impl Dialect for Publisher {
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        self.sent.clear();
        self.confirmed = 0;
        self.goodbye = false;
        let path = if self.acknowledged { "/pub?ack=1" } else { "/pub" };
        let mut bytes = self.frames.request(path, scene.random);
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
        for _ in 0..=scene.random.below(4) {
            let subject = usize::try_from(scene.random.below(scene.plan.subjects.len() as u64)).unwrap_or(0);
            let number = scene.model.publish(subject, !scene.random.one_in(10), scene.random);
            self.sent.push(number);
            let name = scene.plan.subjects[subject].name.as_bytes();
            let length = u8::try_from(name.len()).expect("names are short");
            let payload = [&[length], name, scene.model.payload(number)].concat();
            bytes.extend(message(Kind::Binary, &payload, scene.random));
        }
        if scene.random.one_in(60) {
            self.goodbye = true;
            bytes.extend(frame(Opcode::Close, true, &1001_u16.to_be_bytes(), scene.random));
        }
        bytes
    }

    fn received(&mut self, inbox: &mut Vec<u8>, scene: &mut Scene<'_>) -> Reaction {
        let mut reaction = Reaction::default();
        for came in self.frames.received(inbox) {
            match &came {
                Came::Message(_, payload) => self.acknowledge(payload, scene),
                Came::Close(code) => {
                    if !self.goodbye {
                        scene.model.closed(code.unwrap_or(0));
                    }
                    // A drain may cross it.
                    assert!(
                        !self.goodbye || *code == Some(1001) || scene.plan.drains,
                        "another code came back: {code:?}"
                    );
                }
                Came::Refused(status) => {
                    assert!(scene.may_refuse(*status), "a publisher was refused: {status}");
                    reaction.over = true;
                }
                Came::Open | Came::Ping(_) | Came::Pong => {}
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

    fn settled(&mut self, scene: &mut Scene<'_>) {
        if !self.is_open() {
            return;
        }
        assert!(!self.acknowledged || self.confirmed == self.sent.len(), "some are not acknowledged: {self:?}");
        for &number in &self.sent {
            scene.model.confirm(number);
        }
    }

    fn is_open(&self) -> bool {
        self.frames.open && !self.frames.closed
    }

    fn holds(&self) -> bool {
        self.acknowledged
    }
}
