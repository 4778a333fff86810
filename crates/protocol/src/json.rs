//! JSON text: checked once, and written straight into the buffer it leaves in.
use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::de::IgnoredAny;

/// True if `bytes` is one JSON value (RFC 8259) in UTF-8. Linear, not recursive, allocates only for nesting.
#[must_use]
pub fn is_json(bytes: &[u8]) -> bool {
    core::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// Appends a text as a JSON string. Whatever a client may have chosen is escaped here.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    // No early exit, so that the compiler tests many bytes at once.
    let plain = text.bytes().fold(true, |plain, byte| plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\'));
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Without `std` serde_json writes to its own buffer only.
        out.extend(serde_json::to_vec(text).expect("a text is always JSON"));
    }
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends JSON text as it is, but for its line feeds: they can only be formatting, and some dialects split by them.
pub(crate) fn write_raw(out: &mut Vec<u8>, json: &[u8]) {
    if json.contains(&b'\n') {
        out.extend(json.iter().filter(|&&byte| byte != b'\n'));
    } else {
        out.extend_from_slice(json);
    }
}

/// An object being written, member by member. Keys are ours and need no escaping.
#[derive(Debug)]
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    pub(crate) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    pub(crate) fn close(self) {
        self.out.push(b'}');
    }

    /// The place of the value of a new member.
    pub(crate) fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        if !core::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(crate) fn text(&mut self, key: &'static str, text: &str) {
        write_text(self.key(key), text);
    }

    pub(crate) fn number(&mut self, key: &'static str, number: u64) {
        write_number(self.key(key), number);
    }

    pub(crate) fn raw(&mut self, key: &'static str, json: &[u8]) {
        write_raw(self.key(key), json);
    }

    pub(crate) fn object(&mut self, key: &'static str) -> Object<'_> {
        Object::open(self.key(key))
    }

    /// A member whose key is not ours.
    pub(crate) fn object_of(&mut self, key: &str) -> Object<'_> {
        if !core::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        write_text(self.out, key);
        self.out.push(b':');
        Object::open(self.out)
    }

    /// Left out if empty.
    pub(crate) fn text_unless_empty(&mut self, key: &'static str, text: &str) {
        if !text.is_empty() {
            self.text(key, text);
        }
    }

    /// Left out if 0.
    pub(crate) fn number_unless_zero(&mut self, key: &'static str, number: u64) {
        if number != 0 {
            self.number(key, number);
        }
    }

    /// An object of texts, whose keys are escaped too; left out if empty.
    pub(crate) fn texts_unless_empty(&mut self, key: &'static str, texts: &[(Box<str>, Box<str>)]) {
        if texts.is_empty() {
            return;
        }
        let out = self.key(key);
        out.push(b'{');
        for (at, (key, text)) in texts.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_text(out, key);
            out.push(b':');
            write_text(out, text);
        }
        out.push(b'}');
    }

    /// Left out if false.
    pub(crate) fn flag_if_set(&mut self, key: &'static str, flag: bool) {
        if flag {
            self.key(key).extend_from_slice(b"true");
        }
    }

    /// Left out if empty.
    pub(crate) fn raw_unless_empty(&mut self, key: &'static str, json: &[u8]) {
        if !json.is_empty() {
            self.raw(key, json);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn json_is_told_from_what_is_none() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for text in ["1", "\"\"", " {\"a\":[1e400,true,null]}\n", "\"\\ud800\"", &deep] {
            assert!(is_json(text.as_bytes()), "{}", &text[..text.len().min(40)]);
        }
        for text in ["", " ", "1 2", "{", "{a:1}", "[1,]", "'a'", "01", "nul", "\"\n\"", &deep[1..]] {
            assert!(!is_json(text.as_bytes()), "{}", &text[..text.len().min(40)]);
        }
        assert!(!is_json(b"\"\xff\""));
    }

    #[test]
    fn members_are_separated_and_zeros_left_out() {
        let mut out = Vec::new();
        let mut outer = Object::open(&mut out);
        outer.text_unless_empty("no", "");
        outer.text("text", "a\"\n\u{1}");
        let mut inner = outer.object("inner");
        inner.number_unless_zero("no", 0);
        inner.flag_if_set("no", false);
        inner.close();
        outer.flag_if_set("flag", true);
        outer.raw("raw", b"[\n1,\n2]\n");
        outer.close();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r#"{"text":"a\"\n\u0001","inner":{},"flag":true,"raw":[1,2]}"#);
    }
}
