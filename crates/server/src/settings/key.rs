//! What a setting is: its name, what its value may be, what it is without one, and whether it works here. The tables of them are in
//! [`super::keys`]; loading, `docs/CONFIG.md`, `config check` and `config migrate` all go by them.
use std::time::Duration;

use shard::limits::CLOSE_REASON_BYTES_MAX;

use super::duration;
use super::value::{PAIRS, STATUSES};

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// With its sections, `client.ping_interval`; an option of a namespace without them.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// As it would be written; empty: none, or nothing.
    pub(crate) default: &'static str,
    pub(crate) state: State,
    /// What it does, for the page.
    pub(crate) says: &'static str,
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// True or false.
    Flag,
    /// A whole number in this range.
    Number { min: u64, max: u64 },
    /// As Centrifugo writes durations, "25s"; a bare number is nanoseconds. From [`TIME_MIN`] to `max`, or nothing if that means
    /// something: never, or at once.
    Time { or_zero: bool, max: Duration },
    /// A whole number of milliseconds in this range.
    Millis { min: u64, max: u64 },
    /// Any text.
    Text,
    /// A text that is never shown.
    Secret,
    /// A list of texts; as one text, they are separated by spaces, or JSON.
    Words,
    /// A list of secrets of at least so many characters.
    Secrets { length_min: usize },
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// An IPv4 or IPv6 address; empty: the default one.
    Address,
    /// A regular expression.
    Regex,
    /// A list of `{interval, rate}`.
    Buckets,
    /// A list of such lists, each of the namespace or method that this names.
    Overrides(&'static str),
    /// Texts by name.
    Pairs,
    /// A list of what statuses of a back end's answers mean.
    Statuses,
    /// A list of what codes are told as.
    Transforms(Told),
    /// Whatever is in a section, or in a list of objects, that is not looked at.
    Anything,
}

/// What a code is told as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// A disconnect: `code` and `reason`.
    Disconnect,
    /// An HTTP response: `status_code` and `body`.
    Status,
}

impl Told {
    /// The names of the number and of the words.
    pub(crate) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Disconnect => ("code", "reason"),
            Self::Status => ("status_code", "body"),
        }
    }

    /// What the number may be.
    pub(crate) const fn range(self) -> (u64, u64) {
        match self {
            Self::Disconnect => (3_000, 4_999),
            Self::Status => (400, 599),
        }
    }

    /// The list, in words.
    pub(crate) fn wanted(self) -> String {
        let ((code, words), (min, max)) = (self.names(), self.range());
        let reason = match self {
            Self::Disconnect => format!(" and a reason of {CLOSE_REASON_BYTES_MAX} bytes at most"),
            Self::Status => String::new(),
        };
        format!("a list of {{code, to: {{{code}, {words}}}}} with a {code} from {min} to {max}{reason}")
    }
}

/// Whether a key works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Works,
    /// Another name of this key, in the same unit.
    Same(&'static str),
    /// Another name of this key, in milliseconds.
    SameInMillis(&'static str),
    /// Centrifugo has it, this server not yet: what is missing.
    Missing(&'static str),
    /// Accepted, and without effect here: why.
    Idle(&'static str),
}

impl Key {
    pub(crate) const fn new(name: &'static str, kind: Kind, default: &'static str, says: &'static str) -> Self {
        Self { name, kind, default, state: State::Works, says }
    }

    pub(crate) const fn flag(name: &'static str, says: &'static str) -> Self {
        Self::new(name, Kind::Flag, "false", says)
    }

    pub(crate) const fn number(
        name: &'static str,
        default: &'static str,
        range: (u64, u64),
        says: &'static str,
    ) -> Self {
        Self::new(name, Kind::Number { min: range.0, max: range.1 }, default, says)
    }

    /// At most a day, or zero.
    pub(crate) const fn time(name: &'static str, default: &'static str, says: &'static str) -> Self {
        Self::new(name, Kind::Time { or_zero: true, max: DAY }, default, says)
    }

    pub(crate) const fn millis(
        name: &'static str,
        default: &'static str,
        range: (u64, u64),
        says: &'static str,
    ) -> Self {
        Self::new(name, Kind::Millis { min: range.0, max: range.1 }, default, says)
    }

    pub(crate) const fn text(name: &'static str, says: &'static str) -> Self {
        Self::new(name, Kind::Text, "", says)
    }

    pub(crate) const fn secret(name: &'static str, says: &'static str) -> Self {
        Self::new(name, Kind::Secret, "", says)
    }

    pub(crate) const fn same(name: &'static str, of: &'static str) -> Self {
        Self { state: State::Same(of), ..Self::new(name, Kind::Anything, "", "") }
    }

    pub(crate) const fn same_in_millis(name: &'static str, of: &'static str) -> Self {
        Self { state: State::SameInMillis(of), ..Self::new(name, Kind::Anything, "", "") }
    }

    /// A section of Centrifugo's, or a key whose value nobody looks at, that does not work yet.
    pub(crate) const fn missing(name: &'static str, why: &'static str) -> Self {
        Self { state: State::Missing(why), ..Self::new(name, Kind::Anything, "", "") }
    }

    /// A section or key of Centrifugo's without a meaning here.
    pub(crate) const fn idle(name: &'static str, why: &'static str) -> Self {
        Self { state: State::Idle(why), ..Self::new(name, Kind::Anything, "", "") }
    }
}

/// The shortest time that is meant: what is less is a number of seconds or milliseconds without its unit.
pub(crate) const TIME_MIN: Duration = Duration::from_millis(100);
/// The longest that anything is waited for.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const DAY_MS: u64 = 86_400_000;
/// The longest that anything is kept.
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 86_400);

impl Kind {
    /// The range, in words.
    pub(crate) fn permits(&self) -> String {
        match *self {
            Self::Flag => "true or false".into(),
            Self::Number { min, max } => format!("from {min} to {max}"),
            Self::Time { or_zero, max } => {
                let zero = if or_zero { "0s, or " } else { "" };
                format!("{zero}from {} to {}", duration::write(TIME_MIN), duration::write(max))
            }
            Self::Millis { min, max } => format!("from {min} to {max} milliseconds"),
            Self::Text | Self::Secret => "a text".into(),
            Self::Words => "a list of texts".into(),
            Self::Secrets { length_min } => format!("a list of texts of {length_min} characters at least"),
            Self::Choice(choice) => {
                let quoted: Vec<_> = choice.iter().map(|one| format!("\"{one}\"")).collect();
                quoted.join(", ")
            }
            Self::Address => "an IPv4 or IPv6 address".into(),
            Self::Regex => "a regular expression".into(),
            Self::Buckets => {
                "a list of {interval, rate}: an interval from 1s to 1h, a rate from 1 to 100000 a second".into()
            }
            Self::Overrides(name) => {
                format!("a list of {{{name}, enabled, buckets}}, with buckets as above; also as a section by {name}")
            }
            Self::Transforms(told) => told.wanted(),
            Self::Pairs => PAIRS.into(),
            Self::Statuses => STATUSES.into(),
            Self::Anything => "anything".into(),
        }
    }
}
