use super::*;
use alloc::vec;

fn leaf(key: &str, cmp: &str, val: &str, vals: &[&str]) -> FilterNode {
    let vals = vals.iter().map(|&value| value.into()).collect();
    FilterNode { key: key.into(), cmp: cmp.into(), val: val.into(), vals, ..FilterNode::default() }
}

fn joint(op: &str, nodes: &[FilterNode]) -> FilterNode {
    FilterNode { op: op.into(), nodes: nodes.to_vec(), ..FilterNode::default() }
}

fn wants(node: &FilterNode, tags: &[(&str, &str)]) -> bool {
    let tags: Vec<(Box<str>, Box<str>)> = tags.iter().map(|&(key, value)| (key.into(), value.into())).collect();
    Filter::of(node).unwrap().wants(&tags)
}

#[test]
fn comparisons_fit_what_they_say() {
    let tags = [("market", "crypto"), ("price", "10.50"), ("empty", "")];
    for (key, cmp, val, vals, expected) in [
        ("market", "eq", "crypto", &[][..], true),
        ("market", "eq", "stocks", &[], false),
        ("absent", "eq", "x", &[], false),
        ("market", "neq", "stocks", &[], true),
        ("absent", "neq", "x", &[], true),
        ("market", "neq", "crypto", &[], false),
        ("market", "in", "", &["stocks", "crypto"], true),
        ("market", "in", "", &["stocks"], false),
        ("absent", "in", "", &["", "x"], true),
        ("absent", "in", "", &["x"], false),
        ("market", "nin", "", &["stocks"], true),
        ("absent", "nin", "", &[""], false),
        ("empty", "ex", "", &[], true),
        ("absent", "ex", "", &[], false),
        ("absent", "nex", "", &[], true),
        ("", "ex", "", &[], false),
        ("", "nex", "", &[], true),
        ("empty", "nex", "", &[], false),
        ("market", "sw", "cry", &[], true),
        ("market", "ew", "pto", &[], true),
        ("market", "ct", "ypt", &[], true),
        ("market", "ct", "xyz", &[], false),
        ("absent", "ct", "x", &[], false),
        ("price", "lt", "10.6", &[], true),
        ("price", "lt", "9", &[], false),
        ("price", "lte", "10.5", &[], true),
        ("price", "gt", "9", &[], true),
        ("price", "gte", "10.500", &[], true),
        ("price", "gt", "10.5", &[], false),
        ("market", "gt", "1", &[], false),
        ("price", "gt", "cheap", &[], false),
        ("absent", "lte", "1", &[], false),
    ] {
        assert_eq!(wants(&leaf(key, cmp, val, vals), &tags), expected, "{key} {cmp} {val:?} {vals:?}");
    }
}

#[test]
fn joints_join() {
    let (yes, no) = (leaf("a", "eq", "1", &[]), leaf("a", "eq", "2", &[]));
    for (node, expected) in [
        (joint("and", &[yes.clone(), yes.clone()]), true),
        (joint("and", &[yes.clone(), no.clone()]), false),
        (joint("or", &[no.clone(), yes.clone()]), true),
        (joint("or", &[no.clone(), no.clone()]), false),
        (joint("not", core::slice::from_ref(&no)), true),
        (joint("and", &[joint("not", core::slice::from_ref(&no)), joint("or", &[no.clone(), yes.clone()])]), true),
    ] {
        assert_eq!(wants(&node, &[("a", "1")]), expected, "{node:?}");
    }
}

#[test]
fn what_means_nothing_is_told_by_the_rule_it_breaks() {
    let good = leaf("a", "ex", "", &[]);
    let mut deep = good.clone();
    for _ in 0..NODES_MAX {
        deep = joint("not", &[deep]);
    }
    for (node, error) in [
        (FilterNode::default(), FilterError::UnknownComparison),
        (leaf("a", "like", "b", &[]), FilterError::UnknownComparison),
        (leaf("", "eq", "b", &[]), FilterError::KeyMissing),
        (leaf("", "in", "", &["b"]), FilterError::KeyMissing),
        (leaf("a", "eq", "", &[]), FilterError::Values),
        (leaf("a", "eq", "b", &["c"]), FilterError::Values),
        (leaf("a", "in", "", &[]), FilterError::Values),
        (leaf("a", "in", "b", &["c"]), FilterError::Values),
        (leaf("a", "ex", "b", &[]), FilterError::Values),
        (leaf("a", "nex", "", &["b"]), FilterError::Values),
        (joint("and", &[]), FilterError::Children),
        (joint("or", &[]), FilterError::Children),
        (joint("not", &[]), FilterError::Children),
        (joint("not", &[good.clone(), good.clone()]), FilterError::Children),
        (joint("", core::slice::from_ref(&good)), FilterError::Children),
        (joint("xor", &[good.clone(), good.clone()]), FilterError::UnknownJoint),
        (joint("and", &vec![good.clone(); NODES_MAX]), FilterError::TooLarge),
        (deep, FilterError::TooLarge),
        (leaf("a", "eq", &"b".repeat(BYTES_MAX), &[]), FilterError::TooLarge),
    ] {
        assert_eq!(Filter::of(&node), Err(error), "{error}");
    }
    assert!(Filter::of(&joint("and", &vec![good; NODES_MAX - 1])).is_ok());
}
