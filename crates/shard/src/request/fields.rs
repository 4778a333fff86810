//! What the header fields of a `POST /pub` say of the publication, beside its payload.
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use base::KEY_BYTES_MAX;
use hub::{Extra, Tags, Version};
use wire::head::{self, Head};

use super::Denied;
use crate::report::Refusal;

/// What few publications have; `None` if nothing is said.
///
/// # Errors
/// 400 with the field and what it may be.
pub(crate) fn extra(head: &Head<'_>) -> Result<Option<Box<Extra>>, Denied> {
    let extra = Extra {
        publisher: None,
        idempotency_key: key(head, "Idempotency-Key")?,
        tags: tags(head)?,
        version: version(head)?,
        skip_history: flag(head, "Ringcast-Skip-History")?,
        delta: flag(head, "Ringcast-Delta")?,
    };
    let said = extra.idempotency_key.is_some()
        || !extra.tags.is_empty()
        || extra.version.is_some()
        || extra.skip_history
        || extra.delta;
    Ok(said.then(|| extra.into()))
}

fn text<'h>(head: &Head<'h>, name: &'static str) -> Result<Option<&'h str>, Denied> {
    match head.field(name).map(core::str::from_utf8) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(bad(name, "UTF-8")),
    }
}

fn key(head: &Head<'_>, name: &'static str) -> Result<Option<Box<str>>, Denied> {
    match text(head, name)? {
        None => Ok(None),
        Some(key) if (1..=KEY_BYTES_MAX).contains(&key.len()) => Ok(Some(key.into())),
        Some(_) => Err(bad(name, "1 to 255 bytes of UTF-8")),
    }
}

fn flag(head: &Head<'_>, name: &'static str) -> Result<bool, Denied> {
    match text(head, name)? {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(bad(name, "true or false")),
    }
}

fn version(head: &Head<'_>) -> Result<Option<Version>, Denied> {
    let epoch = key(head, "Ringcast-Version-Epoch")?.unwrap_or_default();
    let Some(number) = text(head, "Ringcast-Version")? else {
        return Ok(None);
    };
    // 0 is none, as in the HTTP API.
    let number = number.parse().map_err(|_| bad("Ringcast-Version", "a whole number below 2^64"))?;
    Ok((number > 0).then_some(Version { number, epoch }))
}

/// Written as a query: `key=value&key=value`, percent-encoded. Of a key that comes twice the last value holds.
fn tags(head: &Head<'_>) -> Result<Tags, Denied> {
    const WANTED: &str = "key=value&key=value, percent-encoded UTF-8";
    let decoded = |text: &str| {
        let bytes = head::percent_decode(text).ok()?;
        core::str::from_utf8(&bytes).ok().map(Box::<str>::from)
    };
    let mut tags: Vec<(Box<str>, Box<str>)> = Vec::new();
    for pair in text(head, "Ringcast-Tags")?.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| bad("Ringcast-Tags", WANTED))?;
        let (Some(key), Some(value)) = (decoded(key), decoded(value)) else {
            return Err(bad("Ringcast-Tags", WANTED));
        };
        match tags.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => tags[at].1 = value,
            Err(at) => tags.insert(at, (key, value)),
        }
    }
    Ok(tags.into())
}

fn bad(name: &'static str, wanted: &'static str) -> Denied {
    Denied::new(400, Refusal::BadRequest, format!("{name} is {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<Option<Box<Extra>>, Denied> {
        let text = format!("POST /pub/a HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let limits = head::HeadLimits { bytes_max: 4_096, fields_max: 64 };
        extra(&head::parse(text.as_bytes(), &limits).unwrap().unwrap())
    }

    #[test]
    fn nothing_said_costs_nothing() {
        assert!(read("").unwrap().is_none());
        assert!(read("Ringcast-Skip-History: false\r\nRingcast-Tags:\r\nRingcast-Version: 0\r\n").unwrap().is_none());
    }

    #[test]
    fn what_is_said_is_read() {
        let extra = read(
            "ringcast-tags: b=%C3%A4%26&a=1&b=2\r\nRingcast-Version: 7\r\nRingcast-Version-Epoch: e\r\n\
             Ringcast-Skip-History: true\r\nRingcast-Delta: true\r\nIdempotency-Key: k\r\n",
        );
        let extra = extra.unwrap().unwrap();
        assert_eq!(&*extra.tags, [("a".into(), "1".into()), ("b".into(), "2".into())]);
        assert_eq!(extra.version, Some(Version { number: 7, epoch: "e".into() }));
        assert!(extra.skip_history && extra.delta && extra.idempotency_key.as_deref() == Some("k"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (field, name) in [
            ("Ringcast-Tags: a", "Ringcast-Tags"),
            ("Ringcast-Tags: a=%zz", "Ringcast-Tags"),
            ("Ringcast-Tags: a=%ff", "Ringcast-Tags"),
            ("Ringcast-Version: -1", "Ringcast-Version"),
            ("Ringcast-Version: 18446744073709551616", "Ringcast-Version"),
            ("Ringcast-Skip-History: yes", "Ringcast-Skip-History"),
            ("Idempotency-Key:", "Idempotency-Key"),
        ] {
            let denied = read(&format!("{field}\r\n")).unwrap_err();
            assert!(denied.status == 400 && denied.reason.starts_with(name), "{field}: {}", denied.reason);
        }
    }
}
