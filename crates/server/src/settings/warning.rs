//! What is wrong with settings: errors, with which no server starts, and warnings, with which it does.
use std::fmt;

use super::keys::Table;

/// Why settings are refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// The file can't be read, or its ending is none of `.toml`, `.yaml`, `.yml` and `.json`.
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// A value that can't be understood, or does not go with another one.
    Malformed {
        /// The key as it was written, with its section; a variable's or a flag's name.
        key: String,
        /// Why.
        reason: String,
    },
    /// A value outside of what is permitted.
    OutOfRange {
        /// The key as it was written.
        key: String,
        /// The value.
        value: String,
        /// What is permitted.
        permitted: String,
    },
}

/// Something that was said and has no effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// A key that does not exist.
    Unknown {
        /// As it was written.
        key: String,
        /// The key that it resembles most.
        nearest: Option<String>,
    },
    /// A key of Centrifugo's before its version 6.
    Older {
        /// As it was written.
        key: String,
        /// What it is called since.
        meant: String,
    },
    /// A key of Centrifugo's that does not work yet.
    Missing {
        /// As it was written.
        key: String,
        /// What is missing.
        reason: &'static str,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, reason } => write!(out, "{path}: {reason}"),
            Self::Malformed { key, reason } => write!(out, "{key}: {reason}"),
            Self::OutOfRange { key, value, permitted } => {
                write!(out, "{key} = {value} is out of range: {permitted}")
            }
        }
    }
}

impl std::error::Error for SettingsError {}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { key, nearest: Some(nearest) } => {
                write!(out, "there is no setting '{key}'; did you mean '{nearest}'?")
            }
            Self::Unknown { key, nearest: None } => write!(out, "there is no setting '{key}'"),
            Self::Older { key, meant } => {
                write!(out, "there is no setting '{key}': it is a key of Centrifugo v5, and '{meant}' since v6")
            }
            Self::Missing { key, reason } => write!(out, "{key} is not supported yet: {reason}"),
        }
    }
}

/// The key of the table that `name` resembles most, or the section, if `name` is one; none if more than half of it would have to change.
pub(crate) fn nearest(table: &Table, name: &str) -> Option<&'static str> {
    let depth = name.split('.').count();
    // As deep as the name: what was mistyped may be the section.
    let cut = |key: &'static str| match key.match_indices('.').nth(depth - 1) {
        Some((end, _)) => &key[..end],
        None => key,
    };
    nearest_of(table.keys().map(|key| cut(key.name)), name)
}

/// The candidate with the fewest edits from `name`; none if more than half of its last part, or a third of it all, would have to change.
pub(crate) fn nearest_of<'a>(candidates: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    let near = candidates.map(|candidate| (edits(name, candidate), candidate)).min()?;
    let last = |name: &str| name.rsplit('.').next().map_or(0, str::len);
    (near.0 * 2 <= last(name).max(last(near.1)) && near.0 * 3 <= name.len()).then_some(near.1)
}

/// Levenshtein's distance, in bytes: names of settings are ASCII.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
