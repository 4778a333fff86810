//! *Deltas*: publications told as what changed since the one before, to subscriptions that take that (the protocol page, section 4.7).
//!
//! A delta is made once an encoding, with the first subscriber of this core that has what it is a delta of. Who has not, is sent the
//! publication whole: after it has subscribed, after something was dropped from its outbox.
use alloc::borrow::Cow;
use alloc::vec::Vec;

use base::{ConnId, NONE, SubjectName};
use hub::{Base, Facts, Kind, OutboxPolicy, Publication};
use protocol::centrifugo::Publication as Push;
use protocol::{Encoding, fossil};

use super::push;
use crate::border::Frame;
use crate::centrifugo::{Dialect, PerDialect};
use crate::shard::Shard;

/// How a subscriber is told a publication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// As it is.
    Plain,
    /// As one of those that may be deltas, but whole: the subscriber has not what it could be a delta of.
    Whole,
    /// As a delta, if there is one.
    Delta,
}

impl Form {
    /// How the one behind it in a run is told.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Plain => Self::Plain,
            Self::Whole | Self::Delta => Self::Delta,
        }
    }
}

/// What a publication is to those who take deltas, made when the first of them needs it.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    /// Once an encoding; an empty one is none: the whole is shorter, or there is nothing before it.
    made: [Option<Vec<u8>>; 2],
    whole: PerDialect<Option<Frame>>,
    delta: PerDialect<Option<Frame>>,
}

impl Deltas {
    /// The publication as a frame; `None` if the dialect can't say it.
    pub(crate) fn frame(
        &mut self,
        dialect: Dialect,
        form: Form,
        subject: &SubjectName,
        publication: &Publication,
        base: Option<&Base>,
    ) -> Option<Frame> {
        let encoding = dialect.encoding();
        if form == Form::Delta {
            let made = self.made[encoding as usize].get_or_insert_with(|| {
                base.and_then(|base| delta(encoding, (&base.payload, base.kind), publication)).unwrap_or_default()
            });
            if !made.is_empty() {
                let framed = || frame(dialect, subject, publication, made, true);
                return self.delta.get_or_insert_with(dialect, framed).clone();
            }
        }
        let framed = || frame(dialect, subject, publication, &whole(encoding, publication)?, false);
        self.whole.get_or_insert_with(dialect, framed).clone()
    }
}

fn whole(encoding: Encoding, publication: &Publication) -> Option<Cow<'_, [u8]>> {
    encoding.base(&publication.payload, publication.kind == Kind::Text)
}

/// The delta, if it can be told and is shorter than the whole.
fn delta(encoding: Encoding, (base, kind): (&[u8], Kind), publication: &Publication) -> Option<Vec<u8>> {
    let (base, whole) = (encoding.base(base, kind == Kind::Text)?, whole(encoding, publication)?);
    Some(fossil::create(&base, &whole, encoding.cut())).filter(|delta| delta.len() < whole.len())
}

fn frame(
    dialect: Dialect,
    subject: &SubjectName,
    publication: &Publication,
    bytes: &[u8],
    is_delta: bool,
) -> Option<Frame> {
    let encoding = dialect.encoding();
    let push = push_of(encoding, publication, bytes, is_delta)?;
    let mut written = Vec::with_capacity(bytes.len() + subject.len() + 64);
    encoding.push_publication(&mut written, subject, &push);
    Some(dialect.frame(&written))
}

fn push_of<'p>(encoding: Encoding, publication: &'p Publication, bytes: &'p [u8], delta: bool) -> Option<Push<'p>> {
    Some(Push { data: encoding.delta_data(bytes)?, delta, ..push(publication, encoding)? })
}

/// What was recovered, each publication a delta of the one before it, if that is shorter. First what has to be kept while it is
/// told, and whether it is a delta.
pub(crate) struct Chain<'p> {
    encoding: Encoding,
    links: Vec<(&'p Publication, Cow<'p, [u8]>, bool)>,
}

impl<'p> Chain<'p> {
    /// `None` if the encoding can't say one of them.
    pub(crate) fn of(encoding: Encoding, publications: &[&'p Publication]) -> Option<Self> {
        let mut links = Vec::with_capacity(publications.len());
        let mut before: Option<&Publication> = None;
        for &publication in publications {
            let made = before.and_then(|before| delta(encoding, (&before.payload, before.kind), publication));
            links.push(match made {
                Some(delta) => (publication, Cow::Owned(delta), true),
                None => (publication, whole(encoding, publication)?, false),
            });
            before = Some(publication);
        }
        Some(Self { encoding, links })
    }

    /// As they are told.
    pub(crate) fn pushes(&self) -> Option<Vec<Push<'_>>> {
        self.links
            .iter()
            .map(|(publication, bytes, is_delta)| push_of(self.encoding, publication, bytes, *is_delta))
            .collect()
    }
}

impl Shard {
    /// How a subscription is told what comes next; `NONE`: one that takes no deltas.
    pub(crate) fn form(&self, conn: ConnId, subscription: u32) -> Form {
        if subscription == NONE {
            return Form::Plain;
        }
        let facts = self.hub.subscription(subscription).facts;
        if !facts.has(Facts::DELTAS) {
            Form::Plain
        } else if facts.has(Facts::BASED) && self.keeps_base(conn) {
            Form::Delta
        } else {
            Form::Whole
        }
    }

    /// True if what was sent before can't be dropped from the outbox any more. What waits in one that may be dropped from is whole but
    /// for the first, so that whatever of it is dropped, the rest makes sense.
    fn keeps_base(&self, conn: ConnId) -> bool {
        let may_drop = self.config.outbox.policy != OutboxPolicy::Close || self.hub.some_may_drop();
        !may_drop || self.conns[conn].outbox.is_empty()
    }

    /// A subscription has been sent a publication in this form: the next may be a delta of it.
    pub(crate) fn note_base(&mut self, subscription: u32, form: Form) {
        if form != Form::Plain {
            self.hub.facts(subscription).set(Facts::BASED, true);
        }
    }

    /// Publications were dropped from the connection's outbox: nobody knows which subscription's.
    pub(crate) fn forget_bases(&mut self, conn: ConnId) {
        let mut at = self.conns[conn].subscriptions;
        while at != NONE {
            self.hub.facts(at).set(Facts::BASED, false);
            at = self.hub.subscription(at).sibling();
        }
    }
}
