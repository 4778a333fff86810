//! Requests to a hook's prefix: a client's upgrade, and a back end's `POST`.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::SubjectName;
use hub::Kind;
use wire::head::{Head, percent_decode};

use super::{Hook, Push, Upgraded, address};
use crate::config::ShardConfig;
use crate::report::Refusal;
use crate::request::{Body, Denied, Purpose, Request, framing, has_key, kind_of, upgrade_of};

/// Longest ClientID in bytes, as it is written in the address.
const ID_BYTES_MAX: usize = 255;

/// What the request asks of one of the hooks; `None` if its path is none of theirs.
pub(crate) fn read(head: &Head<'_>, config: &ShardConfig) -> Option<Result<Request, Denied>> {
    if config.hooks.is_empty() {
        return None;
    }
    let of = |(index, hook): (usize, &'_ Hook)| head.path().strip_prefix(&*hook.prefix).map(|rest| (index, rest));
    let (index, rest) = config.hooks.iter().enumerate().find_map(of)?;
    let id = rest.split('/').next().unwrap_or_default();
    Some(check(id).and_then(|()| {
        let address = address(index, id);
        match head.method() {
            "GET" => upgraded(head, &config.hooks[index], address, config.compression.enabled),
            "POST" => push(head, &config.hooks[index], address),
            _ => Err(Denied::method("GET, POST", "open a WebSocket here, or push with POST")),
        }
    }))
}

/// Whether an id may become the end of a back end's URL, as it is. What could lead elsewhere there, once it is decoded, may not.
fn check(id: &str) -> Result<(), Denied> {
    let denied = |status, reason| Err(Denied::new(status, Refusal::BadSubject, reason));
    if id.is_empty() {
        return denied(404, "the ClientID is missing");
    }
    if id.len() > ID_BYTES_MAX {
        return denied(414, "a ClientID has at most 255 bytes");
    }
    if id.bytes().any(|byte| !byte.is_ascii_graphic() || b"\"<>\\`{}".contains(&byte)) {
        return denied(400, "the ClientID has a character that must be percent-encoded");
    }
    let Ok(decoded) = percent_decode(id) else {
        return denied(400, "a '%' in the ClientID is not followed by two hex digits");
    };
    let leads_elsewhere = |part: &[u8]| matches!(part, b"." | b"..");
    if decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(leads_elsewhere) {
        return denied(400, "'.' and '..' are no ClientIDs");
    }
    Ok(())
}

fn upgraded(head: &Head<'_>, hook: &Hook, address: SubjectName, deflates: bool) -> Result<Request, Denied> {
    let Some((upgrade, handshake)) = upgrade_of(head, deflates)? else {
        return Err(Denied::new(400, Refusal::BadUpgrade, "this path speaks WebSocket: send an upgrade"));
    };
    let protocols: Vec<Box<[u8]>> = upgrade.protocols().map(Box::from).collect();
    let query = head.query().filter(|_| hook.query).map(Box::from);
    Ok(Request::Hook(Box::new(Upgraded { handshake, address, query, fields: fields(head, hook), protocols })))
}

/// The header fields to pass on; one that comes in several lines as one. One whose value this server completes is there even if it did not come.
fn fields(head: &Head<'_>, hook: &Hook) -> Vec<(Box<str>, Box<[u8]>)> {
    let one = |name: &str| {
        let separator: &[u8] = if name == "cookie" { b"; " } else { b", " };
        let values: Vec<&[u8]> = head.fields(name).collect();
        (name.into(), values.join(separator).into())
    };
    hook.fields.iter().map(|name| one(name)).collect()
}

fn push(head: &Head<'_>, hook: &Hook, address: SubjectName) -> Result<Request, Denied> {
    if !hook.open && !has_key(head, &hook.keys, &[b"apikey", b"bearer"]) {
        let reason =
            "pushing needs a key, as 'X-API-Key: KEY', 'Authorization: apikey KEY' or 'Authorization: Bearer KEY'";
        return Err(Denied::new(401, Refusal::Unauthorized, reason));
    }
    let framing = framing(head, hook.push_bytes)?;
    let kind = head.field("content-type").and_then(kind_of).unwrap_or(Kind::Text);
    Ok(Request::Body(Box::new(Body {
        purpose: Purpose::Push(Push { address, kind }),
        keep_alive: head.keep_alive(),
        expects_continue: head.expects_continue(),
        bytes: Vec::new(),
        framing,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_nowhere_else() {
        for id in ["a", "%41", "a%2Fb", "%3F", "%25zz", "a.b", "...", "user@host", "~|^", "%00", "%0d%0aX:1", "+;,="] {
            assert!(check(id).is_ok(), "{id}");
        }
        for (id, status) in [
            ("", 404),
            (".", 400),
            ("..", 400),
            ("%2e%2E", 400),
            ("..%2fadmin", 400),
            ("a%2f..%2F..%5cb", 400),
            ("%zz", 400),
            ("%", 400),
            ("a%4", 400),
            ("a\"b", 400),
            ("<", 400),
            ("a\\b", 400),
            ("\u{e4}", 400),
        ] {
            assert_eq!(check(id).unwrap_err().status, status, "{id}");
        }
        assert!(check(&"a".repeat(255)).is_ok());
        assert_eq!(check(&"a".repeat(256)).unwrap_err().status, 414);
    }
}
