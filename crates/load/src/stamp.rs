//! What a benchmark message says about itself: 40 hexadecimal digits at its start, then filler that the receiver can
//! draw again. The whole payload stays alphanumeric, as in the 12-million benchmark.
use base::Prng;

/// Bytes of an encoded [`Stamp`]: the smallest message.
pub const STAMP_BYTES: usize = 40;

/// Distinct places in the pool at which a filler may start.
const FILLER_STARTS: usize = 8_192;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
const ALPHANUMERIC: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Which message this is, and when it should have been sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// When the schedule wanted it sent, in monotonic nanoseconds: latency counts from here, however late it left.
    pub intended_nanos: u64,
    /// Its number among the messages of its subject, from 0.
    pub sequence: u32,
    /// The subject's number.
    pub subject: u32,
    /// Who published it.
    pub publisher: u16,
}

impl Stamp {
    /// Writes the stamp into the first [`STAMP_BYTES`] of `payload`, which has at least as many.
    pub fn write(&self, payload: &mut [u8]) {
        put_hex(&mut payload[..16], self.intended_nanos);
        put_hex(&mut payload[16..24], u64::from(self.sequence));
        put_hex(&mut payload[24..32], u64::from(self.subject));
        put_hex(&mut payload[32..36], u64::from(self.publisher));
        put_hex(&mut payload[36..40], u64::from(self.checksum()));
    }

    /// Reads a stamp; `None` if the bytes are none or were changed on the way.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let bytes: &[u8; STAMP_BYTES] = payload.first_chunk()?;
        let stamp = Self {
            intended_nanos: hex(&bytes[..16])?,
            sequence: u32::try_from(hex(&bytes[16..24])?).ok()?,
            subject: u32::try_from(hex(&bytes[24..32])?).ok()?,
            publisher: u16::try_from(hex(&bytes[32..36])?).ok()?,
        };
        (hex(&bytes[36..40])? == u64::from(stamp.checksum())).then_some(stamp)
    }

    fn checksum(&self) -> u16 {
        let place = u64::from(self.sequence) << 32 | u64::from(self.subject);
        let mixed = (self.intended_nanos ^ place.rotate_left(17) ^ u64::from(self.publisher))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 48) as u16
    }
}

fn put_hex(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(value & 15) as usize];
        value >>= 4;
    }
}

fn hex(digits: &[u8]) -> Option<u64> {
    let mut value = 0;
    let mut wrong = 0;
    for &digit in digits {
        let nibble = NIBBLES[usize::from(digit)];
        wrong |= nibble;
        value = value << 4 | u64::from(nibble & 15);
    }
    (wrong < 16).then_some(value)
}

/// A digit's value; 255 for what is none.
const NIBBLES: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        table[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    table
};

/// Random alphanumeric text after the stamp: a slice of a pool that publisher and subscriber draw from the same seed, so that
/// the content of every message can be compared, not only its length.
#[derive(Clone, Debug)]
pub struct Filler {
    pool: Box<[u8]>,
    length: usize,
}

impl Filler {
    /// The filler of messages of `size_bytes` in all, at least [`STAMP_BYTES`].
    #[must_use]
    pub fn new(size_bytes: usize) -> Self {
        let length = size_bytes.saturating_sub(STAMP_BYTES);
        let mut random = Prng::new(0x5eed, "filler");
        let pool =
            (0..FILLER_STARTS + length).map(|_| ALPHANUMERIC[usize::try_from(random.below(62)).unwrap_or(0)]).collect();
        Self { pool, length }
    }

    /// The text that follows `stamp`.
    #[must_use]
    pub fn of(&self, stamp: &Stamp) -> &[u8] {
        let place = u64::from(stamp.sequence) << 32 | u64::from(stamp.subject);
        let mixed = place.wrapping_add(0x1234_5678).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let start = (mixed as usize) % FILLER_STARTS;
        &self.pool[start..start + self.length]
    }

    /// Bytes of a whole message.
    #[must_use]
    pub fn message_bytes(&self) -> usize {
        STAMP_BYTES + self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp { intended_nanos: 0x0123_4567_89ab_cdef, sequence: 77, subject: 18_999, publisher: 3 }
    }

    #[test]
    fn a_stamp_reads_back_and_is_alphanumeric() {
        let mut payload = [b'!'; 64];
        stamp().write(&mut payload);
        assert_eq!(Stamp::read(&payload), Some(stamp()));
        assert!(payload[..STAMP_BYTES].iter().all(u8::is_ascii_alphanumeric));
        assert_eq!(&payload[STAMP_BYTES..], [b'!'; 24]);
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let mut payload = [0; STAMP_BYTES];
        stamp().write(&mut payload);
        for place in 0..STAMP_BYTES {
            let mut changed = payload;
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert_ne!(Stamp::read(&changed), Some(stamp()), "byte {place}");
            assert_eq!(Stamp::read(&payload[..place]), None);
        }
        assert_eq!(Stamp::read(b"not hexadecimal, but forty bytes long...."), None);
    }

    #[test]
    fn filler_is_the_same_for_both_ends_and_differs_by_message() {
        let (publisher, subscriber) = (Filler::new(512), Filler::new(512));
        assert_eq!(publisher.of(&stamp()), subscriber.of(&stamp()));
        assert_eq!(publisher.of(&stamp()).len(), 472);
        assert_ne!(publisher.of(&stamp()), publisher.of(&Stamp { sequence: 78, ..stamp() }));
        assert!(publisher.of(&stamp()).iter().all(u8::is_ascii_alphanumeric));
        assert!(Filler::new(STAMP_BYTES).of(&stamp()).is_empty());
    }
}
