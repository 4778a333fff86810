//! Durations as Centrifugo's settings write them: Go's notation, in which "1h30m" and "1.5h" are the same. (The crates for
//! durations read another notation, in which a fraction is none and "1m" may be a month.)
use std::time::Duration;

/// The units, longest first, in nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// Reads a duration: numbers with units, one behind the other. `None` if it is none, or negative, or too long for the type.
pub(crate) fn read(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut nanos = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number = rest.find(|one: char| !one.is_ascii_digit() && one != '.')?;
        let (digits, behind) = rest.split_at(number);
        let unit = behind.find(|one: char| one.is_ascii_digit() || one == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos = nanos.checked_add(scaled(digits, *factor)?)?;
        rest = behind;
    }
    Some(Duration::from_nanos(nanos))
}

/// A decimal number times `factor`; what is behind the ninth digit of its fraction does not count.
fn scaled(digits: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(factor)?;
    let mut step = u128::from(factor);
    for digit in fraction.chars().take(9) {
        let part = step * u128::from(digit.to_digit(10)?);
        nanos = nanos.checked_add(u64::try_from(part / 10).ok()?)?;
        step /= 10;
    }
    Some(nanos)
}

/// Writes a duration as short as it can be read again.
pub(crate) fn write(time: Duration) -> String {
    let mut rest = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, factor) in UNITS {
        if rest >= factor {
            text += &format!("{}{unit}", rest / factor);
            rest %= factor;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("25s", 25_000_000_000),
            ("720h", 2_592_000_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("100ms", 100_000_000),
            ("1s500ms", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("+7ns", 7),
        ] {
            assert_eq!(read(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "1", "s", "-1s", "1 s", "1d", "1.2.3s", ".s", "1sx", "999999999h", "1h 30m"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (nanos, text) in [
            (0, "0s"),
            (25_000_000_000, "25s"),
            (5_400_000_000_000, "1h30m"),
            (86_400_000_000_000, "24h"),
            (100_000_000, "100ms"),
            (1_000_000_001, "1s1ns"),
        ] {
            assert_eq!(write(Duration::from_nanos(nanos)), text);
            assert_eq!(read(text), Some(Duration::from_nanos(nanos)));
        }
    }
}
