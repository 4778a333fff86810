//! Capabilities: what one session may do beside what namespaces say, as its connection token has it. The form is Centrifugo PRO's `caps`,
//! and `deny` is ours.
//!
//! - The first cap that allows anything and names the channel says what is allowed; those behind it are not looked at, as there.
//! - Whatever any cap denies is denied.
//!
//! A pattern is all the subjects that fit it. It is denied as soon as one of them may be, and allowed only if every one of them is.
use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{glob_fits, is_pattern};

/// What a session may do: plain data, so that sessions with the same one can share it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Caps(Box<[Cap]>);

/// Some channels, and what may be done with them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cap {
    /// Names, globs ([`glob_fits`]) or regular expressions.
    pub channels: Box<[Box<str>]>,
    /// Which of them.
    pub meant: Meant,
    /// What is allowed that the namespace does not allow.
    pub allow: Operations,
    /// What is forbidden whatever allows it.
    pub deny: Operations,
}

/// How the channels of a [`Cap`] are meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub enum Meant {
    /// As names.
    #[default]
    Exact,
    /// As globs.
    Wildcard,
    /// As regular expressions, which are searched for.
    Regex,
}

/// Something that is done with a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Operation {
    /// Subscribing, `sub`.
    Subscribe = 1,
    /// Publishing, `pub`.
    Publish = 2,
    /// Seeing who is there, who comes and goes, `prs`.
    Presence = 4,
    /// Reading what was published, by recovery too, `hst`.
    History = 8,
}

/// A set of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Operations(u8);

/// What capabilities say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ruling {
    /// It is allowed, whatever the namespace says.
    Allowed,
    /// It is not allowed, whatever the namespace says.
    Denied,
    /// Nothing: the namespace says it.
    Silent,
}

impl Operations {
    /// Adds one.
    pub fn add(&mut self, operation: Operation) {
        self.0 |= operation as u8;
    }

    /// Whether it is one of them.
    #[must_use]
    pub const fn has(self, operation: Operation) -> bool {
        self.0 & operation as u8 != 0
    }

    /// True without any.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        operations.into_iter().fold(Self::default(), |mut all, operation| {
            all.add(operation);
            all
        })
    }
}

impl FromIterator<Cap> for Caps {
    fn from_iter<I: IntoIterator<Item = Cap>>(caps: I) -> Self {
        Self(caps.into_iter().collect())
    }
}

impl Caps {
    /// True if nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// About the bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let names = |cap: &Cap| cap.channels.iter().map(|name| name.len() + size_of::<Box<str>>()).sum::<usize>();
        self.0.iter().map(|cap| size_of::<Cap>() + names(cap)).sum()
    }

    /// What is said of doing something with `channel`, a subject or a pattern. `by_name`: only a cap that has the channel's very name opens
    /// it. `regex` says whether an expression fits a name.
    #[must_use]
    pub fn rule(
        &self,
        operation: Operation,
        channel: &str,
        by_name: bool,
        regex: impl Fn(&str, &str) -> bool,
    ) -> Ruling {
        if is_pattern(channel) {
            return self.rule_pattern(operation, &pattern_of(channel), channel);
        }
        let names = |cap: &&Cap| cap.names(channel, &regex);
        if self.0.iter().filter(|cap| cap.deny.has(operation)).any(|cap| names(&cap)) {
            return Ruling::Denied;
        }
        match self.0.iter().filter(|cap| !cap.allow.is_empty()).find(names) {
            Some(cap) if cap.allow.has(operation) && (cap.meant == Meant::Exact || !by_name) => Ruling::Allowed,
            Some(_) | None => Ruling::Silent,
        }
    }

    fn rule_pattern(&self, operation: Operation, pattern: &[Part], text: &str) -> Ruling {
        if self.0.iter().any(|cap| cap.deny.has(operation) && cap.may_meet(pattern, text)) {
            return Ruling::Denied;
        }
        for cap in self.0.iter().filter(|cap| !cap.allow.is_empty()) {
            if cap.covers(pattern, text) {
                return if cap.allow.has(operation) { Ruling::Allowed } else { Ruling::Silent };
            }
            // It is the one that decides for some of the subjects.
            if !cap.allow.has(operation) && cap.may_meet(pattern, text) {
                return Ruling::Silent;
            }
        }
        Ruling::Silent
    }
}

impl Cap {
    /// Whether one of its channels is this one.
    fn names(&self, channel: &str, regex: &impl Fn(&str, &str) -> bool) -> bool {
        self.channels.iter().any(|name| match self.meant {
            Meant::Exact => **name == *channel,
            Meant::Wildcard => glob_fits(name, channel),
            Meant::Regex => regex(name, channel),
        })
    }

    /// False only if it names nothing that fits the pattern.
    fn may_meet(&self, pattern: &[Part], text: &str) -> bool {
        self.channels.iter().any(|name| match self.meant {
            Meant::Exact => **name == *text || meet(&name.chars().map(Part::One).collect::<Vec<_>>(), pattern),
            Meant::Wildcard => meet(&glob_of(name), pattern),
            // What an expression and a pattern have in common is not looked for.
            Meant::Regex => true,
        })
    }

    /// True only if one of its channels names all that fits the pattern.
    fn covers(&self, pattern: &[Part], text: &str) -> bool {
        self.channels.iter().any(|name| match self.meant {
            Meant::Exact => **name == *text,
            Meant::Wildcard => spans(&glob_of(name), pattern),
            Meant::Regex => false,
        })
    }
}

/// A piece of a glob or a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// This character.
    One(char),
    /// Some character.
    Some,
    /// Any characters, none too.
    Any,
    /// Any characters of one token, none too.
    Token,
}

impl Part {
    /// Whether it may take nothing.
    const fn is_loop(self) -> bool {
        matches!(self, Self::Any | Self::Token)
    }

    /// Whether there is a character that both take.
    fn shares(self, other: Self) -> bool {
        match (self, other) {
            (Self::One(one), Self::One(other)) => one == other,
            (Self::One(one), Self::Token) | (Self::Token, Self::One(one)) => one != '.',
            (Self::One(_) | Self::Some | Self::Any | Self::Token, _) => true,
        }
    }
}

fn glob_of(glob: &str) -> Vec<Part> {
    let part = |one| match one {
        '*' => Part::Any,
        '?' => Part::Some,
        _ => Part::One(one),
    };
    glob.chars().map(part).collect()
}

fn pattern_of(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut tokens = pattern.split('.').peekable();
    while let Some(token) = tokens.next() {
        match token {
            "*" => parts.push(Part::Token),
            ">" if tokens.peek().is_none() => parts.push(Part::Any),
            _ => parts.extend(token.chars().map(Part::One)),
        }
        if tokens.peek().is_some() {
            parts.push(Part::One('.'));
        }
    }
    parts
}

/// Whether some text fits both. Takes the product of their lengths.
fn meet(one: &[Part], other: &[Part]) -> bool {
    walk(one, other, |one, other| match (one, other) {
        (None, None) => [false; 3],
        (Some(one), None) => [one.is_loop(), false, false],
        (None, Some(other)) => [false, other.is_loop(), false],
        (Some(one), Some(other)) => {
            let both = one.shares(other);
            [one.is_loop() || both && other.is_loop(), other.is_loop() || both && one.is_loop(), both]
        }
    })
}

/// Whether the glob fits each text that fits the pattern: what the pattern leaves open is behind a `*` of the glob.
fn spans(glob: &[Part], pattern: &[Part]) -> bool {
    walk(glob, pattern, |glob, pattern| match (glob, pattern) {
        (Some(Part::Any), pattern) => [true, pattern.is_some(), false],
        (Some(Part::Some), Some(Part::One(_))) => [false, false, true],
        (Some(Part::One(one)), Some(Part::One(other))) => [false, false, one == other],
        (Some(Part::Some | Part::One(_) | Part::Token) | None, _) => [false; 3],
    })
}

/// Whether a way leads from the beginnings of both to their ends, by steps in the one, the other, or both, where `steps` permits them.
fn walk(one: &[Part], other: &[Part], steps: impl Fn(Option<Part>, Option<Part>) -> [bool; 3]) -> bool {
    let mut row = alloc::vec![false; other.len() + 1];
    row[0] = true;
    for at in 0..=one.len() {
        let mut next = alloc::vec![false; other.len() + 1];
        for to in 0..=other.len() {
            if !row[to] {
                continue;
            }
            let [in_one, in_other, in_both] = steps(one.get(at).copied(), other.get(to).copied());
            next[to] |= in_one;
            if to < other.len() {
                row[to + 1] |= in_other;
                next[to + 1] |= in_both;
            }
        }
        if at == one.len() {
            return row[other.len()];
        }
        row = next;
    }
    false
}

#[cfg(test)]
mod tests;
