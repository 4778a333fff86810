//! Lists of what a code is told as: `[{code, to: {…}}]`.
use figment::value::Value as Written;

use super::{Wrong, list, other, reason, text, within};
use crate::settings::key::Told;

/// One code, and what it is told as: the other code, and the words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Transform {
    pub(crate) of: u32,
    pub(crate) code: u16,
    pub(crate) words: String,
}

/// The list, also as text.
pub(super) fn transforms(written: &Written, told: Told) -> Result<Vec<Transform>, Wrong> {
    list(written, &told.wanted())?.iter().map(|one| transform(one, told)).collect()
}

fn transform(written: &Written, told: Told) -> Result<Transform, Wrong> {
    let (code_name, words_name) = told.names();
    let known = |fields: &Written, names: [&str; 2]| match fields.as_dict() {
        None => Err(other(&told.wanted(), fields)),
        Some(fields) => match fields.keys().find(|name| !names.contains(&name.as_str())) {
            Some(unknown) => Err(Wrong::Malformed(format!("'{unknown}' is unknown: {} is wanted", told.wanted()))),
            None => Ok(fields.clone()),
        },
    };
    let missing = |name: &str| Wrong::Malformed(format!("'{name}' is missing: {} is wanted", told.wanted()));
    let one = known(written, ["code", "to"])?;
    let of = within("code", one.get("code").ok_or_else(|| missing("code"))?, 0, u32::MAX.into())?;
    let to = known(one.get("to").ok_or_else(|| missing("to"))?, [code_name, words_name])?;
    let (min, max) = told.range();
    let code = within(code_name, to.get(code_name).ok_or_else(|| missing(code_name))?, min, max)?;
    let read = match told {
        Told::Disconnect => reason,
        Told::Status => text,
    };
    let words = to.get(words_name).map_or(Ok(String::new()), read)?;
    // Both are in their ranges.
    Ok(Transform { of: u32::try_from(of).unwrap_or(0), code: u16::try_from(code).unwrap_or(0), words })
}
