//! The history of a run: a hash that tells two runs apart, and lines for whoever replays one.
use base::SubjectKey;

/// Everything that happened, folded into one number.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    events: u64,
    print: bool,
}

const KEY: SubjectKey = SubjectKey([0x7472_6163, 0x6573]);

impl Trace {
    pub(crate) fn new(print: bool) -> Self {
        Self { hash: 0, events: 0, print }
    }

    /// Notes an event; the words are made only if somebody reads them.
    pub(crate) fn note(&mut self, what: &[u8], words: impl FnOnce() -> String) {
        self.events += 1;
        self.hash = self.hash.rotate_left(7) ^ KEY.hash(what).0;
        if self.print {
            eprintln!("{:6} {}", self.events, words());
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }
}

/// Bytes as one readable line, cut at 160 characters.
pub(crate) fn words(bytes: &[u8]) -> String {
    let text: String = bytes.escape_ascii().map(char::from).take(160).collect();
    if bytes.len() > 160 { format!("{text}… ({} bytes)", bytes.len()) } else { text }
}
