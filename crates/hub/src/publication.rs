//! A publication: a payload that has been given its place in a subject.
use alloc::boxed::Box;
use alloc::sync::Arc;

/// What a payload is, as its publisher said or as its bytes show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Valid UTF-8, checked when it was taken in: a WebSocket text frame, a JSON string or a JSON value.
    Text,
    /// Any bytes: a WebSocket binary frame.
    Binary,
}

/// What is to be published: everything but the place, which the subject's owner gives.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The bytes. Shared: a publication is copied to no subscriber.
    pub payload: Arc<[u8]>,
    /// What they are.
    pub kind: Kind,
    /// What few publications have.
    pub extra: Option<Arc<Extra>>,
}

/// What few publications have, kept out of the row that all of them need.
#[derive(Clone, Default, Debug)]
pub struct Extra {
    /// The client that published, for dialects that tell.
    pub publisher: Option<Publisher>,
    /// A second publication to the same subject under this key within [`crate::KEY_AGE`] is the first one.
    pub idempotency_key: Option<Box<str>>,
    /// What the publication is about, for those who choose by it: key and value, each key once.
    pub tags: Tags,
    /// Which state of something the payload is: an older state than the newest that was kept goes nowhere.
    pub version: Option<Version>,
    /// Sent to those who listen, and not kept.
    pub skip_history: bool,
    /// Told as a delta of the publication before to those who take that, whatever the namespace says.
    pub delta: bool,
}

/// Keys and values.
pub type Tags = Box<[(Box<str>, Box<str>)]>;

/// Which state of something a payload is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Version {
    /// Counts states, from 1.
    pub number: u64,
    /// Names a row of numbers: within another one they begin anew. Empty: whatever row there is.
    pub epoch: Box<str>,
}

impl Version {
    /// True if a payload of this version is not newer than one of version `newest`.
    #[must_use]
    pub fn is_outdated(&self, newest: &Self) -> bool {
        self.number <= newest.number && (self.epoch.is_empty() || self.epoch == newest.epoch)
    }
}

/// The client that published.
#[derive(Clone, Default, Debug)]
pub struct Publisher {
    /// The user; empty for an anonymous one.
    pub user: Box<str>,
    /// The session.
    pub client: Box<str>,
    /// JSON text about the connection; empty without any.
    pub conn_info: Box<[u8]>,
    /// JSON text about the subscription; empty without any.
    pub chan_info: Box<[u8]>,
}

/// A place in a subject: the offset counts publications from 1 within one epoch; 0 is before the first.
///
/// The epoch tells one life of the subject's counter from another: after a restart, or after the subject was forgotten,
/// offsets start anew, and a position of an older life must not be taken for one of this.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Which life of the counter.
    pub epoch: u32,
    /// How many publications the life has had.
    pub offset: u64,
}

impl Position {
    /// Stands for whatever epoch the subject is in, for clients that know only an offset. No subject's own epoch.
    pub const ANY_EPOCH: u32 = u32::MAX;
    /// An epoch that no subject has: nothing can be recovered from it.
    pub const NO_EPOCH: u32 = 0;
}

/// A draft with its place.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The bytes.
    pub payload: Arc<[u8]>,
    /// What few publications have.
    pub extra: Option<Arc<Extra>>,
    /// Where it stands.
    pub position: Position,
    /// What the bytes are.
    pub kind: Kind,
    /// True if the subject's history has taken it: the position can be recovered from.
    pub kept: bool,
}

/// The publication before, as whoever has been sent it has it: what a delta is a delta of.
#[derive(Clone, Debug)]
pub struct Base {
    /// The bytes.
    pub payload: Arc<[u8]>,
    /// What they are.
    pub kind: Kind,
}

/// A publication on its way to subscribers.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What.
    pub publication: Publication,
    /// What it may be told as a delta of, if it may: then every live subscriber has been sent it before, and nothing in between.
    pub base: Option<Arc<Base>>,
}

impl Publication {
    /// Bytes of the payload and of the tags.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let tags = self.tags().iter().map(|(key, value)| key.len() + value.len() + size_of::<[Box<str>; 2]>());
        self.payload.len() + tags.sum::<usize>()
    }

    /// What it is about.
    #[must_use]
    pub fn tags(&self) -> &[(Box<str>, Box<str>)] {
        self.extra.as_ref().map_or(&[], |extra| &extra.tags)
    }
}
