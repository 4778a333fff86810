//! Numbers of deltas: base 64, big end first.
use alloc::vec::Vec;

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";

/// Digits of the largest number.
const DIGITS_MAX: usize = 11;

pub(super) fn write_number(out: &mut Vec<u8>, number: u64) {
    let (mut digits, mut at, mut rest) = ([b'0'; DIGITS_MAX], DIGITS_MAX, number);
    while rest > 0 {
        at -= 1;
        digits[at] = DIGITS[(rest & 63) as usize];
        rest >>= 6;
    }
    out.extend_from_slice(&digits[at.min(DIGITS_MAX - 1)..]);
}

/// Takes a number off the front; `None`: there is none, or it is too large.
pub(super) fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    let mut count = 0;
    while let Some(value) = rest.get(count).copied().and_then(value) {
        if number >> 58 != 0 {
            return None;
        }
        number = number << 6 | value;
        count += 1;
    }
    *rest = &rest[count..];
    (count > 0).then_some(number)
}

fn value(digit: u8) -> Option<u64> {
    let value = match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'Z' => digit - b'A' + 10,
        b'_' => 36,
        b'a'..=b'z' => digit - b'a' + 37,
        b'~' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_read_as_it_is_written() {
        for (at, &digit) in DIGITS.iter().enumerate() {
            assert_eq!(value(digit), Some(at as u64));
        }
        for number in [0, 1, 63, 64, 4_095, 4_096, u64::from(u32::MAX), u64::MAX] {
            let mut text = Vec::new();
            write_number(&mut text, number);
            text.push(b'@');
            let mut rest = &text[..];
            assert_eq!((read_number(&mut rest), rest), (Some(number), &b"@"[..]));
        }
        assert_eq!(read_number(&mut &b"@"[..]), None);
        assert_eq!(read_number(&mut &b"~~~~~~~~~~~~"[..]), None, "more than 64 bits");
    }
}
