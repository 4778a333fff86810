//! From a Centrifugo's settings file to one of ours: what carries over, key by key.
use std::fmt;
use std::path::Path;

use figment::value::{Dict, Value as Written};

use super::key::{Key, State};
use super::keys::{
    HOOK, HOOKS, METHOD, METHODS, NAMESPACE, NAMESPACES, PATTERNS, PROXIES, PROXY, SERVER, Table, WITHOUT_NAMESPACE,
};
use super::reading::Reading;
use super::value::is_off;
use super::warning::nearest;
use super::{SettingsError, build, file, older};

/// A file that was looked through.
#[derive(Debug)]
pub struct Migration {
    /// Every key in it, in the order of their names, and what becomes of it.
    pub keys: Vec<(String, Fate)>,
    /// What carries over, as TOML.
    pub toml: String,
}

/// What becomes of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It works.
    Carried,
    /// It is without effect here: why.
    Idle(&'static str),
    /// It is switched off, and could not be switched on.
    Off,
    /// It is not supported yet: what is missing.
    Missing(&'static str),
    /// There is no such key; the nearest one.
    Unknown(Option<&'static str>),
    /// It is one of Centrifugo's before its version 6; what it is called since.
    Older(String),
}

impl Fate {
    /// True if something that was configured is not done.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Unknown(_) | Self::Older(_))
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Carried => out.write_str("carried over"),
            Self::Idle(why) => write!(out, "without effect here: {why}"),
            Self::Off => out.write_str("left out: it is off"),
            Self::Missing(why) => write!(out, "NOT supported yet: {why}"),
            Self::Unknown(Some(nearest)) => write!(out, "UNKNOWN; is it '{nearest}'?"),
            Self::Unknown(None) => out.write_str("UNKNOWN"),
            Self::Older(meant) => write!(out, "UNKNOWN: a key of Centrifugo v5, which is '{meant}' since v6"),
        }
    }
}

/// Looks a file through.
///
/// # Errors
/// If it can't be read, or a value in it is refused.
pub fn migrate(path: &Path) -> Result<Migration, SettingsError> {
    let dict = file(path)?;
    let mut reading = Reading::new();
    reading.file(&dict)?;
    build::build(reading, false)?;
    let mut keys = Vec::new();
    let carried = section(&SERVER, "", "", &dict, &mut keys);
    let unwritable = |error: toml::ser::Error| SettingsError::File {
        path: path.display().to_string(),
        reason: format!("it can't be written as TOML: {error}"),
    };
    let toml = toml::to_string_pretty(&carried).map_err(unwritable)?;
    Ok(Migration { keys, toml })
}

/// What of a section carries over. `path` is its name in the table, `shown` as it is told.
fn section(table: &'static Table, path: &str, shown: &str, section: &Dict, keys: &mut Vec<(String, Fate)>) -> Dict {
    let mut carried = Dict::new();
    for (name, written) in section {
        let below = |above: &str| if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let (path, shown) = (below(path), below(shown));
        let kept = one(table, &path, shown, written, keys);
        carried.extend(kept.map(|kept| (name.clone(), kept)));
    }
    carried
}

fn one(
    table: &'static Table,
    path: &str,
    shown: String,
    written: &Written,
    keys: &mut Vec<(String, Fate)>,
) -> Option<Written> {
    let options_of = match path {
        HOOKS => &HOOK,
        PROXIES => &PROXY,
        METHODS => &METHOD,
        _ => &NAMESPACE,
    };
    let is_entry = matches!(path, NAMESPACES | PATTERNS | WITHOUT_NAMESPACE | HOOKS | PROXIES | METHODS);
    match written {
        Written::Array(_, list) if is_entry => {
            let mut of = |(at, item): (usize, &Written)| {
                let options = item.as_dict()?;
                Some(Written::from(self::section(options_of, "", &format!("{shown}[{at}]"), options, keys)))
            };
            let kept: Vec<_> = list.iter().enumerate().filter_map(&mut of).collect();
            Some(Written::from(kept))
        }
        Written::Dict(_, options) if is_entry => {
            Some(Written::from(self::section(options_of, "", &shown, options, keys)))
        }
        Written::Dict(_, options) if table.find(path).is_none() && table.has_section(path) => {
            let kept = self::section(table, path, &shown, options, keys);
            (!kept.is_empty()).then(|| Written::from(kept))
        }
        Written::Dict(..)
        | Written::Array(..)
        | Written::String(..)
        | Written::Char(..)
        | Written::Bool(..)
        | Written::Num(..)
        | Written::Empty(..) => {
            let fate = fate(table, table.find(path), path, written);
            let kept = (fate == Fate::Carried && !matches!(written, Written::Empty(..))).then(|| written.clone());
            keys.push((shown, fate));
            kept
        }
    }
}

fn fate(table: &'static Table, key: Option<&'static Key>, path: &str, written: &Written) -> Fate {
    match key.map(|key| key.state) {
        None => older::meant(table, path).map_or_else(|| Fate::Unknown(nearest(table, path)), Fate::Older),
        Some(State::Works | State::Same(_) | State::SameInMillis(_)) => Fate::Carried,
        Some(State::Missing(_)) if is_off(written) => Fate::Off,
        Some(State::Missing(why)) => Fate::Missing(why),
        Some(State::Idle(why)) => Fate::Idle(why),
    }
}
