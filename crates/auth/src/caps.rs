//! The claims `caps` of connection tokens, and `allow` and `deny` of subscription tokens: Centrifugo PRO's capabilities, with `deny` beside
//! them.
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::regexes;

/// Most channels of all caps of a token that are names.
pub const CAP_NAMES_MAX: usize = 1_024;

/// Most of them that are globs: each is tried for each command.
pub const CAP_GLOBS_MAX: usize = 256;

/// Most of them that are regular expressions, which have to be compiled.
pub const CAP_REGEXES_MAX: usize = 16;

/// Longest of them in bytes; no channel's name is longer.
pub const CAP_NAME_BYTES_MAX: usize = 255;

/// What may be done with some channels. A key that is not known makes the token invalid, unlike in the rest of it: a misspelt `deny` would
/// allow.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cap {
    /// Names, globs or regular expressions.
    pub channels: Vec<String>,
    /// Which of them.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub meant: Option<Meant>,
    /// What is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<Operation>>,
    /// What is forbidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<Vec<Operation>>,
}

/// How the channels of a [`Cap`] are meant, if not as names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meant {
    /// As names; what is meant without a word.
    Exact,
    /// As globs: `*` is any characters, `?` one.
    Wildcard,
    /// As regular expressions, which are searched for.
    Regex,
}

/// Something that is done with a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Operation {
    /// Subscribing.
    #[serde(rename = "sub")]
    Subscribe,
    /// Publishing.
    #[serde(rename = "pub")]
    Publish,
    /// Presence, joins and leaves.
    #[serde(rename = "prs")]
    Presence,
    /// History, positions and recovery.
    #[serde(rename = "hst")]
    History,
}

/// What is wrong with caps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CapFault {
    /// One of them says nothing: it has no channels, or neither `allow` nor `deny`.
    Empty,
    /// Not a list of objects with `channels`, `match`, `allow` and `deny`, or one of them has a value that it can't have.
    Malformed,
    /// An empty channel, or one of more than [`CAP_NAME_BYTES_MAX`] bytes.
    Name,
    /// A regular expression that is none, or that would be too large.
    Regex,
    /// More channels than [`CAP_NAMES_MAX`], [`CAP_GLOBS_MAX`] or [`CAP_REGEXES_MAX`].
    TooMany,
}

/// Reads caps from their JSON text.
///
/// # Errors
/// The rule that is broken.
pub fn read_caps(json: &str) -> Result<Vec<Cap>, CapFault> {
    let caps: Option<Vec<Cap>> = serde_json::from_str(json).map_err(|_| CapFault::Malformed)?;
    let caps = caps.unwrap_or_default();
    let mut counts = [0_usize; 3];
    for cap in &caps {
        let says = cap.allow.iter().chain(&cap.deny).flatten().next().is_some();
        if cap.channels.is_empty() || !says {
            return Err(CapFault::Empty);
        }
        if cap.channels.iter().any(|name| name.is_empty() || name.len() > CAP_NAME_BYTES_MAX) {
            return Err(CapFault::Name);
        }
        counts[cap.meant.unwrap_or(Meant::Exact) as usize] += cap.channels.len();
        if counts.iter().zip([CAP_NAMES_MAX, CAP_GLOBS_MAX, CAP_REGEXES_MAX]).any(|(count, most)| *count > most) {
            return Err(CapFault::TooMany);
        }
        if cap.meant == Some(Meant::Regex) && !cap.channels.iter().all(|name| regexes::is_regex(name)) {
            return Err(CapFault::Regex);
        }
    }
    Ok(caps)
}

/// Reads `allow` or `deny` of a subscription token; `null` is nothing.
///
/// # Errors
/// If it is no list of operations.
pub(crate) fn read_operations(json: &str) -> Result<Vec<Operation>, CapFault> {
    let operations: Option<Vec<Operation>> = serde_json::from_str(json).map_err(|_| CapFault::Malformed)?;
    Ok(operations.unwrap_or_default())
}

/// Caps, or operations, as a token has them.
#[must_use]
pub fn write_caps(what: &impl Serialize) -> String {
    serde_json::to_string(what).unwrap_or_default()
}

impl fmt::Display for CapFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => out.write_str("one of its caps has no channels, or neither allow nor deny"),
            Self::Malformed => out.write_str(
                "its caps are not [{\"channels\":[…],\"match\":\"wildcard\" or \"regex\",\"allow\":[…],\"deny\":[…]}] of sub, pub, prs and hst",
            ),
            Self::Name => write!(out, "a channel of its caps is empty, or longer than {CAP_NAME_BYTES_MAX} bytes"),
            Self::Regex => out.write_str("a channel of its caps is no regular expression, or too large a one"),
            Self::TooMany => write!(
                out,
                "its caps have more than {CAP_NAMES_MAX} names, {CAP_GLOBS_MAX} wildcards or {CAP_REGEXES_MAX} regular expressions"
            ),
        }
    }
}

impl std::error::Error for CapFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_are_read_as_they_are_published() {
        let json = r#"[{"channels":["news","user_42"],"allow":["sub"]},
            {"channels":["news:*"],"match":"wildcard","allow":["sub","pub","prs","hst"],"deny":null},
            {"channels":["^posts_[\\d]+$"],"match":"regex","deny":["pub"]}]"#;
        let caps = read_caps(json).unwrap();
        let meant: Vec<_> = caps.iter().map(|cap| cap.meant).collect();
        assert_eq!(meant, [None, Some(Meant::Wildcard), Some(Meant::Regex)]);
        assert_eq!(caps[0].channels, ["news", "user_42"]);
        assert_eq!((caps[0].allow.as_deref(), caps[0].deny.as_deref()), (Some(&[Operation::Subscribe][..]), None));
        assert_eq!(caps[2].deny.as_deref(), Some(&[Operation::Publish][..]));
        let text = serde_json::to_string(&caps).unwrap();
        assert_eq!(read_caps(&text), Ok(caps), "{text}");
        assert_eq!(read_caps("[]"), Ok(vec![]));
    }

    #[test]
    fn what_breaks_a_rule_is_told_apart() {
        let names = |count: usize| vec!["\"a\""; count].join(",");
        for (json, fault) in [
            ("{}".to_owned(), CapFault::Malformed),
            ("[1]".into(), CapFault::Malformed),
            (r#"[{"channels":["a"],"allow":["read"]}]"#.into(), CapFault::Malformed),
            (r#"[{"channels":["a"],"allow":["sub"],"match":"glob"}]"#.into(), CapFault::Malformed),
            (r#"[{"channels":["a"],"allow":["sub"],"dney":["pub"]}]"#.into(), CapFault::Malformed),
            (r#"[{"channels":"a","allow":["sub"]}]"#.into(), CapFault::Malformed),
            (r#"[{"channels":[],"allow":["sub"]}]"#.into(), CapFault::Empty),
            (r#"[{"allow":["sub"]}]"#.into(), CapFault::Empty),
            (r#"[{"channels":["a"]}]"#.into(), CapFault::Empty),
            (r#"[{"channels":["a"],"allow":[],"deny":[]}]"#.into(), CapFault::Empty),
            (r#"[{"channels":[""],"allow":["sub"]}]"#.into(), CapFault::Name),
            (format!(r#"[{{"channels":["{}"],"allow":["sub"]}}]"#, "a".repeat(256)), CapFault::Name),
            (r#"[{"channels":["("],"match":"regex","allow":["sub"]}]"#.into(), CapFault::Regex),
            (r#"[{"channels":["(\\w{200}){200}"],"match":"regex","allow":["sub"]}]"#.into(), CapFault::Regex),
            (format!(r#"[{{"channels":[{}],"allow":["sub"]}}]"#, names(1_025)), CapFault::TooMany),
            (format!(r#"[{{"channels":[{}],"match":"wildcard","allow":["sub"]}}]"#, names(257)), CapFault::TooMany),
            (format!(r#"[{{"channels":[{}],"match":"regex","allow":["sub"]}}]"#, names(17)), CapFault::TooMany),
        ] {
            assert_eq!(read_caps(&json), Err(fault), "{json}");
        }
    }
}
