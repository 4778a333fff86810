//! The file that the list is kept in: JSON, written beside and put in its place, so that it is whole whenever the server ends.
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Invalid, List, Until};

/// What is in the file.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    users: Vec<Named>,
    tokens: Vec<Named>,
    user_tokens: Vec<OfUser>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    until: Until,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    user: String,
    channel: String,
    issued_before: i64,
    until: Until,
}

/// Reads it; a file that is not there yet is an empty list.
pub(super) fn read(path: &Path) -> Result<List, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            return match folder.filter(|folder| !folder.is_dir()) {
                Some(folder) => {
                    Err(format!("'{}' can't be kept: there is no folder '{}'", path.display(), folder.display()))
                }
                None => Ok(List::default()),
            };
        }
        Err(error) => return Err(format!("'{}' can't be read: {error}", path.display())),
    };
    let content: Content =
        serde_json::from_slice(&bytes).map_err(|error| format!("'{}' is no list of bans: {error}", path.display()))?;
    let named = |list: Vec<Named>| list.into_iter().map(|Named { name, until }| (name, until)).collect();
    let of_user = |OfUser { user, channel, issued_before, until }| ((user, channel), Invalid { issued_before, until });
    Ok(List {
        users: named(content.users),
        tokens: named(content.tokens),
        user_tokens: content.user_tokens.into_iter().map(of_user).collect(),
        changes: 0,
    })
}

/// Writes it.
pub(super) fn write(path: &Path, list: &List) -> Result<(), String> {
    let named = |(name, until): (&String, &Until)| Named { name: name.clone(), until: *until };
    let content = Content {
        users: list.users.iter().map(named).collect(),
        tokens: list.tokens.iter().map(named).collect(),
        user_tokens: list
            .user_tokens
            .iter()
            .map(|((user, channel), Invalid { issued_before, until })| OfUser {
                user: user.clone(),
                channel: channel.clone(),
                issued_before: *issued_before,
                until: *until,
            })
            .collect(),
    };
    let json = serde_json::to_vec(&content).map_err(|error| error.to_string())?;
    replace(path, &json).map_err(|error| format!("'{}' can't be written: {error}", path.display()))
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    // Whom a server keeps out is nobody else's business.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
