//! `GET /sub/…` as a long poll, again and again, each from where the last one ended.
use protocol::plain::{Mark, read_position, subject_tag};
use serde_json::Value;

use crate::client::data::recognize;
use crate::client::http::{self, Response, encode};
use crate::client::{Dialect, Ended, Reaction, Scene};
use crate::model::Place;

#[derive(Debug)]
pub(crate) struct LongPoll {
    subjects: Vec<usize>,
    /// Where the last poll ended.
    since: Option<String>,
    /// A poll that is not answered: publications of each subject when it was asked.
    asked: Option<Vec<usize>>,
    connected: bool,
}

impl LongPoll {
    pub(crate) fn new(subjects: Vec<usize>) -> Self {
        Self { subjects, since: None, asked: None, connected: false }
    }

    fn request(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        self.asked = Some(self.subjects.iter().map(|&subject| scene.model.length(subject)).collect());
        let names: Vec<_> = self.subjects.iter().map(|&subject| encode(&scene.plan.subjects[subject].name)).collect();
        let mut path = format!("/sub/{}?timeout={}", names.join(","), scene.random.below(4));
        if let Some(since) = &self.since {
            path.push_str(&format!("&since={since}"));
        }
        format!("GET {path} HTTP/1.1\r\nHost: sim\r\n\r\n").into_bytes()
    }

    fn answered(&mut self, response: &Response, scene: &mut Scene<'_>) {
        let asked = self.asked.take().expect("no answer without a request");
        match response.status {
            200 => self.examine(&response.body, &asked, scene),
            204 => {
                let position = response.field("ringcast-position").expect("204 tells the position");
                if let Some(since) = &self.since {
                    assert_eq!(marks(position), marks(since), "nothing came, and the position has changed");
                }
                self.since = Some(position.to_owned());
            }
            status => assert!(scene.may_refuse(status), "{status}: {}", response.body.escape_ascii()),
        }
    }

    fn examine(&mut self, body: &[u8], asked: &[usize], scene: &mut Scene<'_>) {
        let body: Value = serde_json::from_slice(body).expect("an answer is JSON");
        let reset = body.get("reset").is_some();
        scene.model.tally.reset += u64::from(reset);
        scene.model.tally.resumed += u64::from(self.since.is_some() && !reset);
        if let (true, [subject], Some(since)) = (reset, &self.subjects[..], &self.since)
            && let Some(place) = place(since, *subject, scene)
        {
            scene.model.may_reset(*subject, place, scene.plan);
        }
        let known = self.since.as_deref().filter(|_| !reset);
        let mut places: Vec<Option<Place>> = self.subjects.iter().map(|&at| place(known?, at, scene)).collect();
        let publications = body["publications"].as_array().expect("a list of publications");
        assert!(reset || !publications.is_empty(), "an answer without a reason");
        for publication in publications {
            let (number, subject) = recognize(&publication["data"], scene.model);
            assert_eq!(publication["subject"].as_str(), Some(scene.plan.subjects[subject].name.as_str()));
            let position = publication["position"].as_str().expect("a publication has a position");
            let here = place(position, subject, scene).expect("a position has all subjects of the poll");
            let at = self.subjects.iter().position(|&other| other == subject).expect("of a subject that was asked for");
            match places[at] {
                Some(last) => assert!(
                    here.epoch == last.epoch
                        && (here.offset == last.offset + 1
                            || here.offset > last.offset && !scene.plan.conflate.is_zero()),
                    "subject {subject}: publication {number} at {here:?} after {last:?}"
                ),
                None if self.since.is_none() => {
                    let index = scene.model.index(subject, number).unwrap_or(usize::MAX);
                    assert!(index >= asked[at], "subject {subject}: {index} is older than the poll");
                }
                None => {}
            }
            scene.model.learn(subject, number, here);
            places[at] = Some(here);
        }
        let position = body["position"].as_str().expect("an answer has a position");
        for (&subject, last) in self.subjects.iter().zip(places) {
            let end = place(position, subject, scene);
            assert!(last.is_none() || end == last, "subject {subject}: the poll ends at {end:?} after {last:?}");
        }
        self.since = Some(position.to_owned());
    }
}

fn marks(position: &str) -> Vec<Mark> {
    read_position(position).expect("a position is a position")
}

fn place(position: &str, subject: usize, scene: &Scene<'_>) -> Option<Place> {
    let tag = subject_tag(&scene.plan.subjects[subject].name);
    let mark = marks(position).into_iter().find(|mark| mark.subject_tag == tag)?;
    Some(Place { epoch: mark.epoch, offset: mark.offset })
}

impl Dialect for LongPoll {
    fn open(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        self.connected = true;
        self.request(scene)
    }

    fn act(&mut self, scene: &mut Scene<'_>) -> Vec<u8> {
        if self.asked.is_some() { Vec::new() } else { self.request(scene) }
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
        self.asked = None;
    }

    /// A poll that still waits has nothing to wait for.
    fn settled(&mut self, scene: &mut Scene<'_>) {
        let (Some(since), Some(_)) = (&self.since, &self.asked) else { return };
        for &subject in self.subjects.iter().filter(|&&subject| scene.model.is_witnessed(subject)) {
            let here = place(since, subject, scene).map(|place| place.offset);
            assert_eq!(here, Some(scene.model.length(subject) as u64), "subject {subject}: a poll waits in vain");
        }
    }

    fn is_open(&self) -> bool {
        self.connected
    }

    fn holds(&self) -> bool {
        self.asked.is_some()
    }
}
