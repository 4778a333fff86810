//! What one connection is told of one subject, held against the model.
use std::collections::BTreeSet;

use crate::model::{Model, Place};

/// What a listener may expect at its begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Begin {
    /// What is published from now on.
    Live,
    /// Everything after this place.
    After(Place),
    /// It was told of a gap: whatever there is.
    Gap,
}

#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) subject: usize,
    pub(crate) begin: Begin,
    /// Publications of the subject when the listener asked, and when it was answered.
    pub(crate) asked_at: usize,
    opened_at: Option<usize>,
    /// Index of the last one seen.
    last: Option<usize>,
    /// Its place, if it was told.
    last_place: Option<Place>,
    seen: BTreeSet<u32>,
    /// Publications may be dropped on their way to a slow reader.
    may_drop: bool,
    /// No places are told, and a subject may begin anew between two publications: nobody but this listener may hold it.
    pub(crate) is_placeless: bool,
    /// Only what passes the filter comes.
    pub(crate) is_filtered: bool,
    /// The connection has other subjects too.
    pub(crate) shared: bool,
}

impl Feed {
    pub(crate) fn new(subject: usize, begin: Begin, may_drop: bool, model: &Model) -> Self {
        let asked_at = model.length(subject);
        let (opened_at, last, last_place) = (None, None, None);
        let (is_placeless, is_filtered, shared) = (false, false, false);
        Self {
            subject,
            begin,
            asked_at,
            opened_at,
            last,
            last_place,
            seen: BTreeSet::new(),
            may_drop,
            is_placeless,
            is_filtered,
            shared,
        }
    }

    /// The listener was answered: from here on it misses nothing.
    pub(crate) fn opened(&mut self, model: &Model) {
        self.opened_at.get_or_insert(model.length(self.subject));
    }

    /// The listener was told that it can't be told everything.
    pub(crate) fn reset(&mut self) {
        assert!(self.last.is_none(), "a reset comes before what follows it");
        self.begin = Begin::Gap;
    }

    /// A publication, and its place if the listener was told.
    pub(crate) fn saw(&mut self, number: u32, place: Option<Place>, model: &mut Model) {
        let subject = self.subject;
        assert!(!self.is_filtered || model.passes(number), "publication {number} does not pass the filter");
        assert!(self.seen.insert(number), "publication {number} of subject {subject} came twice");
        // What is recovered for a stream of several subjects comes without its place.
        let place = if self.is_placeless { None } else { place.or_else(|| model.place(subject, number)) };
        match place {
            Some(place) => {
                self.saw_at(number, place);
                model.learn(subject, number, place);
            }
            None => (self.last_place, self.begin) = (None, Begin::Gap),
        }
        if !model.is_witnessed(subject) {
            return;
        }
        let index = model
            .index(subject, number)
            .unwrap_or_else(|| panic!("publication {number} of subject {subject} came before its owner took it"));
        match self.last {
            Some(last) if self.may_drop => {
                assert!(index > last, "publication {number} of subject {subject} at {index} came after {last}");
            }
            Some(last) => {
                let is_next = index == last + 1 || self.is_filtered && model.none_passes(subject, last + 1..index);
                assert!(is_next, "publications of subject {subject}: {last}, then {index}");
            }
            None => self.saw_first(index, model),
        }
        self.last = Some(index);
    }

    fn saw_at(&mut self, number: u32, place: Place) {
        let before = match (self.last_place, self.begin) {
            (Some(last), _) | (None, Begin::After(last)) => Some(last),
            (None, Begin::Live | Begin::Gap) => None,
        };
        if let Some(last) = before {
            let follows = place.epoch == last.epoch
                && if self.may_drop || self.is_filtered {
                    place.offset > last.offset
                } else {
                    place.offset == last.offset + 1
                };
            assert!(follows, "subject {}: publication {number} at {place:?} after {last:?}", self.subject);
        }
        self.last_place = Some(place);
    }

    fn saw_first(&self, index: usize, model: &Model) {
        let skips = |from: usize| self.is_filtered && from <= index && model.none_passes(self.subject, from..index);
        match self.begin {
            Begin::Live => {
                let latest = self.opened_at.unwrap_or(usize::MAX);
                assert!(index >= self.asked_at, "subject {}: {index} is older than the listener", self.subject);
                assert!(
                    self.may_drop || index <= latest || skips(latest),
                    "subject {}: first {index}, live at {latest}",
                    self.subject
                );
            }
            Begin::After(place) => {
                let next = usize::try_from(place.offset).unwrap_or(usize::MAX);
                let fits = if self.may_drop { index >= next } else { index == next || skips(next) };
                assert!(fits, "subject {}: resumed after {place:?} with {index}", self.subject);
            }
            Begin::Gap => {}
        }
    }

    /// The listener is connected, and nothing is on its way any more: it has everything.
    pub(crate) fn settled(&self, model: &Model) {
        let (Some(opened_at), true) = (self.opened_at, model.is_witnessed(self.subject)) else {
            return;
        };
        let length = model.length(self.subject);
        let has = match (self.last, self.begin) {
            (Some(last), _) => last + 1,
            (None, Begin::Live | Begin::Gap) => opened_at,
            (None, Begin::After(place)) => usize::try_from(place.offset).unwrap_or(usize::MAX),
        };
        // Another subject's publications may have pushed out this one's.
        if self.may_drop && self.shared {
            return;
        }
        let is_all = has >= length || self.is_filtered && model.none_passes(self.subject, has..length);
        assert!(is_all, "subject {}: a listener has {has} of {length} publications", self.subject);
    }
}
