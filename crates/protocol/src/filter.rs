//! Filters by tags: which publications a subscription wants (`tf` of a `subscribe`; the protocol page, section 4.7).
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

mod decimal;

/// Most conditions of one filter, joints included.
pub const NODES_MAX: usize = 64;

/// Most bytes of a filter's keys and values together.
pub const BYTES_MAX: usize = 4_096;

/// A filter as a client writes it, whatever its encoding: whether it means something is not known yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FilterNode {
    /// Empty for a condition; `and`, `or` or `not` for a joint.
    pub op: Box<str>,
    /// The tag's key.
    pub key: Box<str>,
    /// How the tag's value is compared.
    pub cmp: Box<str>,
    /// What with.
    pub val: Box<str>,
    /// What with, if it is one of several.
    pub vals: Vec<Box<str>>,
    /// What a joint joins.
    pub nodes: Vec<FilterNode>,
}

impl FilterNode {
    /// What is read of a filter that is nested deeper than it may have conditions: one that means nothing, whatever else is in it.
    pub(crate) fn too_deep() -> Self {
        Self { op: "too deep".into(), ..Self::default() }
    }
}

/// Why a filter means nothing; all are answered by error 107.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilterError {
    /// `and` and `or` join one or more, `not` takes one, a condition none.
    Children,
    /// A condition without a key.
    KeyMissing,
    /// More than [`NODES_MAX`] conditions or [`BYTES_MAX`] bytes.
    TooLarge,
    /// A comparison that is none.
    UnknownComparison,
    /// A joint that is none.
    UnknownJoint,
    /// `in` and `nin` want `vals` and no `val`, `ex` and `nex` neither, all others `val` and no `vals`.
    Values,
}

impl fmt::Display for FilterError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Children => "a joint of too few or too many",
            Self::KeyMissing => "a condition without a key",
            Self::TooLarge => "a filter is too large",
            Self::UnknownComparison => "a comparison that is none",
            Self::UnknownJoint => "a joint that is none",
            Self::Values => "values where there should be none, or none where there should be",
        })
    }
}

impl core::error::Error for FilterError {}

/// A filter that means something. Equal ones mean the same, so that subscriptions can share one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Filter {
    /// All of them.
    And(Box<[Filter]>),
    /// One of them at least.
    Or(Box<[Filter]>),
    /// Not this one.
    Not(Box<Filter>),
    /// What is said of one tag.
    Tag(Box<str>, Comparison),
}

/// What is said of a tag.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Comparison {
    /// It is this.
    Equals(Box<str>),
    /// It is not this, or there is none.
    Differs(Box<str>),
    /// It is one of these; a tag that is not there is taken for an empty one.
    In(Box<[Box<str>]>),
    /// It is none of these; a tag that is not there is taken for an empty one.
    NotIn(Box<[Box<str>]>),
    /// It is there.
    Exists,
    /// It is not there.
    Misses,
    /// It begins with this.
    StartsWith(Box<str>),
    /// It ends with this.
    EndsWith(Box<str>),
    /// It has this in it.
    Contains(Box<str>),
    /// As a decimal number, it is below this one. What is no number fits none of these.
    Below(Box<str>),
    /// It is this one or below.
    AtMost(Box<str>),
    /// It is above this one.
    Above(Box<str>),
    /// It is this one or above.
    AtLeast(Box<str>),
}

impl Filter {
    /// What the node means.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn of(node: &FilterNode) -> Result<Self, FilterError> {
        let mut room = Room { nodes: NODES_MAX, bytes: BYTES_MAX };
        read(node, &mut room)
    }

    /// Whether a publication with these tags is wanted.
    #[must_use]
    pub fn wants(&self, tags: &[(Box<str>, Box<str>)]) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.wants(tags)),
            Self::Or(any) => any.iter().any(|one| one.wants(tags)),
            Self::Not(one) => !one.wants(tags),
            Self::Tag(key, comparison) => {
                comparison.fits(tags.iter().find(|(known, _)| known == key).map(|(_, value)| &**value))
            }
        }
    }
}

impl Comparison {
    fn fits(&self, tag: Option<&str>) -> bool {
        let is_ordered = |than: &str, fits: fn(core::cmp::Ordering) -> bool| {
            tag.and_then(|tag| decimal::compare(tag, than)).is_some_and(fits)
        };
        match self {
            Self::Equals(value) => tag == Some(value),
            Self::Differs(value) => tag != Some(value),
            Self::In(values) => values.iter().any(|value| **value == *tag.unwrap_or_default()),
            Self::NotIn(values) => values.iter().all(|value| **value != *tag.unwrap_or_default()),
            Self::Exists => tag.is_some(),
            Self::Misses => tag.is_none(),
            Self::StartsWith(value) => tag.is_some_and(|tag| tag.starts_with(&**value)),
            Self::EndsWith(value) => tag.is_some_and(|tag| tag.ends_with(&**value)),
            Self::Contains(value) => tag.is_some_and(|tag| tag.contains(&**value)),
            Self::Below(than) => is_ordered(than, core::cmp::Ordering::is_lt),
            Self::AtMost(than) => is_ordered(than, core::cmp::Ordering::is_le),
            Self::Above(than) => is_ordered(than, core::cmp::Ordering::is_gt),
            Self::AtLeast(than) => is_ordered(than, core::cmp::Ordering::is_ge),
        }
    }
}

/// What is left of the bounds.
struct Room {
    nodes: usize,
    bytes: usize,
}

/// As deep as it has nodes at most: no deeper than [`NODES_MAX`].
fn read(node: &FilterNode, room: &mut Room) -> Result<Filter, FilterError> {
    let texts = [&node.key, &node.val].into_iter().chain(&node.vals);
    let bytes = texts.map(|text| text.len() + size_of::<Box<str>>()).sum();
    room.nodes = room.nodes.checked_sub(1).ok_or(FilterError::TooLarge)?;
    room.bytes = room.bytes.checked_sub(bytes).ok_or(FilterError::TooLarge)?;
    let mut children = || node.nodes.iter().map(|node| read(node, room)).collect::<Result<Box<[_]>, _>>();
    match (&*node.op, node.nodes.len()) {
        ("", 0) => condition(node),
        ("and", 1..) => Ok(Filter::And(children()?)),
        ("or", 1..) => Ok(Filter::Or(children()?)),
        ("not", 1) => Ok(Filter::Not(Box::new(read(&node.nodes[0], room)?))),
        ("" | "and" | "or" | "not", _) => Err(FilterError::Children),
        _ => Err(FilterError::UnknownJoint),
    }
}

fn condition(node: &FilterNode) -> Result<Filter, FilterError> {
    let (value, values) = (|| node.val.clone(), || node.vals.clone().into_boxed_slice());
    let (comparison, wants_value, wants_values) = match &*node.cmp {
        "eq" => (Comparison::Equals(value()), true, false),
        "neq" => (Comparison::Differs(value()), true, false),
        "in" => (Comparison::In(values()), false, true),
        "nin" => (Comparison::NotIn(values()), false, true),
        "ex" => (Comparison::Exists, false, false),
        "nex" => (Comparison::Misses, false, false),
        "sw" => (Comparison::StartsWith(value()), true, false),
        "ew" => (Comparison::EndsWith(value()), true, false),
        "ct" => (Comparison::Contains(value()), true, false),
        "lt" => (Comparison::Below(value()), true, false),
        "lte" => (Comparison::AtMost(value()), true, false),
        "gt" => (Comparison::Above(value()), true, false),
        "gte" => (Comparison::AtLeast(value()), true, false),
        _ => return Err(FilterError::UnknownComparison),
    };
    // Nothing is wrong with asking whether there is a tag without a name.
    if node.key.is_empty() && (wants_value || wants_values) {
        return Err(FilterError::KeyMissing);
    }
    if node.val.is_empty() == wants_value || node.vals.is_empty() == wants_values {
        return Err(FilterError::Values);
    }
    Ok(Filter::Tag(node.key.clone(), comparison))
}

#[cfg(test)]
mod tests;
