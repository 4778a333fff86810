//! Values: what a key's kind makes of what was written.
use std::net::IpAddr;
use std::time::Duration;

use figment::value::{Dict, Num, Value as Written};
use regex::Regex;

use super::duration;
use super::key::{Kind, TIME_MIN};
use super::reading::list_of_text;
use shard::limits::CLOSE_REASON_BYTES_MAX;
use shard::{EMISSION_MIN, INTERVAL_MAX};

mod overrides;
mod proxied;
mod transform;
pub(crate) use overrides::Override;
pub(crate) use proxied::{Means, PAIRS, STATUSES, StatusMeans};
pub(crate) use transform::Transform;

/// A checked value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    Flag(bool),
    Number(u64),
    Time(Duration),
    Text(String),
    Words(Vec<String>),
    Buckets(Vec<(Duration, u64)>),
    Overrides(Vec<Override>),
    Transforms(Vec<Transform>),
    Pairs(Vec<(String, String)>),
    Statuses(Vec<StatusMeans>),
}

/// Why a value is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wrong {
    /// It is outside of what is permitted; the value as it was written.
    OutOfRange(String),
    /// It is something else altogether.
    Malformed(String),
}

/// Reads a value. In the environment and on the command line everything is text, and files may write so too.
pub(crate) fn read(kind: &Kind, in_millis: bool, written: &Written) -> Result<Value, Wrong> {
    match *kind {
        Kind::Flag => flag(written).map(Value::Flag),
        Kind::Number { min, max } => whole(written, min, max).map(Value::Number),
        Kind::Millis { min, max } => whole(written, min, max).map(Duration::from_millis).map(Value::Time),
        Kind::Time { or_zero, max } => time(written, in_millis, or_zero, max).map(Value::Time),
        Kind::Text | Kind::Secret => text(written).map(Value::Text),
        Kind::Words => words(written).map(Value::Words),
        Kind::Secrets { length_min } => secrets(written, length_min).map(Value::Words),
        Kind::Choice(choice) => match text(written)? {
            chosen if choice.contains(&chosen.as_str()) => Ok(Value::Text(chosen)),
            other => Err(Wrong::OutOfRange(format!("\"{other}\""))),
        },
        Kind::Address => match text(written)? {
            given if given.is_empty() || given.parse::<IpAddr>().is_ok() => Ok(Value::Text(given)),
            other => Err(Wrong::Malformed(format!("'{other}' is no IPv4 or IPv6 address"))),
        },
        Kind::Regex => {
            let given = text(written)?;
            Regex::new(&given)
                .map_err(|error| Wrong::Malformed(format!("'{given}' is no regular expression: {error}")))?;
            Ok(Value::Text(given))
        }
        Kind::Buckets => buckets(written).map(Value::Buckets),
        Kind::Overrides(named_by) => overrides::overrides(written, named_by).map(Value::Overrides),
        Kind::Pairs => proxied::pairs(written).map(Value::Pairs),
        Kind::Statuses => proxied::statuses(written).map(Value::Statuses),
        Kind::Transforms(told) => transform::transforms(written, told).map(Value::Transforms),
        Kind::Anything => Ok(Value::Text(String::new())),
    }
}

fn other(wanted: &str, written: &Written) -> Wrong {
    Wrong::Malformed(format!("{wanted} is wanted, not {}", found(written)))
}

/// What was written, shown shortly.
fn found(written: &Written) -> String {
    match written {
        Written::String(_, text) => format!("'{text}'"),
        Written::Char(_, one) => format!("'{one}'"),
        Written::Bool(_, flag) => flag.to_string(),
        Written::Num(_, number) => shown(number),
        Written::Empty(..) => "nothing".into(),
        Written::Dict(..) => "a section".into(),
        Written::Array(..) => "a list".into(),
    }
}

fn shown(number: &Num) -> String {
    match (number.to_u128(), number.to_i128()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(negative)) => negative.to_string(),
        (None, None) => number.to_f64().unwrap_or(f64::NAN).to_string(),
    }
}

fn flag(written: &Written) -> Result<bool, Wrong> {
    match written {
        Written::Bool(_, flag) => Ok(*flag),
        // As Go's ParseBool.
        Written::String(_, text) => match text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" | "" => Ok(false),
            _ => Err(other("true or false", written)),
        },
        Written::Char(..) | Written::Num(..) | Written::Empty(..) | Written::Dict(..) | Written::Array(..) => {
            Err(other("true or false", written))
        }
    }
}

/// The number, whatever its range.
fn number(written: &Written) -> Result<i128, Wrong> {
    let number = match written {
        Written::Num(_, number) => {
            let whole = number.to_i128().or_else(|| number.to_u128().and_then(|number| i128::try_from(number).ok()));
            whole.or_else(|| number.to_f64().and_then(whole_of))
        }
        Written::String(_, text) => text.trim().parse().ok(),
        Written::Char(_, digit) => digit.to_digit(10).map(i128::from),
        Written::Bool(..) | Written::Empty(..) | Written::Dict(..) | Written::Array(..) => None,
    };
    number.ok_or_else(|| other("a whole number", written))
}

/// JSON and YAML know no whole numbers: `1e3` is one all the same.
#[expect(clippy::cast_possible_truncation, reason = "what has no fraction and is below 2^53 is exact")]
fn whole_of(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i128)
}

fn whole(written: &Written, min: u64, max: u64) -> Result<u64, Wrong> {
    let number = number(written)?;
    let fits = u64::try_from(number).ok().filter(|number| (min..=max).contains(number));
    fits.ok_or_else(|| Wrong::OutOfRange(number.to_string()))
}

/// A number that has a name within a value.
fn within(name: &str, written: &Written, min: u64, max: u64) -> Result<u64, Wrong> {
    whole(written, min, max).map_err(|wrong| match wrong {
        Wrong::OutOfRange(number) => Wrong::OutOfRange(format!("a {name} of {number}")),
        malformed @ Wrong::Malformed(_) => malformed,
    })
}

/// The reason of a disconnect: it has to fit into a close frame, and would be cut.
fn reason(written: &Written) -> Result<String, Wrong> {
    let reason = text(written)?;
    match reason.len() {
        ..=CLOSE_REASON_BYTES_MAX => Ok(reason),
        bytes => Err(Wrong::OutOfRange(format!("a reason of {bytes} bytes"))),
    }
}

fn time(written: &Written, in_millis: bool, or_zero: bool, max: Duration) -> Result<Duration, Wrong> {
    let unit = if in_millis { 1_000_000 } else { 1 };
    let mut hint = "";
    let time = if let Written::String(_, text) = written
        && !in_millis
        && text.parse::<i128>().is_err()
    {
        duration::read(text).ok_or_else(|| other("a duration such as 25s", written))?
    } else {
        if !in_millis {
            hint = " (a number without a unit is nanoseconds)";
        }
        let number = number(written)?;
        let nanos = u64::try_from(number).ok().and_then(|number| number.checked_mul(unit));
        Duration::from_nanos(nanos.ok_or_else(|| Wrong::OutOfRange(number.to_string()))?)
    };
    let fits = (TIME_MIN..=max).contains(&time) || or_zero && time.is_zero();
    if fits { Ok(time) } else { Err(Wrong::OutOfRange(duration::write(time) + hint)) }
}

fn text(written: &Written) -> Result<String, Wrong> {
    match written {
        Written::String(_, text) => Ok(text.clone()),
        Written::Char(_, one) => Ok(one.to_string()),
        Written::Bool(_, flag) => Ok(flag.to_string()),
        Written::Num(_, number) => Ok(shown(number)),
        Written::Empty(..) | Written::Dict(..) | Written::Array(..) => Err(other("a text", written)),
    }
}

fn words(written: &Written) -> Result<Vec<String>, Wrong> {
    match written {
        Written::Array(_, list) => list.iter().map(text).collect(),
        Written::String(_, list) if list.trim_start().starts_with('[') => match list.parse::<Written>() {
            Ok(Written::Array(_, list)) => list.iter().map(text).collect(),
            Ok(_) | Err(_) => Err(other("a list", written)),
        },
        Written::String(_, list) => Ok(list.split_whitespace().map(str::to_owned).collect()),
        Written::Char(_, one) => Ok(vec![one.to_string()]),
        Written::Bool(..) | Written::Num(..) | Written::Empty(..) | Written::Dict(..) => Err(other("a list", written)),
    }
}

fn secrets(written: &Written, length_min: usize) -> Result<Vec<String>, Wrong> {
    let secrets = words(written)?;
    match secrets.iter().find(|secret| secret.len() < length_min) {
        None => Ok(secrets),
        Some(short) => {
            let reason = format!("one of {} characters is too easy to guess: {length_min} at least", short.len());
            Err(Wrong::Malformed(reason))
        }
    }
}

/// A list, also as text; `wanted` says what it is one of.
fn list(written: &Written, wanted: &str) -> Result<Vec<Written>, Wrong> {
    match written {
        Written::Array(_, list) => Ok(list.clone()),
        Written::String(_, text) if text.trim().is_empty() => Ok(Vec::new()),
        Written::String(_, text) => list_of_text(text).map_err(Wrong::Malformed),
        Written::Char(..) | Written::Bool(..) | Written::Num(..) | Written::Empty(..) | Written::Dict(..) => {
            Err(other(wanted, written))
        }
    }
}

/// A section, also as JSON; `None` if it is something else.
fn section(written: &Written, wanted: &str) -> Result<Option<Dict>, Wrong> {
    match written {
        Written::Dict(_, section) => Ok(Some(section.clone())),
        Written::String(_, text) if text.trim_start().starts_with('{') => {
            match list_of_text(&format!("[{text}]")).map_err(Wrong::Malformed)?.into_iter().next() {
                Some(Written::Dict(_, section)) => Ok(Some(section)),
                Some(_) | None => Err(other(wanted, written)),
            }
        }
        Written::String(..)
        | Written::Char(..)
        | Written::Bool(..)
        | Written::Num(..)
        | Written::Empty(..)
        | Written::Array(..) => Ok(None),
    }
}

/// `[{interval, rate}]`, also as text.
fn buckets(written: &Written) -> Result<Vec<(Duration, u64)>, Wrong> {
    list(written, "a list of {interval, rate}")?.iter().map(bucket).collect()
}

fn bucket(written: &Written) -> Result<(Duration, u64), Wrong> {
    let of = |name: &str| written.as_dict().and_then(|fields| fields.get(name));
    let (Some(interval), Some(rate)) = (of("interval"), of("rate")) else {
        return Err(other("{interval, rate}", written));
    };
    if let Some(unknown) = written.as_dict().and_then(|fields| fields.keys().find(|name| !is_of_bucket(name))) {
        return Err(Wrong::Malformed(format!("a bucket has an interval and a rate, and no '{unknown}'")));
    }
    let interval = time(interval, false, false, INTERVAL_MAX)?;
    if interval < Duration::from_secs(1) {
        return Err(Wrong::OutOfRange(format!("an interval of {}", duration::write(interval))));
    }
    let most = u64::try_from(interval.as_nanos() / EMISSION_MIN.as_nanos()).unwrap_or(u64::MAX);
    Ok((interval, whole(rate, 1, most)?))
}

fn is_of_bucket(name: &str) -> bool {
    name == "interval" || name == "rate"
}

/// True for what switches nothing on: false, nothing, zero, and sections that have an `enabled` which is off, or only such values.
pub(crate) fn is_off(written: &Written) -> bool {
    match written {
        Written::String(_, text) => matches!(text.as_str(), "" | "0" | "false" | "FALSE" | "False" | "f" | "F"),
        Written::Char(_, one) => *one == '0',
        Written::Bool(_, flag) => !flag,
        Written::Num(_, number) => shown(number) == "0",
        Written::Empty(..) => true,
        Written::Array(_, list) => list.is_empty(),
        Written::Dict(_, section) => match section.get("enabled") {
            Some(enabled) => is_off(enabled),
            None => section.values().all(is_off),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(kind: Kind, text: &str) -> Result<Value, Wrong> {
        read(&kind, false, &Written::from(text.to_owned()))
    }

    #[test]
    fn text_is_as_good_as_a_value() {
        let number = Kind::Number { min: 1, max: 10 };
        assert_eq!(read_text(number, "7"), Ok(Value::Number(7)));
        assert_eq!(read_text(number, "11"), Err(Wrong::OutOfRange("11".into())));
        assert_eq!(read_text(number, "-1"), Err(Wrong::OutOfRange("-1".into())));
        assert!(matches!(read_text(number, "seven"), Err(Wrong::Malformed(_))));
        assert_eq!(read_text(Kind::Flag, "true"), Ok(Value::Flag(true)));
        assert!(matches!(read_text(Kind::Flag, "yes"), Err(Wrong::Malformed(_))));
        assert_eq!(read_text(Kind::Words, "a b"), Ok(Value::Words(vec!["a".into(), "b".into()])));
        assert_eq!(read_text(Kind::Words, r#"["a b"]"#), Ok(Value::Words(vec!["a b".into()])));
        assert_eq!(read_text(Kind::Address, "::1"), Ok(Value::Text("::1".into())));
        assert!(matches!(read_text(Kind::Address, "here"), Err(Wrong::Malformed(_))));
        assert!(matches!(read_text(Kind::Regex, "("), Err(Wrong::Malformed(_))));
        assert_eq!(read_text(Kind::Choice(&["", "json"]), "xml"), Err(Wrong::OutOfRange("\"xml\"".into())));
    }

    #[test]
    fn a_bare_number_is_nanoseconds_or_in_our_own_keys_milliseconds() {
        let kind = Kind::Time { or_zero: true, max: Duration::from_secs(60) };
        let seconds = |text: &str| read_text(kind, text);
        assert_eq!(seconds("2s"), Ok(Value::Time(Duration::from_secs(2))));
        assert_eq!(seconds("2000000000"), Ok(Value::Time(Duration::from_secs(2))));
        assert_eq!(read(&kind, false, &Written::from(2_000_000_000_u64)), Ok(Value::Time(Duration::from_secs(2))));
        assert_eq!(read(&kind, true, &Written::from(2_000_u64)), Ok(Value::Time(Duration::from_secs(2))));
        assert!(matches!(read(&kind, true, &Written::from("2s")), Err(Wrong::Malformed(_))));
        assert_eq!(seconds("61s"), Err(Wrong::OutOfRange("1m1s".into())));
        assert_eq!(read(&kind, false, &Written::from(-1)), Err(Wrong::OutOfRange("-1".into())));
        assert!(matches!(seconds("soon"), Err(Wrong::Malformed(_))));
    }

    #[test]
    fn a_time_too_short_to_be_meant_is_refused() {
        let kind = |or_zero| Kind::Time { or_zero, max: Duration::from_secs(60) };
        for (text, told) in [("25", "25ns (a number without a unit is nanoseconds)"), ("99ms", "99ms"), ("1ns", "1ns")]
        {
            assert_eq!(read_text(kind(true), text), Err(Wrong::OutOfRange(told.into())), "{text}");
        }
        assert_eq!(read(&kind(true), true, &Written::from(99)), Err(Wrong::OutOfRange("99ms".into())));
        assert_eq!(read_text(kind(true), "100ms"), Ok(Value::Time(Duration::from_millis(100))));
        assert_eq!(read_text(kind(true), "0"), Ok(Value::Time(Duration::ZERO)));
        assert_eq!(read_text(kind(false), "0s"), Err(Wrong::OutOfRange("0s".into())));
    }

    #[test]
    fn a_section_that_is_not_enabled_is_off() {
        let written = |json: &str| json.parse::<Written>().unwrap();
        assert!(is_off(&written("{enabled=false,port=1}")) && !is_off(&written("{enabled=true}")));
        assert!(is_off(&written("{a=\"\",b=0,c=false}")) && !is_off(&written("{a=\"x\"}")));
        assert!(is_off(&written("[]")) && is_off(&written("false")) && !is_off(&written("1")));
    }
}
