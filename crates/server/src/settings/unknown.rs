//! Keys that don't exist: which one was meant, and where a figment error points.
use figment::error::Kind;

use super::SettingsError;

/// Variables that begin with this are settings: `RINGCAST_SERVER_PORT` is `server.port`.
pub const ENVIRONMENT_PREFIX: &str = "RINGCAST_";

/// Sections whose name has an underscore or a dot, as variables spell them; in all others the first underscore ends the
/// name.
const SECTIONS_OF_TWO_WORDS: [(&str, &str); 6] = [
    ("batch_wait", "batch_wait"),
    ("client_token", "client.token"),
    ("http_stream", "http_stream"),
    ("uni_http_stream", "uni_http_stream"),
    ("uni_sse", "uni_sse"),
    ("uni_websocket", "uni_websocket"),
];

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

/// True for the variables that Kubernetes and Docker links set in every container beside a service that is named `ringcast`: addresses,
/// and no settings. `name` is without the prefix.
pub(crate) fn is_injected(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    is_service_link(&name, &std::env::var(format!("{ENVIRONMENT_PREFIX}{name}")).unwrap_or_default())
}

fn is_service_link(name: &str, value: &str) -> bool {
    let of_one_port =
        name.strip_prefix("PORT_").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    let of_service = name == "SERVICE_HOST" || name == "SERVICE_PORT" || name.starts_with("SERVICE_PORT_");
    of_one_port || of_service || name == "PORT" && value.contains("://")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubernetes_service_of_our_name_sets_nothing() {
        for (name, value) in [
            ("PORT", "tcp://10.0.0.7:8000"),
            ("PORT_8000_TCP", "tcp://10.0.0.7:8000"),
            ("PORT_8000_TCP_PORT", "8000"),
            ("SERVICE_HOST", "10.0.0.7"),
            ("SERVICE_PORT", "8000"),
            ("SERVICE_PORT_HTTP", "8000"),
        ] {
            assert!(is_service_link(name, value), "{name}");
        }
        for (name, value) in [("PORT", "8000"), ("SERVER_PORT", "8000"), ("PORTS", ""), ("SERVICE", "")] {
            assert!(!is_service_link(name, value), "{name}");
        }
    }
}
