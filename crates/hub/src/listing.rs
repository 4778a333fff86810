//! Listing the subjects that have subscribers: rare, and a piece at a time, so that nobody waits for it.
use alloc::vec::Vec;

use base::{NONE, SubjectName};

use crate::Hub;

/// A piece of the list of subjects that have subscribers on this core.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Names, and how many subscriptions each has on this core.
    pub subjects: Vec<(SubjectName, u32)>,
    /// Where the next piece begins; `None` after the last one.
    pub next: Option<u32>,
}

impl Hub {
    /// Lists from row `from` on the subjects that `glob` fits ([`glob_fits`]) and that have subscribers on this core. Ends
    /// after looking at `budget` rows of subjects and subscriptions, but not within a subject.
    #[must_use]
    pub fn subscribed(&self, glob: &str, from: u32, budget: usize) -> Listing {
        let mut subjects = Vec::new();
        let mut looked_at = 0;
        for (row, subject) in self.subjects_from(from) {
            if looked_at >= budget {
                return Listing { subjects, next: Some(row) };
            }
            looked_at += 1;
            if subject.first == NONE || !glob_fits(glob, &subject.name) {
                continue;
            }
            let (mut count, mut at) = (0_u32, subject.first);
            while at != NONE {
                count += 1;
                at = self.subscription(at).next();
            }
            looked_at += count as usize;
            subjects.push((subject.name.clone(), count));
        }
        Listing { subjects, next: None }
    }
}

/// Whether the glob fits the text: `*` stands for any characters, none too, `?` for one; an empty glob fits everything.
/// Takes at most the product of their lengths.
#[must_use]
pub fn glob_fits(glob: &str, text: &str) -> bool {
    if glob.is_empty() {
        return true;
    }
    let (mut wanted, mut given) = (glob.chars(), text.chars());
    // Where to go on if what follows the last `*` does not fit: that `*` takes one character more.
    let mut retry = None;
    loop {
        let rest = given.clone();
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((wanted.clone(), rest.clone()));
                given = rest;
            }
            (Some('?'), Some(_)) => {}
            (Some(want), Some(have)) if want == have => {}
            (Some(_) | None, _) => {
                let Some((after, taken)) = &mut retry else {
                    return false;
                };
                if taken.next().is_none() {
                    return false;
                }
                (wanted, given) = (after.clone(), taken.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;
    use alloc::vec;
    use base::{ConnId, SubjectKey};

    #[test]
    fn globs_fit_any_characters() {
        for (glob, text, fits) in [
            ("", "anything", true),
            ("*", "", true),
            ("*", "anything", true),
            ("news", "news", true),
            ("news", "newspaper", false),
            ("news*", "newspaper", true),
            ("*paper", "newspaper", true),
            ("n*s*r", "newspaper", true),
            ("n*x*r", "newspaper", false),
            ("?ews", "news", true),
            ("news?", "news", false),
            ("k?ln", "köln", true),
            ("a*a*a", "aa", false),
            ("a*b", "abab", true),
            ("**", "x", true),
            ("a*", "b", false),
        ] {
            assert_eq!(glob_fits(glob, text), fits, "{glob} {text}");
        }
        assert!(!glob_fits(&"*a".repeat(100), &"a".repeat(99)));
    }

    #[test]
    fn a_list_comes_in_pieces() {
        let mut hub = Hub::new(SubjectKey([7, 9]), vec![], 0, 100);
        for (conn, name) in (0..).map(ConnId).zip(["a", "b", "a", "c", "a"]) {
            let row = hub.enter(name);
            hub.subscribe(conn, row, NONE, true);
        }
        hub.enter("nobody");
        let (mut from, mut seen, mut pieces) = (0, vec![], 0);
        loop {
            let Listing { subjects, next } = hub.subscribed("", from, 2);
            seen.extend(subjects.iter().map(|(name, count)| (name.to_string(), *count)));
            pieces += 1;
            let Some(next) = next else { break };
            from = next;
        }
        assert_eq!(seen, [("a", 3), ("b", 1), ("c", 1)].map(|(name, count)| (name.to_string(), count)));
        assert!(pieces > 1);
        assert_eq!(hub.subscribed("b*", 0, 100).subjects.len(), 1);
        assert_eq!(hub.subjects_subscribed(), 3);
    }
}
