//! What the command line says: a few arguments of Ringcast's own, and every key as an option, as Centrifugo has it.
use std::ffi::OsString;
use std::net::IpAddr;
use std::num::NonZeroU16;

use figment::value::Value as Written;

use super::SettingsError;
use super::key::Kind;
use super::keys::{NAMESPACE, SERVER, WITHOUT_NAMESPACE};
use super::reading::Reading;
use super::warning::Warning;

/// Keys and their values, as they were typed.
pub type Options = Vec<(String, String)>;

/// What the command line may say. It wins over file and environment.
#[derive(Clone, Default, Debug)]
pub struct Flags {
    /// `--address`.
    pub address: Option<IpAddr>,
    /// `--port`.
    pub port: Option<u16>,
    /// `--shards`.
    pub shards: Option<NonZeroU16>,
    /// `--dev`.
    pub dev: bool,
    /// `--history`, only with `--dev`: publications kept of each subject.
    pub history: Option<u32>,
    /// Keys and their values: `--client.insecure`, `--http_server.port=9000`.
    pub options: Options,
}

/// Takes the options that are keys, `--section.key`, `--section.key=value` or `--section.key value`, out of the arguments of a command: what
/// is left, and they.
///
/// # Errors
/// An option that wants a value and has none, or one that is no text.
pub fn take_options(arguments: impl IntoIterator<Item = OsString>) -> Result<(Vec<OsString>, Options), SettingsError> {
    let (mut left, mut options) = (Vec::new(), Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            left.push(argument);
            left.extend(arguments);
            break;
        }
        let text = argument.to_str().and_then(|text| text.strip_prefix("--"));
        let Some((name, value)) = text.map(|text| text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v))))
        else {
            left.push(argument);
            continue;
        };
        if !name.contains('.') && SERVER.exact(name).is_none() {
            left.push(argument);
            continue;
        }
        let value = match value {
            Some(value) => value.to_owned(),
            None if is_switch(name) => "true".to_owned(),
            None => {
                let malformed =
                    |reason: &str| SettingsError::Malformed { key: format!("--{name}"), reason: reason.into() };
                let value = arguments.next().ok_or_else(|| malformed("it wants a value"))?;
                value.into_string().map_err(|_| malformed("it wants a value in UTF-8"))?
            }
        };
        options.push((name.to_owned(), value));
    }
    Ok((left, options))
}

/// True for options that need no value.
fn is_switch(name: &str) -> bool {
    let option = name.strip_prefix(WITHOUT_NAMESPACE).and_then(|rest| rest.strip_prefix('.'));
    let key = option.map_or_else(|| SERVER.find(name), |option| NAMESPACE.find(option));
    match key.map(|key| key.kind) {
        Some(Kind::Flag) => true,
        // In sections that don't work, one name says it.
        Some(Kind::Anything) => name.ends_with("enabled") || name.ends_with("disabled") || name.ends_with("insecure"),
        Some(_) => false,
        None => true,
    }
}

/// Takes the options. One that does not exist is refused: who types it waits for an effect.
pub(super) fn read(reading: &mut Reading, options: &[(String, String)]) -> Result<(), SettingsError> {
    reading.next_source();
    for (name, value) in options {
        let known = reading.warnings.len();
        reading.put(name, &Written::from(value.clone()), format!("--{name}"))?;
        if let Some(Warning::Unknown { key, nearest }) = reading.warnings.get(known) {
            let reason = match nearest {
                Some(nearest) => format!("there is no such option; did you mean '--{nearest}'?"),
                None => "there is no such option".to_owned(),
            };
            return Err(SettingsError::Malformed { key: key.clone(), reason });
        }
    }
    Ok(())
}
