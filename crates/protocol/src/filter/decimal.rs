//! Decimal numbers in texts, compared exactly, however long they are.
use core::cmp::Ordering;

/// A number's sign, and its digits without what is zero at either end.
struct Decimal<'t> {
    is_negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
}

/// How the numbers compare; `None` if one of the texts is none: `[+-]digits[.digits]`.
pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (read(one)?, read(other)?);
    let amounts = one.whole.len().cmp(&other.whole.len()).then_with(|| one.whole.cmp(other.whole));
    let amounts = amounts.then_with(|| one.fraction.cmp(other.fraction));
    Some(match (one.is_negative, other.is_negative) {
        (false, false) => amounts,
        (true, true) => amounts.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    })
}

fn read(text: &str) -> Option<Decimal<'_>> {
    let (is_negative, text) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let point = text.iter().position(|&byte| byte == b'.');
    let (whole, fraction) = match point {
        Some(at) if at + 1 < text.len() => (&text[..at], &text[at + 1..]),
        Some(_) => return None,
        None => (text, &[][..]),
    };
    if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = whole.iter().take_while(|&&digit| digit == b'0').count();
    let zeros_behind = fraction.iter().rev().take_while(|&&digit| digit == b'0').count();
    let (whole, fraction) = (&whole[zeros..], &fraction[..fraction.len() - zeros_behind]);
    Some(Decimal { is_negative: is_negative && !(whole.is_empty() && fraction.is_empty()), whole, fraction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_numbers() {
        let ordered = [
            "-100",
            "-20.5",
            "-20.49",
            "-1",
            "0",
            "0.001",
            "0.01",
            "9",
            "10",
            "10.25",
            "10.3",
            "99999999999999999999999",
        ];
        for (at, one) in ordered.iter().enumerate() {
            for (other_at, other) in ordered.iter().enumerate() {
                assert_eq!(compare(one, other), Some(at.cmp(&other_at)), "{one} {other}");
            }
        }
        for (one, other) in [("0", "-0"), ("0", "-0.00"), ("+5", "5"), ("007", "7.0"), ("1.50", "1.5")] {
            assert_eq!(compare(one, other), Some(Ordering::Equal), "{one} {other}");
        }
        for none in ["", "-", "+", ".5", "5.", "1e3", "1 ", "0x1", "1.2.3", "NaN", "٣"] {
            assert_eq!((compare(none, "1"), compare("1", none)), (None, None), "{none}");
        }
    }
}
