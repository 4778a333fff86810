//! JSON bodies of the plain HTTP answers.
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::epoch;
use crate::json::{Object, write_text};
use crate::plain::{Mark, write_position};

/// A publication's payload, by what a JSON body can make of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload<'a> {
    /// JSON text, checked by [`crate::is_json`]: embedded as it is.
    Json(&'a [u8]),
    /// Any other text: becomes a JSON string.
    Text(&'a str),
    /// Anything else: becomes `{"base64":…}` (RFC 4648 section 4, padded).
    Binary(&'a [u8]),
}

/// The body of a long poll that has something to say, being written:
/// `{"publications":[{"subject":…,"data":…,"position":…}],"position":…,"reset":true}`, `reset` only if it is so.
#[derive(Debug)]
pub struct PollBody<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> PollBody<'o> {
    /// Begins a body without publications.
    pub fn open(out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"publications\":[");
        Self { out, empty: true }
    }

    /// Appends a publication; `position` is where the listener stands once it has it.
    pub fn publication(&mut self, subject: &str, payload: Payload<'_>, position: &[Mark]) {
        if !core::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        let mut object = Object::open(self.out);
        object.text("subject", subject);
        write_payload(object.key("data"), payload);
        position_member(&mut object, position);
        object.close();
    }

    /// Bytes of the buffer by now, for whoever bounds it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Ends the body with the position to ask from next, and whether there may be a gap before the first publication.
    pub fn close(self, position: &[Mark], reset: bool) {
        self.out.extend_from_slice(b"],\"position\":\"");
        write_position(self.out, position);
        self.out.extend_from_slice(if reset { b"\",\"reset\":true}" } else { b"\"}" });
    }
}

/// Appends the answer to a publish: `{"position":"…","offset":n,"epoch":"…"}`; offset 0 is without history.
pub fn write_published(out: &mut Vec<u8>, mark: Mark) {
    let mut object = Object::open(out);
    position_member(&mut object, &[mark]);
    object.number("offset", mark.offset);
    let out = object.key("epoch");
    out.push(b'"');
    epoch::write(out, mark.epoch);
    out.push(b'"');
    object.close();
}

/// Appends the body of a refusal: `{"error":"words"}`.
pub fn write_error(out: &mut Vec<u8>, words: &str) {
    let mut object = Object::open(out);
    object.text("error", words);
    object.close();
}

/// Appends what an event of the type `reset` says: `{"subject":"…"}`, the one with a gap.
pub fn write_subject(out: &mut Vec<u8>, subject: &str) {
    let mut object = Object::open(out);
    object.text("subject", subject);
    object.close();
}

fn position_member(object: &mut Object<'_>, position: &[Mark]) {
    let out = object.key("position");
    out.push(b'"');
    write_position(out, position);
    out.push(b'"');
}

fn write_payload(out: &mut Vec<u8>, payload: Payload<'_>) {
    match payload {
        Payload::Json(json) => out.extend_from_slice(json),
        Payload::Text(text) => write_text(out, text),
        Payload::Binary(bytes) => {
            out.extend_from_slice(b"{\"base64\":\"");
            let at = out.len();
            out.resize(at + bytes.len().div_ceil(3) * 4, 0);
            let written = STANDARD.encode_slice(bytes, &mut out[at..]);
            debug_assert_eq!(written.ok(), Some(out.len() - at), "3 bytes are 4 characters, padded");
            out.extend_from_slice(b"\"}");
        }
    }
}

#[cfg(test)]
mod tests;
