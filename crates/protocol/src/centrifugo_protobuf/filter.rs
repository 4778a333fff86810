//! A filter by tags. It is read level by level: one that is nested too deep is no broken command, but a filter that means nothing.
use alloc::vec::Vec;

use prost::{DecodeError, Message as _};

use crate::centrifugo_protobuf::message;
use crate::filter::{FilterNode, NODES_MAX};

/// What a `FilterNode` says.
///
/// # Errors
/// If it, or a node in it, is none.
pub(super) fn filter(bytes: &[u8]) -> Result<FilterNode, DecodeError> {
    node(bytes, NODES_MAX)
}

/// A node with at most so many within each other, itself included.
fn node(bytes: &[u8], levels: usize) -> Result<FilterNode, DecodeError> {
    let message::FilterNode { op, key, cmp, val, vals, nodes } = message::FilterNode::decode(bytes)?;
    let within = levels - 1;
    if within == 0 && !nodes.is_empty() {
        return Ok(FilterNode::too_deep());
    }
    Ok(FilterNode {
        op: op.into(),
        key: key.into(),
        cmp: cmp.into(),
        val: val.into(),
        vals: vals.into_iter().map(Into::into).collect(),
        nodes: nodes.iter().map(|bytes| node(bytes, within)).collect::<Result<Vec<_>, _>>()?,
    })
}
