//! *Encode*: a publication as finished bytes, once for each dialect that has a subscriber on this core.
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use base::SubjectName;
use hub::{Base, Delivery, Kind, Publication};
use protocol::Encoding;
use protocol::centrifugo::Publication as Push;
use protocol::plain::{self, Mark};
use wire::frame::{Opcode, header};
use wire::sse;

use crate::border::Frame;
use crate::centrifugo::{Dialect, PerDialect, told};
use crate::send::chunk;
use delta::Deltas;

mod delta;

pub(crate) use delta::{Chain, Form};

/// A publication and what it has been encoded to so far.
#[derive(Debug)]
pub(crate) struct Encoded<'p> {
    publication: &'p Publication,
    raw: Option<Frame>,
    event: Option<Frame>,
    bare_event: Option<Frame>,
    centrifugo: PerDialect<Option<Frame>>,
    /// What it was published to, for subscribers of a pattern.
    subject: Option<&'p SubjectName>,
    base: Option<&'p Base>,
    deltas: Option<Box<Deltas>>,
}

impl<'p> Encoded<'p> {
    pub(crate) fn new(publication: &'p Publication, base: Option<&'p Base>) -> Self {
        Self {
            publication,
            raw: None,
            event: None,
            bare_event: None,
            centrifugo: PerDialect::default(),
            subject: None,
            base,
            deltas: None,
        }
    }

    pub(crate) fn of(delivery: &'p Delivery) -> Self {
        Self::new(&delivery.publication, delivery.base.as_deref())
    }

    /// For subscribers of a pattern that `subject` fits.
    pub(crate) fn under_pattern(publication: &'p Publication, subject: &'p SubjectName) -> Self {
        Self { subject: Some(subject), ..Self::new(publication, None) }
    }

    pub(crate) fn publication(&self) -> &'p Publication {
        self.publication
    }

    /// The payload as one WebSocket frame.
    pub(crate) fn raw(&mut self) -> Frame {
        let publication = self.publication;
        Rc::clone(self.raw.get_or_insert_with(|| {
            let opcode = match publication.kind {
                Kind::Text => Opcode::Text,
                Kind::Binary => Opcode::Binary,
            };
            message(opcode, &publication.payload)
        }))
    }

    /// An event with the position of its one subject.
    pub(crate) fn event(&mut self, subject: &SubjectName) -> Frame {
        let publication = self.publication;
        Rc::clone(self.event.get_or_insert_with(|| {
            let mut id = Vec::new();
            plain::write_position(&mut id, &[mark(subject, publication)]);
            chunk(&[&event(core::str::from_utf8(&id).ok(), publication)])
        }))
    }

    /// An event without a position and not in a chunk, for listeners of several subjects: each puts its own before it.
    pub(crate) fn bare_event(&mut self) -> Frame {
        let publication = self.publication;
        Rc::clone(self.bare_event.get_or_insert_with(|| event(None, publication).into()))
    }

    /// A Centrifugo push; `None` if the dialect can't say it: JSON can't say just any payload.
    pub(crate) fn centrifugo(&mut self, dialect: Dialect, form: Form, subject: &SubjectName) -> Option<Frame> {
        let publication = self.publication;
        if form != Form::Plain {
            let deltas = self.deltas.get_or_insert_default();
            return deltas.frame(dialect, form, subject, publication, self.base);
        }
        self.centrifugo
            .get_or_insert_with(dialect, || {
                let channel = self.subject.map_or("", |subject| subject.as_str());
                let push = Push { channel, ..push(publication, dialect.encoding())? };
                let mut written = Vec::with_capacity(publication.payload.len() + subject.len() + 64);
                dialect.encoding().push_publication(&mut written, subject, &push);
                Some(dialect.frame(&written))
            })
            .clone()
    }
}

/// One whole message as one frame.
pub(crate) fn message(opcode: Opcode, payload: &[u8]) -> Frame {
    let header = header(opcode, payload.len());
    let mut bytes = Vec::with_capacity(header.as_slice().len() + payload.len());
    bytes.extend_from_slice(header.as_slice());
    bytes.extend_from_slice(payload);
    bytes.into()
}

/// Where the publication stands, for a position string.
pub(crate) fn mark(subject: &str, publication: &Publication) -> Mark {
    let position = publication.position;
    Mark { subject_tag: plain::subject_tag(subject), epoch: position.epoch, offset: position.offset }
}

/// An event stream is text: bytes that aren't come as an event of the type `base64`.
fn event(id: Option<&str>, publication: &Publication) -> Vec<u8> {
    let payload = &publication.payload;
    let mut bytes = Vec::with_capacity(payload.len() + 64);
    if publication.kind == Kind::Text || simdutf8::basic::from_utf8(payload).is_ok() {
        sse::write_event(&mut bytes, id, None, Some(payload));
    } else {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(payload);
        sse::write_event(&mut bytes, id, Some("base64"), Some(text.as_bytes()));
    }
    bytes
}

/// What a Centrifugo client gets of a publication, whoever published it and however; `None` if its encoding can't say it.
pub(crate) fn push(publication: &Publication, encoding: Encoding) -> Option<Push<'_>> {
    let data = encoding.data(&publication.payload, publication.kind == Kind::Text)?;
    let publisher = publication.extra.as_ref().and_then(|extra| extra.publisher.as_ref());
    let info = publisher.map(told);
    // Without a history an offset can't be recovered from, and SDKs take any offset for one that can.
    let offset = if publication.kept { publication.position.offset } else { 0 };
    let epoch = (offset == 1).then_some(publication.position.epoch);
    let version =
        publication.extra.as_ref().and_then(|extra| extra.version.as_ref()).map_or(0, |version| version.number);
    Some(Push { data, offset, info, tags: publication.tags(), channel: "", delta: false, epoch, version })
}
