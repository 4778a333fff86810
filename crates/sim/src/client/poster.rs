//! `POST /pub/<subject>`: several requests on one connection, one after the other or without waiting.
use std::collections::VecDeque;

use protocol::epoch;
use serde_json::Value;

use crate::client::http::{self, Response, encode};
use crate::client::{Dialect, Ended, Reaction, Scene};
use crate::model::Place;

#[derive(Debug)]
struct Asked {
    subject: usize,
    number: u32,
    /// Under an idempotency key: another publication may stand for this one.
    keyed: bool,
}

#[derive(Default, Debug)]
pub(crate) struct Poster {
    /// Requests without an answer, the oldest first.
    asked: VecDeque<Asked>,
    connected: bool,
}

/// Requests that a client sends without waiting for an answer.
const PIPELINED_MAX: usize = 4;

impl Poster {
    fn request(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        let subject = usize::try_from(scene.random.below(scene.plan.subjects.len() as u64)).unwrap_or(0);
        let number = scene.model.publish(subject, false, scene.random);
        let method = if scene.random.one_in(4) { "PUT" } else { "POST" };
        let path = encode(&scene.plan.subjects[subject].name);
        let mut bytes = format!("{method} /pub/{path} HTTP/1.1\r\nHost: sim\r\n").into_bytes();
        let keyed = scene.random.one_in(5);
        if keyed {
            let key = format!("key {}", scene.random.below(6));
            bytes.extend(format!("Idempotency-Key: {key}\r\n").into_bytes());
            scene.model.set_key(number, key);
        }
        if scene.random.one_in(2) {
            let tag = scene.model.set_tag(number);
            bytes.extend(format!("Ringcast-Tags: k={tag}\r\n").into_bytes());
        }
        self.asked.push_back(Asked { subject, number, keyed });
        let payload = scene.model.payload(number);
        if scene.random.one_in(3) {
            bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            let cut = usize::try_from(scene.random.below(payload.len() as u64)).unwrap_or(0);
            for part in [&payload[..cut], &payload[cut..]].into_iter().filter(|part| !part.is_empty()) {
                bytes.extend(format!("{:x};extension\r\n", part.len()).into_bytes());
                bytes.extend([part, b"\r\n"].concat());
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(format!("Content-Length: {}\r\n\r\n", payload.len()).into_bytes());
            bytes.extend_from_slice(payload);
        }
        bytes
    }

    fn answered(&mut self, response: &Response, scene: &mut Scene<'_>) {
        let Asked { subject, number, keyed } = self.asked.pop_front().expect("no answer without a request");
        if scene.may_refuse(response.status) {
            return;
        }
        assert_eq!(response.status, 200, "{}", response.body.escape_ascii());
        let answer: Value = serde_json::from_slice(&response.body).expect("an answer is JSON");
        let offset = answer["offset"].as_u64().expect("an answer has an offset");
        let epoch = answer["epoch"].as_str().and_then(epoch::read).expect("an answer has an epoch");
        let place = Place { epoch, offset };
        if keyed {
            scene.model.confirm_key(number, place);
        } else {
            scene.model.learn(subject, number, place);
            scene.model.confirm(number);
        }
    }
}

impl Dialect for Poster {
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        self.asked.clear();
        self.connected = true;
        self.request(scene)
    }

    fn act(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..=scene.random.below(3) {
            if self.asked.len() < PIPELINED_MAX {
                bytes.extend(self.request(scene));
            }
        }
        bytes
    }

    fn received(&mut self, inbox: &mut Vec<u8>, scene: &mut Scene<'_>) -> Reaction {
        let mut over = false;
        while let Some(response) = http::take(inbox) {
            self.answered(&response, scene);
            over |= !response.keeps_alive();
        }
        Reaction { bytes: Vec::new(), over }
    }

    fn ended(&mut self, _how: Ended, _scene: &mut Scene<'_>) {
        self.connected = false;
    }

    fn settled(&mut self, _scene: &mut Scene<'_>) {
        assert!(self.asked.is_empty(), "some are not answered: {self:?}");
    }

    fn is_open(&self) -> bool {
        self.connected
    }
}
