//! Strict mode, the engine's part: what a back end is asked, and what its answers mean, as the original has it.
//!
//! - The id is put behind the back end's URL as it is once it is decoded, and that is read as a URL: a `?` begins a query, a `#` ends it, a `%` must begin an
//!   escape. What a path can't have is escaped; what a path may have stays. Departures: an id that leads elsewhere (`..`) is no URL, and what a query can't have is escaped too.
//! - `ok` with 200 lets a client in, another body is `forbidden`, all else a `bad gateway`.
//! - The body of any answer to a message is a text for the client, also if it is empty, and an empty text stands for no answer.
use std::borrow::Cow;
use std::fmt::Write as _;

use hyper::StatusCode;

use crate::event::{Outcome, Payload, Verdict};
use crate::exchange::Answer;
use crate::figures::{Ended, Meter};

/// The close code for an answer that is no text.
const NO_TEXT: u16 = 1001;

/// What an id becomes: the end of a path, and a query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

/// What was counted of connections.
#[derive(Default, Debug)]
pub(crate) struct Counters {
    pub(crate) opened: Meter,
    pub(crate) closed: Meter,
}

/// Reads an id in which every byte but letters, digits and `-._~` is escaped; `None` if a URL can't have it.
pub(crate) fn place(id: &str) -> Option<Place> {
    let id = decoded(id.as_bytes())?;
    if id.iter().any(u8::is_ascii_control) {
        return None;
    }
    let id = id.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut parts = id.splitn(2, |byte| *byte == b'?');
    let path = parts.next().unwrap_or_default();
    let bytes = decoded(path)?;
    if bytes.split(|byte| matches!(byte, b'/' | b'\\')).any(|part| matches!(part, b"." | b"..")) {
        return None;
    }
    let stays = |byte: &u8| is_plain(*byte) || b"!$&'()*+,;=:@[]%".contains(byte);
    let path = if path.iter().all(stays) {
        escaped(path, |_| true)
    } else {
        escaped(&bytes, |byte| is_plain(byte) || b"$&+,/:;=@".contains(&byte))
    };
    let query = parts.next().filter(|query| !query.is_empty());
    let query = query.map(|query| escaped(query, |byte| byte.is_ascii_graphic() && !b"\"<>`{}".contains(&byte)));
    Some(Place { path, query })
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn escaped(bytes: &[u8], stays: impl Fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii() && stays(*byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let digit = |digit: u8| char::from(digit).to_digit(16);
        bytes.push(u8::try_from(digit(digits[0])? << 4 | digit(digits[1])?).ok()?);
        rest = after;
    }
    Some(bytes)
}

/// How an answer counts: whatever it was for.
pub(crate) fn judge(answer: &Answer) -> Ended {
    if answer.status == StatusCode::OK { Ended::Ok } else { Ended::Status }
}

/// Whether a client may come in.
pub(crate) fn verdict(answer: Result<Answer, Ended>, upgrades: bool) -> Verdict {
    let refuse = |status, reason| Verdict::Refuse { status, reason: Cow::Borrowed(reason) };
    match answer {
        Ok(answer) if answer.status == StatusCode::OK && *answer.body == *b"ok" => match upgrades {
            true => Verdict::Accept(None),
            false => refuse(400, "no upgrade requested"),
        },
        Ok(answer) if answer.status == StatusCode::OK => refuse(403, "forbidden"),
        Ok(_) | Err(_) => refuse(502, "bad gateway"),
    }
}

/// What comes of a message.
pub(crate) fn outcome(answer: Result<Answer, Ended>) -> Outcome {
    let body = answer.map_or_else(|_| hyper::body::Bytes::new(), |answer| answer.body);
    match std::str::from_utf8(&body) {
        Ok(_) => Outcome::Reply(Payload::Text(body)),
        Err(_) => Outcome::Close { code: NO_TEXT, reason: "the back end's answer is no text" },
    }
}

/// What `GET /` answers, if so many requests are under way, failed, and did not.
pub(crate) fn counters(counters: &Counters, under_way: u64, failed: u64, succeeded: u64) -> Verdict {
    let reason = format!(
        "connections_opened {}\nconnections_closed {}\nrequests_started {}\nrequests_failed {failed}\nrequests_succeeded {succeeded}\n",
        counters.opened.read(),
        counters.closed.read(),
        under_way + failed + succeeded,
    );
    Verdict::Refuse { status: 200, reason: Cow::Owned(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_a_url() {
        for (id, path, query) in [
            ("a", "a", None),
            ("a%20b", "a%20b", None),
            ("a%3Fb%3D1", "a", Some("b=1")),
            ("a%3F", "a", None),
            ("a%3Fb%20c%0", "", None),
            ("a%3Fb%20HTTP", "a", Some("b%20HTTP")),
            ("a%23b%3Fc", "a", None),
            ("a%7Cb%5E~", "a%7Cb%5E~", None),
            ("a%21b%27%28%29%2A", "a!b'()*", None),
            ("a%21b%7C", "a%21b%7C", None),
            ("a%5Bb%5D", "a[b]", None),
            ("%C3%A4", "%C3%A4", None),
            ("a%25b3%3A", "a%b3:", None),
            ("a%2541", "a%41", None),
            ("a%2541%7C", "aA%7C", None),
        ] {
            let expected = (!path.is_empty()).then(|| Place { path: path.into(), query: query.map(str::to_owned) });
            assert_eq!(place(id), expected, "{id}");
        }
        for id in ["%25zz", "a%25", "%0D%0A", "%00", "a%7F", ".", "..", "%252e%252E", "a%252F..", "..%3Fa", "..%255cb"]
        {
            assert_eq!(place(id), None, "{id}");
        }
    }
}
