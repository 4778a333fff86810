//! What must be true: the shadow model. It knows what was published, and learns from witnesses in which order the owners
//! took it.
use std::collections::BTreeMap;

use base::{Instant, Prng};
use hub::KEY_AGE;
use protocol::is_json;

use crate::plan::Plan;

/// A publication as its publisher made it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) subject: usize,
    pub(crate) payload: Vec<u8>,
    /// An idempotency key.
    pub(crate) key: Option<String>,
    /// The value of its one tag, `k`.
    pub(crate) tag: Option<u32>,
}

/// Most subjects that a listener asks for, and that a session has, at a time: all there are in a plan. What may be recovered at once
/// is shared between them.
const SUBJECTS_ASKED_MAX: usize = 8;

/// Where a publication stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) epoch: u32,
    pub(crate) offset: u64,
}

/// What is known of one subject.
#[derive(Default, Debug)]
struct Known {
    /// By a witness: all publications in their order.
    order: Vec<u32>,
    index: BTreeMap<u32, usize>,
    /// By whoever was told a position.
    by_place: BTreeMap<Place, u32>,
    by_number: BTreeMap<u32, Place>,
}

#[derive(Debug)]
pub(crate) struct Model {
    sent: Vec<Sent>,
    known: Vec<Known>,
    witnessed: Vec<bool>,
    /// Publications that were confirmed since everything had last arrived.
    confirmed: Vec<u32>,
    /// When a key was last published under.
    keys: BTreeMap<(usize, String), Instant>,
    binary: bool,
    pub(crate) tally: Tally,
}

/// What a run has brought about, for those who look at whether it does anything at all.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    /// Publications made by clients.
    pub published: u64,
    /// Publications seen by subscribers.
    pub seen: u64,
    /// Of them, those that came as deltas.
    pub deltas: u64,
    /// Publications answered or acknowledged.
    pub confirmed: u64,
    /// Connections opened by clients.
    pub connections: u64,
    /// Connections whose listener resumed without a gap.
    pub resumed: u64,
    /// Comings and goings that sessions were told of.
    pub told: u64,
    /// Connections whose listener was told of a gap.
    pub reset: u64,
    /// Clients that a back end let in.
    pub accepted: u64,
    /// Closes by the server, by code; 0 for an end without one.
    pub closes: BTreeMap<u16, u64>,
}

impl Model {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            sent: Vec::new(),
            known: plan.subjects.iter().map(|_| Known::default()).collect(),
            witnessed: plan.subjects.iter().map(|topic| topic.witnessed).collect(),
            confirmed: Vec::new(),
            keys: BTreeMap::new(),
            binary: plan.binary,
            tally: Tally::default(),
        }
    }

    // ---- publications ----

    /// Makes a publication. Its payload tells its number, whatever else is in it.
    pub(crate) fn publish(&mut self, subject: usize, json: bool, random: &mut Prng) -> u32 {
        let number = u32::try_from(self.sent.len()).expect("a run has few publications");
        let length = if random.one_in(30) { 200 + random.below(6_000) } else { random.below(60) };
        let filling: String = (0..length).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
        let payload = match random.below(4) {
            0 if self.binary && !json => [&[0xff, 0x00, 0xfe], format!("#{number}#{filling}").as_bytes()].concat(),
            1 if !json => format!("#{number}#\n{filling}\n\nlast line ü").into_bytes(),
            2 => format!("\"#{number}# {filling}\"").into_bytes(),
            _ => format!("{{\"filling\":[1,2,\"{filling}\"],\"number\":\"#{number}#\"}}").into_bytes(),
        };
        self.sent.push(Sent { subject, payload, key: None, tag: None });
        self.tally.published += 1;
        number
    }

    /// Gives the publication a key, before it is sent.
    pub(crate) fn set_key(&mut self, number: u32, key: String) {
        self.sent[number as usize].key = Some(key);
    }

    /// Gives the publication a tag, before it is sent.
    pub(crate) fn set_tag(&mut self, number: u32) -> u32 {
        let tag = number % 3;
        self.sent[number as usize].tag = Some(tag);
        tag
    }

    /// Whether it passes the filter of sessions that have one: all but those with the tag 1.
    pub(crate) fn passes(&self, number: u32) -> bool {
        self.sent[number as usize].tag != Some(1)
    }

    /// True if none of the publications at these places in the witnessed order passes.
    pub(crate) fn none_passes(&self, subject: usize, indices: core::ops::Range<usize>) -> bool {
        self.known[subject].order[indices].iter().all(|&number| !self.passes(number))
    }

    /// The publisher of `number` was told that the publication under its key stands at `place`.
    pub(crate) fn confirm_key(&mut self, number: u32, place: Place) {
        let Sent { subject, key, .. } = &self.sent[number as usize];
        if let Some(&other) = self.known[*subject].by_place.get(&place) {
            assert_eq!(self.sent[other as usize].key, *key, "publication {other} has another key than {number}");
            self.confirm(other);
        }
    }

    pub(crate) fn payload(&self, number: u32) -> &[u8] {
        &self.sent[number as usize].payload
    }

    /// The number in a payload that was received, which must be one that was sent to this subject, byte for byte.
    pub(crate) fn recognize(&mut self, payload: &[u8]) -> (u32, usize) {
        let number = number_in(payload);
        let sent = self.sent.get(number as usize).unwrap_or_else(|| panic!("publication {number} was never sent"));
        assert_eq!(
            payload.escape_ascii().to_string(),
            sent.payload.escape_ascii().to_string(),
            "publication {number} has changed on its way"
        );
        self.tally.seen += 1;
        (number, sent.subject)
    }

    // ---- the order ----

    /// A witness has seen a publication.
    pub(crate) fn witness(&mut self, subject: usize, number: u32, place: Place, now: Instant) {
        self.learn(subject, number, place);
        if let Some(key) = self.sent[number as usize].key.clone() {
            let before = self.keys.insert((subject, key), now);
            // The witness hears of it in the turn in which it was taken.
            let again = before.is_some_and(|before| now.since(before) < KEY_AGE);
            assert!(!again, "publication {number} was published although its key was known");
        }
        let known = &mut self.known[subject];
        let index = known.order.len();
        assert_eq!(place.offset, index as u64 + 1, "the witness of subject {subject} missed something");
        known.order.push(number);
        assert!(known.index.insert(number, index).is_none(), "publication {number} was accepted twice");
    }

    /// Somebody was told where a publication stands: it stands nowhere else, and nothing else stands there.
    pub(crate) fn learn(&mut self, subject: usize, number: u32, place: Place) {
        let known = &mut self.known[subject];
        let there = *known.by_place.entry(place).or_insert(number);
        assert_eq!(there, number, "publications {there} and {number} of subject {subject} stand at {place:?}");
        let other = *known.by_number.entry(number).or_insert(place);
        assert_eq!(other, place, "publication {number} of subject {subject} stands at two places");
    }

    /// Where a publication stands, if anybody was told.
    pub(crate) fn place(&self, subject: usize, number: u32) -> Option<Place> {
        self.known[subject].by_number.get(&number).copied()
    }

    /// True if what was published after `place` is JSON, all of it: other bytes can't be told to a JSON session.
    pub(crate) fn all_json(&self, subject: usize, place: Place) -> bool {
        let skip = usize::try_from(place.offset).unwrap_or(usize::MAX);
        self.known[subject].order.iter().skip(skip).all(|&number| is_json(self.payload(number)))
    }

    /// A listener that was at `place` was told of a gap: is there one?
    pub(crate) fn may_reset(&self, subject: usize, place: Place, plan: &Plan) {
        let missed = (self.length(subject) as u64).saturating_sub(place.offset);
        let skip = usize::try_from(place.offset).unwrap_or(usize::MAX);
        let bytes: usize = self.known[subject].order.iter().skip(skip).map(|&n| self.payload(n).len()).sum();
        let fits = missed <= plan.recovery_publications.into() && bytes * 2 * SUBJECTS_ASKED_MAX <= plan.outbox.bytes;
        let must_be_there = plan.keeps_all() && self.witnessed[subject] && fits;
        assert!(!must_be_there, "subject {subject}: a reset at {place:?} with {missed} publications to tell");
    }

    pub(crate) fn is_witnessed(&self, subject: usize) -> bool {
        self.witnessed[subject]
    }

    /// Publications of a witnessed subject by now.
    pub(crate) fn length(&self, subject: usize) -> usize {
        self.known[subject].order.len()
    }

    /// Where a publication stands in the order of its witnessed subject, from 0.
    pub(crate) fn index(&self, subject: usize, number: u32) -> Option<usize> {
        self.known[subject].index.get(&number).copied()
    }

    /// The publisher was told that this one was accepted.
    pub(crate) fn confirm(&mut self, number: u32) {
        self.tally.confirmed += 1;
        self.confirmed.push(number);
    }

    /// Everything has arrived: what was confirmed is there.
    pub(crate) fn settled(&mut self) {
        for number in self.confirmed.drain(..) {
            let subject = self.sent[number as usize].subject;
            assert!(
                !self.witnessed[subject] || self.known[subject].index.contains_key(&number),
                "publication {number} was confirmed and is not in subject {subject}",
            );
        }
    }

    pub(crate) fn closed(&mut self, code: u16) {
        *self.tally.closes.entry(code).or_default() += 1;
    }
}

/// The number that a payload tells.
pub(crate) fn number_in(payload: &[u8]) -> u32 {
    let mut parts = payload.split(|&byte| byte == b'#');
    let _before = parts.next();
    let digits = parts.next().and_then(|digits| core::str::from_utf8(digits).ok());
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("a payload that nobody sent: {}", payload.escape_ascii()))
}
