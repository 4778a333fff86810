//! A file to begin with: secrets of its own, and nothing else.
use std::io::Write as _;
use std::path::Path;

use figment::value::{Dict, Value as Written};

use super::SettingsError;
use crate::entropy;

/// Writes a new settings file, with a secret for tokens and a key for the API, readable by its owner only.
///
/// # Errors
/// If there is such a file already, it can't be written, or its ending is none of `.toml`, `.yaml`, `.yml` and `.json`.
pub fn generate(path: &Path) -> Result<(), SettingsError> {
    let named = |reason: String| SettingsError::File { path: path.display().to_string(), reason };
    let secret = || entropy::secret().map(Written::from).map_err(|error| named(error.to_string()));
    let within = |name: &str, value: Written| Written::from(Dict::from([(name.to_owned(), value)]));
    let file = Dict::from([
        ("client".to_owned(), within("token", within("hmac_secret_key", secret()?))),
        ("http_api".to_owned(), within("key", secret()?)),
    ]);
    let text = match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => serde_json::to_string_pretty(&file).map_err(|error| named(error.to_string()))? + "\n",
        Some("toml") => toml::to_string_pretty(&file).map_err(|error| named(error.to_string()))?,
        // JSON is YAML.
        Some("yaml" | "yml") => serde_json::to_string_pretty(&file).map_err(|error| named(error.to_string()))? + "\n",
        Some(_) | None => return Err(named("a settings file ends in .toml, .yaml, .yml or .json".into())),
    };
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| named(error.to_string()))
}
