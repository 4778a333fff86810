//! Regular expressions of tokens: compiled when they are needed, and kept for a while, a few on each thread.
//!
//! A session keeps the text of its expressions only. What is compiled is a hundred times larger, and may be had again.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};

/// Most compiled expressions of a thread; beyond them all are forgotten.
const KEPT_MAX: usize = 64;

/// Largest expression in bytes, as it is compiled: bounds the time that it takes, too, to a few milliseconds.
const SIZE_MAX: usize = 64 << 10;

/// Most bytes that it may keep for searching faster.
const SEARCH_SIZE_MAX: usize = 64 << 10;

/// Deepest nesting of groups.
const DEPTH_MAX: u32 = 32;

thread_local! {
    static KEPT: RefCell<BTreeMap<Box<str>, Option<Rc<Regex>>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Whether the text is a regular expression that is small enough.
pub(crate) fn is_regex(expression: &str) -> bool {
    compiled(expression).is_some()
}

/// Whether the expression is found in the text, in a time that is linear in both. One that is none is found nowhere.
#[must_use]
pub fn regex_fits(expression: &str, text: &str) -> bool {
    compiled(expression).is_some_and(|regex| regex.is_match(text))
}

fn compiled(expression: &str) -> Option<Rc<Regex>> {
    KEPT.with_borrow_mut(|kept| {
        if let Some(known) = kept.get(expression) {
            return known.clone();
        }
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let regex = RegexBuilder::new(expression)
            .size_limit(SIZE_MAX)
            .dfa_size_limit(SEARCH_SIZE_MAX)
            .nest_limit(DEPTH_MAX)
            .build()
            .ok()
            .map(Rc::new);
        kept.insert(expression.into(), regex.clone());
        regex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_searched_for_and_few_are_kept() {
        assert!(regex_fits(r"^posts_[\d]+$", "posts_42") && !regex_fits(r"^posts_[\d]+$", "posts_42x"));
        assert!(regex_fits("b", "abc") && !regex_fits("(", "(") && !is_regex(r"(\w{200}){200}"));
        for number in 0..1_000 {
            let expression = format!("^a{number}$");
            assert!(regex_fits(&expression, &format!("a{number}")));
            assert!(KEPT.with_borrow(BTreeMap::len) <= KEPT_MAX);
        }
    }
}
