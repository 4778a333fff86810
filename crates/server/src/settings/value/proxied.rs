//! What event proxies are set up with: header fields as a section, and what statuses of their answers mean.
use figment::value::Value as Written;

use super::{Wrong, flag, list, other, reason, section, text, within};

/// What a status of a back end's answer means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StatusMeans {
    pub(crate) status: u16,
    pub(crate) means: Means,
}

/// What it means: that the client gets an error, or is disconnected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Means {
    Error { code: u32, message: String, temporary: bool },
    Disconnect { code: u16, reason: String },
}

/// The list, in words.
pub(crate) const STATUSES: &str = "a list of {status_code, to_error: {code, message, temporary}} with a code from 100 to 4294967295 or of \
                                   {status_code, to_disconnect: {code, reason}} with a code from 3000 to 4999 and a reason of 123 bytes at \
                                   most; a status_code is from 100 to 599, and not 200";

/// The section, in words.
pub(crate) const PAIRS: &str = "texts by name";

/// Texts by name, also as JSON or as `name:text` with commas between, as variables write it.
pub(super) fn pairs(written: &Written) -> Result<Vec<(String, String)>, Wrong> {
    if let Some(section) = section(written, PAIRS)? {
        return section.into_iter().map(|(name, value)| Ok((name, text(&value)?))).collect();
    }
    match written {
        Written::String(_, pairs) => {
            let one = |pair: &str| match pair.split_once(':') {
                Some((name, text)) => Ok((name.trim().to_owned(), text.trim().to_owned())),
                None => Err(other("name:text", written)),
            };
            pairs.split(',').filter(|pair| !pair.trim().is_empty()).map(one).collect()
        }
        Written::Char(..)
        | Written::Bool(..)
        | Written::Num(..)
        | Written::Empty(..)
        | Written::Dict(..)
        | Written::Array(..) => Err(other(PAIRS, written)),
    }
}

/// The list, also as text.
pub(super) fn statuses(written: &Written) -> Result<Vec<StatusMeans>, Wrong> {
    list(written, STATUSES)?.iter().map(status).collect()
}

fn status(written: &Written) -> Result<StatusMeans, Wrong> {
    let one = known(written, &["status_code", "to_error", "to_disconnect"])?;
    let of = |fields: &'_ figment::value::Dict, name: &str, min: u64, max: u64| match fields.get(name) {
        Some(number) => within(name, number, min, max),
        None => Err(Wrong::Malformed(format!("'{name}' is missing: {STATUSES} is wanted"))),
    };
    let words = |fields: &figment::value::Dict, name: &str| fields.get(name).map_or(Ok(String::new()), text);
    let status = u16::try_from(of(&one, "status_code", 100, 599)?).unwrap_or(0);
    if status == 200 {
        // It is an answer, and means what is in it.
        return Err(Wrong::OutOfRange("a status_code of 200".into()));
    }
    let means = match (one.get("to_error"), one.get("to_disconnect")) {
        (Some(error), None) => {
            let error = known(error, &["code", "message", "temporary"])?;
            Means::Error {
                code: u32::try_from(of(&error, "code", 100, u32::MAX.into())?).unwrap_or(100),
                message: words(&error, "message")?,
                temporary: error.get("temporary").map_or(Ok(false), flag)?,
            }
        }
        (None, Some(disconnect)) => {
            let disconnect = known(disconnect, &["code", "reason"])?;
            Means::Disconnect {
                code: u16::try_from(of(&disconnect, "code", 3_000, 4_999)?).unwrap_or(3_000),
                reason: disconnect.get("reason").map_or(Ok(String::new()), reason)?,
            }
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Wrong::Malformed(format!("status {status} means one thing: {STATUSES} is wanted")));
        }
    };
    Ok(StatusMeans { status, means })
}

fn known(written: &Written, names: &[&str]) -> Result<figment::value::Dict, Wrong> {
    let fields = written.as_dict().ok_or_else(|| other(STATUSES, written))?;
    match fields.keys().find(|name| !names.contains(&name.as_str())) {
        Some(unknown) => Err(Wrong::Malformed(format!("'{unknown}' is unknown: {STATUSES} is wanted"))),
        None => Ok(fields.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Written {
        Written::from(text.to_owned())
    }

    #[test]
    fn fields_are_texts_by_name() {
        let wanted = vec![("X-A".to_owned(), "1".to_owned()), ("X-B".to_owned(), "b: c".to_owned())];
        assert_eq!(pairs(&written("{\"X-A\":1,\"X-B\":\"b: c\"}")), Ok(wanted.clone()));
        assert_eq!(pairs(&written("X-A:1, X-B: b: c,")), Ok(wanted));
        assert_eq!(pairs(&written("")), Ok(Vec::new()));
        assert!(pairs(&written("nothing")).is_err() && pairs(&Written::from(1)).is_err());
    }

    #[test]
    fn a_status_means_one_thing() {
        let list = r#"[{"status_code":404,"to_error":{"code":404,"message":"no","temporary":true}},
                       {"status_code":403,"to_disconnect":{"code":4500,"reason":"go"}}]"#;
        let error = Means::Error { code: 404, message: "no".into(), temporary: true };
        let disconnect = Means::Disconnect { code: 4_500, reason: "go".into() };
        let wanted = vec![StatusMeans { status: 404, means: error }, StatusMeans { status: 403, means: disconnect }];
        assert_eq!(statuses(&written(list)), Ok(wanted));
        for bad in [
            "{}",
            r#"[{"status_code":404}]"#,
            r#"[{"status_code":200,"to_error":{"code":100}}]"#,
            r#"[{"status_code":404,"to_error":{"code":99}}]"#,
            r#"[{"status_code":404,"to_error":{"code":100},"to_disconnect":{"code":4000}}]"#,
            r#"[{"status_code":404,"to_disconnect":{"code":5000}}]"#,
            r#"[{"status_code":404,"to_error":{"code":100,"why":"x"}}]"#,
            r#"[{"status_code":1000,"to_error":{"code":100}}]"#,
        ] {
            assert!(statuses(&written(bad)).is_err(), "{bad}");
        }
    }
}
