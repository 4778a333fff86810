//! Keys that don't exist: which one was meant, and where a figment error points.
use figment::error::Kind;

use super::SettingsError;

/// Variables that begin with this are settings: `RINGCAST_SERVER_PORT` is `server.port`.
pub const ENVIRONMENT_PREFIX: &str = "RINGCAST_";

/// Sections whose name has an underscore or a dot, as variables spell them; in all others the first underscore ends the
/// name.
const SECTIONS_OF_TWO_WORDS: [(&str, &str); 2] = [("batch_wait", "batch_wait"), ("client_token", "client.token")];

/// The key that a variable's name, without the prefix, stands for.
pub(crate) fn environment_key(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    for (spelling, section) in SECTIONS_OF_TWO_WORDS {
        if let Some(key) = name.strip_prefix(spelling).and_then(|rest| rest.strip_prefix('_')) {
            return format!("{section}.{key}");
        }
    }
    name.replacen('_', ".", 1)
}

/// Says what figment found wrong in our words.
pub(crate) fn explain(error: figment::Error) -> SettingsError {
    let path = error.path.join(".");
    if let Kind::UnknownField(name, known) = &error.kind {
        // figment's path ends in the key itself, or in its section.
        let key = match path.as_str() {
            "" => name.clone(),
            path if path.rsplit('.').next() == Some(name) => path.to_owned(),
            path => format!("{path}.{name}"),
        };
        let section = key.strip_suffix(name.as_str()).unwrap_or("");
        return SettingsError::Unknown { nearest: nearest(name, known).map(|known| format!("{section}{known}")), key };
    }
    SettingsError::Malformed { key: path, reason: error.kind.to_string() }
}

/// The known name with the fewest edits from `name`; none if more than half of it would have to change.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|candidate| (edits(name, candidate), *candidate)).min()?;
    (near.0 * 2 <= name.len().max(near.1.len())).then_some(near.1)
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
