//! Fields of a message, written straight into the buffer it leaves in. A message within another needs its length before it:
//! it is counted first, which copies nothing, and then written.
use alloc::vec::Vec;

/// Wire types (protobuf.dev, "Encoding").
const VARINT: u32 = 0;
const LENGTH_DELIMITED: u32 = 2;

/// Where fields go: into a buffer, or only into a count.
#[derive(Debug)]
pub(super) struct Fields<'o> {
    out: Option<&'o mut Vec<u8>>,
    bytes: usize,
}

/// Appends a message behind its length: how each one leaves.
pub(super) fn delimited(out: &mut Vec<u8>, write: impl Fn(&mut Fields<'_>)) {
    let length = counted(&write);
    let mut fields = Fields { out: Some(out), bytes: 0 };
    fields.varint(length as u64);
    write(&mut fields);
}

fn counted(write: impl Fn(&mut Fields<'_>)) -> usize {
    let mut count = Fields { out: None, bytes: 0 };
    write(&mut count);
    count.bytes
}

impl Fields<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        if let Some(out) = &mut self.out {
            out.extend_from_slice(bytes);
        }
    }

    fn varint(&mut self, number: u64) {
        let (mut bytes, mut length, mut rest) = ([0; 10], 0, number);
        loop {
            let seven = (rest & 0x7f) as u8;
            rest >>= 7;
            bytes[length] = if rest == 0 { seven } else { seven | 0x80 };
            length += 1;
            if rest == 0 {
                break;
            }
        }
        self.put(&bytes[..length]);
    }

    fn key(&mut self, tag: u32, wire_type: u32) {
        self.varint((tag << 3 | wire_type).into());
    }

    /// Left out if 0.
    pub(super) fn number(&mut self, tag: u32, number: u64) {
        if number != 0 {
            self.key(tag, VARINT);
            self.varint(number);
        }
    }

    /// Left out if false.
    pub(super) fn flag(&mut self, tag: u32, flag: bool) {
        self.number(tag, flag.into());
    }

    /// Left out if empty.
    pub(super) fn bytes(&mut self, tag: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.key(tag, LENGTH_DELIMITED);
            self.varint(bytes.len() as u64);
            self.put(bytes);
        }
    }

    /// Left out if empty.
    pub(super) fn text(&mut self, tag: u32, text: &str) {
        self.bytes(tag, text.as_bytes());
    }

    /// A message within this one; there even if it is empty.
    pub(super) fn message(&mut self, tag: u32, write: impl Fn(&mut Fields<'_>)) {
        let length = counted(&write);
        self.key(tag, LENGTH_DELIMITED);
        self.varint(length as u64);
        match &mut self.out {
            None => self.bytes += length,
            Some(_) => write(self),
        }
    }
}
