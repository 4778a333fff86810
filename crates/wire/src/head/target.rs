//! The request target: RFC 9112, section 3.2.
use super::HeadError;

/// A target's path and query as they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Target<'a> {
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Takes the origin form (`/path?query`), the absolute form, which a server must accept too, and the asterisk. A fragment
    /// is never part of a target.
    pub(super) fn parse(target: &'a str) -> Result<Self, HeadError> {
        if target.contains('#') {
            return Err(HeadError::Target);
        }
        if target == "*" {
            return Ok(Self { path: target, query: None });
        }
        let origin = if target.starts_with('/') { target } else { without_authority(target)? };
        let (path, query) = match origin.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (origin, None),
        };
        Ok(Self { path: if path.is_empty() { "/" } else { path }, query })
    }
}

/// What follows `http://host:port` in an absolute target.
fn without_authority(target: &str) -> Result<&str, HeadError> {
    let (scheme, rest) = target.split_once("://").ok_or(HeadError::Target)?;
    let known = ["http", "https", "ws", "wss"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
    if !known || rest.is_empty() || rest.starts_with(['/', '?']) {
        return Err(HeadError::Target);
    }
    Ok(rest.find(['/', '?']).map_or("", |end| &rest[end..]))
}
