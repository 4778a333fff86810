//! Settings from the environment: `CENTRIFUGO_…`, as a Centrifugo is configured, and `RINGCAST_…`, which wins over it.
use figment::value::Value as Written;

use super::keys::{HOOKS, METHODS, NAMESPACE, NAMESPACES, PATTERNS, PROXIES, SERVER, WITHOUT_NAMESPACE, variable};
use super::reading::{Reading, Section, Target};
use super::warning::{Warning, nearest_of};
use super::{SettingsError, older};

/// Variables that begin with this are settings: `RINGCAST_HTTP_SERVER_PORT` is `http_server.port`.
pub const ENVIRONMENT_PREFIX: &str = "RINGCAST_";

/// Centrifugo's prefix, for the same keys.
const CENTRIFUGO_PREFIX: &str = "CENTRIFUGO_";

/// What the command line's own arguments read: none of it is a setting.
const ARGUMENTS: [&str; 3] = ["CONFIG", "KEY", "URL"];

/// Lists of entries. The lists come first: the options of the entries in them are variables of their own.
const LISTS: [&str; 5] = [NAMESPACES, PATTERNS, HOOKS, PROXIES, METHODS];

/// Makes an entry of a list, by its place, one whose an option is.
type Entry = fn(usize) -> Target;

/// One variable.
pub(crate) type Variable = (String, String);

/// The variables that may be settings.
pub(crate) fn variables() -> Vec<Variable> {
    let mut variables: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX) || name.starts_with(CENTRIFUGO_PREFIX))
        .collect();
    variables.sort();
    variables
}

/// Takes the variables, each prefix as a source of its own.
pub(crate) fn read(reading: &mut Reading, variables: &[Variable]) -> Result<(), SettingsError> {
    for prefix in [CENTRIFUGO_PREFIX, ENVIRONMENT_PREFIX] {
        reading.next_source();
        let ours = variables.iter().filter_map(|(name, value)| {
            let bare = name.to_ascii_uppercase();
            let bare = bare.strip_prefix(prefix)?.to_owned();
            (!ARGUMENTS.contains(&bare.as_str()) && !is_service_link(&bare, value)).then_some((bare, name, value))
        });
        let ours: Vec<_> = ours.collect();
        let list = |bare: &str| LISTS.into_iter().find(|list| bare == variable(list));
        for (bare, name, value) in &ours {
            if let Some(path) = list(bare) {
                reading.put(path, &text(value), (*name).clone())?;
            }
        }
        for (bare, name, value) in ours.iter().filter(|one| list(&one.0).is_none()) {
            one(reading, bare, name, value)?;
        }
    }
    Ok(())
}

fn one(reading: &mut Reading, bare: &str, name: &str, value: &str) -> Result<(), SettingsError> {
    let below = |section: &str| bare.strip_prefix(&variable(section)).and_then(|rest| rest.strip_prefix('_'));
    if let Some(key) = SERVER.of_variable(bare) {
        return reading.put(key.name, &text(value), name.to_owned());
    }
    if let Some(key) = below(WITHOUT_NAMESPACE).and_then(|option| NAMESPACE.of_variable(option)) {
        reading.has_bare = true;
        return reading.option(Target::Bare, key.name, &text(value), name.to_owned());
    }
    let named: [(&str, Entry, &[Section]); 3] = [
        (NAMESPACES, Target::Namespace, &reading.namespaces),
        (PROXIES, Target::Proxy, &reading.proxies),
        (METHODS, Target::Methods, &reading.methods),
    ];
    let found = named.into_iter().find_map(|(list, target, sections)| option_of(below(list)?, target, sections));
    if let Some((target, option)) = found {
        return reading.option(target, option, &text(value), name.to_owned());
    }
    let prefix = &name[..name.len() - bare.len()];
    if let Some(meant) = older::meant(&SERVER, &bare.to_ascii_lowercase()) {
        let meant = format!("{prefix}{}", variable(&meant));
        reading.warnings.push(Warning::Older { key: name.to_owned(), meant });
        return Ok(());
    }
    let candidates: Vec<_> = SERVER.keys().map(|key| variable(key.name)).collect();
    let nearest = nearest_of(candidates.iter().map(String::as_str), bare);
    let nearest = nearest.map(|nearest| format!("{prefix}{nearest}"));
    reading.warnings.push(Warning::Unknown { key: name.to_owned(), nearest });
    Ok(())
}

/// The entry of a list and the option that `<NAME>_<OPTION>` means. The longest name that fits.
fn option_of(rest: &str, target: Entry, sections: &[Section]) -> Option<(Target, &'static str)> {
    let found = sections.iter().enumerate().filter_map(|(at, section)| {
        let name = variable(&section.values.text("name"));
        let option = rest.strip_prefix(&name)?.strip_prefix('_')?;
        Some((name.len(), at, target(at).table().of_variable(option)?.name))
    });
    found.max().map(|(_, at, option)| (target(at), option))
}

fn text(value: &str) -> Written {
    Written::from(value.to_owned())
}

/// True for the variables that Kubernetes and Docker links set in every container beside a service that is named `ringcast` or `centrifugo`:
/// addresses, and no settings. `name` is without the prefix.
fn is_service_link(name: &str, value: &str) -> bool {
    let of_one_port =
        name.strip_prefix("PORT_").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    let of_service = name == "SERVICE_HOST" || name == "SERVICE_PORT" || name.starts_with("SERVICE_PORT_");
    of_one_port || of_service || name == "PORT" && value.contains("://")
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
