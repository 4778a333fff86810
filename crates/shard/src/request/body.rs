//! The body of a request: what it is for, and how its end is found.
use alloc::boxed::Box;
use alloc::vec::Vec;

use hub::Kind;
use protocol::Encoding;
use wire::head::{self, ChunkedDecoder, Head};

use super::plain::Publish;
use super::{Cors, Denied, Downlink, bad_head};
use crate::hook::Push;
use crate::report::Refusal;

/// A request with a body, and what has arrived of it.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) purpose: Purpose,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) framing: Framing,
}

/// What a body is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// `POST` or `PUT /pub/<subject>`.
    Publish(Publish),
    /// The first message of a stream.
    Downlink(Downlink),
    /// `POST` to a hook's path: a message for the client that has the address.
    Push(Push),
    /// `POST /emulation`: what the client of a stream says.
    Uplink { encoding: Encoding, cors: Option<Box<Cors>> },
}

impl Purpose {
    /// What a browser is told about the page that asks.
    pub(crate) fn into_cors(self) -> Option<Box<Cors>> {
        match self {
            Self::Publish(_) | Self::Push(_) => None,
            Self::Downlink(Downlink { cors, .. }) | Self::Uplink { cors, .. } => cors,
        }
    }
}

/// How the end of a body is found.
#[derive(Debug)]
pub(crate) enum Framing {
    Length(usize),
    Chunked(ChunkedDecoder),
}

pub(crate) fn framing(head: &Head<'_>, bytes_max: usize) -> Result<Framing, Denied> {
    if head.tokens("content-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        // Whoever listens would get the compressed bytes, and not hear of it.
        return Err(Denied::new(415, Refusal::BadRequest, "the body has to come without a content coding"));
    }
    let too_large = || Denied::new(413, Refusal::TooLarge, alloc::format!("a body has at most {bytes_max} bytes here"));
    match head.body().map_err(|error| bad_head(&error))? {
        head::Body::None => Ok(Framing::Length(0)),
        head::Body::Length(length) => {
            let length = usize::try_from(length).ok().filter(|length| *length <= bytes_max).ok_or_else(too_large)?;
            Ok(Framing::Length(length))
        }
        head::Body::Chunked => Ok(Framing::Chunked(ChunkedDecoder::new(bytes_max))),
    }
}

/// Text for `text/*` and `application/json`, else binary; `None` lets the bytes decide: `curl -d` says form unless told
/// otherwise, and nobody means one here.
pub(crate) fn kind_of(content_type: &[u8]) -> Option<Kind> {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let text = essence.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"text/"))
        || essence.eq_ignore_ascii_case(b"application/json");
    if essence.is_empty() || essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        return None;
    }
    Some(if text { Kind::Text } else { Kind::Binary })
}
