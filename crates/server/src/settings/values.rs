//! What was said of the keys of one table, by whichever source said it last.
use std::collections::BTreeMap;
use std::time::Duration;

use figment::value::Value as Written;

use super::SettingsError;
use super::key::{Key, State};
use super::keys::Table;
use super::value::{self, Override, StatusMeans, Transform, Value, Wrong};

/// Values by key; what nobody has said has its default.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    table: &'static Table,
    given: BTreeMap<&'static str, Given>,
}

#[derive(Clone, Debug)]
struct Given {
    value: Value,
    /// As it was written: the file's path, the variable, the flag.
    spelled: String,
    /// Counts the sources, so that one of them doesn't say the same twice.
    source: u32,
}

impl Values {
    pub(crate) fn new(table: &'static Table) -> Self {
        Self { table, given: BTreeMap::new() }
    }

    /// Takes what a source says of a key; a later source wins. True if it says something else than the default.
    pub(crate) fn put(
        &mut self,
        key: &'static Key,
        written: &Written,
        spelled: String,
        source: u32,
    ) -> Result<bool, SettingsError> {
        let meant = self.table.meant(key);
        let in_millis = matches!(key.state, State::SameInMillis(_));
        let value = value::read(&meant.kind, in_millis, written).map_err(|wrong| match wrong {
            Wrong::Malformed(reason) => SettingsError::Malformed { key: spelled.clone(), reason },
            Wrong::OutOfRange(value) => {
                SettingsError::OutOfRange { key: spelled.clone(), value, permitted: meant.kind.permits() }
            }
        })?;
        let is_news = value != default(meant);
        let before = self.given.insert(meant.name, Given { value, spelled: spelled.clone(), source });
        match before {
            Some(before) if before.source == source && before.spelled != spelled => {
                let reason = format!("it is the same setting as {}: one of them has to go", before.spelled);
                Err(SettingsError::Malformed { key: spelled, reason })
            }
            Some(_) | None => Ok(is_news),
        }
    }

    /// How a key was written, for the message of a check that needs more than its value.
    pub(crate) fn spelled(&self, name: &str) -> String {
        self.given.get(name).map_or_else(|| name.to_owned(), |given| given.spelled.clone())
    }

    /// Whether a source has said anything of the key.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// A message about a key, under the name by which it was written.
    pub(crate) fn malformed(&self, name: &str, reason: impl Into<String>) -> SettingsError {
        SettingsError::Malformed { key: self.spelled(name), reason: reason.into() }
    }

    fn value(&self, name: &str) -> Value {
        let key = self.table.exact(name).unwrap_or_else(|| unreachable!("'{name}' is asked for and is no row"));
        self.given.get(name).map_or_else(|| default(key), |given| given.value.clone())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Value::Flag(true))
    }

    /// A number in the type that holds its range.
    pub(crate) fn number<T: TryFrom<u64>>(&self, name: &str) -> T {
        let Value::Number(number) = self.value(name) else { unreachable!("'{name}' is a number") };
        T::try_from(number).unwrap_or_else(|_| unreachable!("the range of '{name}' fits its type"))
    }

    pub(crate) fn time(&self, name: &str) -> Duration {
        let Value::Time(time) = self.value(name) else { unreachable!("'{name}' is a time") };
        time
    }

    pub(crate) fn text(&self, name: &str) -> String {
        let Value::Text(text) = self.value(name) else { unreachable!("'{name}' is a text") };
        text
    }

    /// Intervals, and how many in each.
    pub(crate) fn buckets(&self, name: &str) -> Vec<(Duration, u64)> {
        let Value::Buckets(buckets) = self.value(name) else { unreachable!("'{name}' is a list of buckets") };
        buckets
    }

    /// Buckets of namespaces or methods.
    pub(crate) fn overrides(&self, name: &str) -> Vec<Override> {
        let Value::Overrides(overrides) = self.value(name) else { unreachable!("'{name}' is a list of overrides") };
        overrides
    }

    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        let Value::Words(words) = self.value(name) else { unreachable!("'{name}' is a list") };
        words
    }

    /// Texts by name.
    pub(crate) fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let Value::Pairs(pairs) = self.value(name) else { unreachable!("'{name}' is a list of texts by name") };
        pairs
    }

    /// What statuses mean.
    pub(crate) fn statuses(&self, name: &str) -> Vec<StatusMeans> {
        let Value::Statuses(statuses) = self.value(name) else { unreachable!("'{name}' is a list of statuses") };
        statuses
    }

    pub(crate) fn transforms(&self, name: &str) -> Vec<Transform> {
        let Value::Transforms(transforms) = self.value(name) else { unreachable!("'{name}' is a list of codes") };
        transforms
    }
}

/// What a key is if nobody says it.
pub(crate) fn default(key: &Key) -> Value {
    let written = Written::from(key.default.to_owned());
    let value = value::read(&key.kind, false, &written);
    value.unwrap_or_else(|_| unreachable!("a test sees that the default of '{}' is one", key.name))
}
