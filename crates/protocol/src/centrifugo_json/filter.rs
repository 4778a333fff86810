//! A filter by tags, as JSON. It is read apart from its command: one that is nested too deep is no broken command, but a filter that means
//! nothing.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::Object;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::centrifugo_json::line::Text;
use crate::filter::{FilterNode, NODES_MAX};

/// Brackets within each other in a filter of [`NODES_MAX`] conditions within each other: an object each, and the list of all but the last.
const BRACKETS_MAX: usize = 2 * NODES_MAX - 1;

// What serde_json reads.
const _: () = assert!(BRACKETS_MAX <= 127);

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireFilter<'a> {
    #[serde(borrow)]
    op: Text<'a>,
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    cmp: Text<'a>,
    #[serde(borrow)]
    val: Text<'a>,
    #[serde(borrow)]
    vals: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    nodes: Option<Vec<Object<WireFilter<'a>>>>,
}

impl From<WireFilter<'_>> for FilterNode {
    fn from(wire: WireFilter<'_>) -> Self {
        Self {
            op: Box::from(&*wire.op.0),
            key: Box::from(&*wire.key.0),
            cmp: Box::from(&*wire.cmp.0),
            val: Box::from(&*wire.val.0),
            vals: wire.vals.unwrap_or_default().iter().map(|text| Box::from(&*text.0)).collect(),
            nodes: wire.nodes.unwrap_or_default().into_iter().map(|Object(node)| node.into()).collect(),
        }
    }
}

/// Reads `tf`.
pub(super) fn filter<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<FilterNode>>, D::Error> {
    let Some(json) = Option::<&RawValue>::deserialize(from)?.map(RawValue::get) else {
        return Ok(None);
    };
    if brackets(json.as_bytes()) > BRACKETS_MAX {
        return Ok(Some(Box::new(FilterNode::too_deep())));
    }
    let Object(node) = serde_json::from_str::<Object<WireFilter<'_>>>(json).map_err(D::Error::custom)?;
    Ok(Some(Box::new(node.into())))
}

/// How many brackets are within each other in a JSON text.
fn brackets(json: &[u8]) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' | b'[' => {
                open += 1;
                most = most.max(open);
            }
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_of_texts_are_none() {
        for (json, most) in [
            ("7", 0),
            ("[]", 1),
            (r#"{"a":[{}],"b":{}}"#, 3),
            (r#"["[[[\"[[","\\",[]]"#, 2),
            (r#"{"\\\"{[":"[\u005b["}"#, 1),
        ] {
            assert_eq!(brackets(json.as_bytes()), most, "{json}");
        }
    }
}
