//! Buckets in place of a command's own, for a namespace or a method.
use std::time::Duration;

use figment::value::{Dict, Value as Written};

use super::{Wrong, buckets, flag, list, other, section, text};

/// Buckets for what has this name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Override {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    /// Intervals, and how many in each; none: those that each command has by default.
    pub(crate) buckets: Vec<(Duration, u64)>,
}

/// The list, also as text; or a section of them by name, as Centrifugo had it for methods.
pub(super) fn overrides(written: &Written, named_by: &str) -> Result<Vec<Override>, Wrong> {
    let wanted = wanted(named_by);
    let all = match section(written, &wanted)? {
        Some(section) => by_name(&section, named_by)?,
        None => list(written, &wanted)?.iter().map(|one| entry(one, named_by)).collect::<Result<Vec<_>, _>>()?,
    };
    for (at, one) in all.iter().enumerate() {
        if one.name.is_empty() {
            return Err(Wrong::Malformed(format!("an entry without a {named_by}")));
        }
        if all[..at].iter().any(|before| before.name == one.name) {
            return Err(Wrong::Malformed(format!("there are two entries of the {named_by} '{}'", one.name)));
        }
    }
    Ok(all)
}

fn wanted(named_by: &str) -> String {
    format!("a list of {{{named_by}, enabled, buckets}}")
}

fn entry(written: &Written, named_by: &str) -> Result<Override, Wrong> {
    let Written::Dict(_, fields) = written else {
        return Err(other(&wanted(named_by), written));
    };
    let name = fields.get(named_by).map_or(Ok(String::new()), text)?;
    of(name, fields, named_by)
}

fn by_name(section: &Dict, named_by: &str) -> Result<Vec<Override>, Wrong> {
    let one = |(name, written): (&String, &Written)| match written {
        Written::Dict(_, fields) => of(name.clone(), fields, named_by),
        Written::String(..)
        | Written::Char(..)
        | Written::Bool(..)
        | Written::Num(..)
        | Written::Empty(..)
        | Written::Array(..) => Err(other(&format!("a section of the {named_by} '{name}'"), written)),
    };
    section.iter().map(one).collect()
}

fn of(name: String, fields: &Dict, named_by: &str) -> Result<Override, Wrong> {
    let is_known = |field: &&String| [named_by, "enabled", "buckets"].contains(&field.as_str());
    if let Some(unknown) = fields.keys().find(|field| !is_known(field)) {
        return Err(Wrong::Malformed(format!("an entry has {named_by}, enabled and buckets, and no '{unknown}'")));
    }
    Ok(Override {
        name,
        enabled: fields.get("enabled").map_or(Ok(false), flag)?,
        buckets: fields.get("buckets").map_or(Ok(Vec::new()), buckets)?,
    })
}
