//! Patterns that are subscribed to, of all cores, and which of them a subject fits.
//!
//! A tree of tokens: a node's children are what may come next. All children of all nodes are in one table, found by their parent and
//! their token, so that a pattern of a few tokens costs a few rows, and asking costs a look-up a token, and one more for each `*` on
//! the way: how many patterns there are does not matter.
use base::{NONE, Slab, SubjectKey};
use compact_str::CompactString;
use hashbrown::HashTable;

/// Most tokens of a pattern: each may double the ways through the tree.
pub const PATTERN_TOKENS_MAX: usize = 16;

/// A token behind other tokens.
#[derive(Debug)]
struct Node {
    token: CompactString,
    parent: u32,
    /// The child `*`, or `NONE`.
    any: u32,
    /// The child `>`, or `NONE`.
    rest: u32,
    children: u32,
    /// What ends here: this core's row of the pattern, or `NONE`.
    row: u32,
    /// What ends here: the other cores that want what fits, a bit each.
    watchers: u128,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            token: CompactString::const_new(""),
            parent: NONE,
            any: NONE,
            rest: NONE,
            children: 0,
            row: NONE,
            watchers: 0,
        }
    }
}

/// All patterns that one core knows of.
#[derive(Debug)]
pub struct Patterns {
    key: SubjectKey,
    nodes: Slab<Node>,
    /// Nodes by parent and token; `*` and `>` are found without it.
    children: HashTable<u32>,
    /// What every pattern begins at.
    root: Node,
    /// Patterns that somebody wants.
    count: usize,
}

/// The parent of first tokens.
const ROOT: u32 = NONE;

impl Patterns {
    pub(crate) fn new(key: SubjectKey) -> Self {
        Self { key, nodes: Slab::default(), children: HashTable::new(), root: Node::default(), count: 0 }
    }

    /// Patterns that somebody wants.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// True if nobody wants any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes held, without tokens longer than 24 bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.bytes() + self.children.allocation_size()
    }

    fn hash(&self, parent: u32, token: &str) -> u64 {
        // The key makes it hard to find tokens that collide, under whatever parent.
        self.key.hash(token.as_bytes()).0 ^ u64::from(parent).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn node(&self, at: u32) -> &Node {
        if at == ROOT { &self.root } else { &self.nodes[at] }
    }

    fn node_mut(&mut self, at: u32) -> &mut Node {
        if at == ROOT { &mut self.root } else { &mut self.nodes[at] }
    }

    fn child(&self, parent: u32, token: &str) -> Option<u32> {
        let of = self.node(parent);
        let found = match token {
            "*" => of.any,
            ">" => of.rest,
            _ => {
                let is_it = |&at: &u32| self.nodes[at].parent == parent && self.nodes[at].token == token;
                self.children.find(self.hash(parent, token), is_it).copied().unwrap_or(NONE)
            }
        };
        (found != NONE).then_some(found)
    }

    fn find(&self, pattern: &str) -> Option<u32> {
        pattern.split('.').try_fold(ROOT, |at, token| self.child(at, token))
    }

    fn enter(&mut self, pattern: &str) -> u32 {
        let mut at = ROOT;
        for token in pattern.split('.') {
            at = self.child(at, token).unwrap_or_else(|| self.grow(at, token));
        }
        at
    }

    fn grow(&mut self, parent: u32, token: &str) -> u32 {
        let row = self.nodes.insert(Node { token: token.into(), parent, ..Node::default() });
        self.node_mut(parent).children += 1;
        match token {
            "*" => self.node_mut(parent).any = row,
            ">" => self.node_mut(parent).rest = row,
            _ => {
                let hash = self.hash(parent, token);
                let (key, nodes) = (self.key, &self.nodes);
                let rehash = |&at: &u32| {
                    key.hash(nodes[at].token.as_bytes()).0
                        ^ u64::from(nodes[at].parent).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                };
                self.children.insert_unique(hash, row, rehash);
            }
        }
        row
    }

    /// Changes who wants a pattern; without anybody it goes, and what only led to it.
    fn change(&mut self, pattern: &str, change: impl FnOnce(&mut Node)) {
        let is_wanted = |node: &Node| node.row != NONE || node.watchers != 0;
        let mut at = self.enter(pattern);
        let node = &mut self.nodes[at];
        let before = is_wanted(node);
        change(node);
        self.count = self.count + usize::from(is_wanted(node)) - usize::from(before);
        while at != ROOT && self.nodes[at].children == 0 && !is_wanted(&self.nodes[at]) {
            at = self.cut(at);
        }
    }

    /// Drops a node without children; its parent.
    fn cut(&mut self, at: u32) -> u32 {
        let hash = self.hash(self.nodes[at].parent, &self.nodes[at].token);
        let gone = self.nodes.remove(at);
        let parent = self.node_mut(gone.parent);
        parent.children -= 1;
        match &*gone.token {
            "*" => parent.any = NONE,
            ">" => parent.rest = NONE,
            _ => {
                if let Ok(found) = self.children.find_entry(hash, |&other| other == at) {
                    found.remove();
                }
            }
        }
        gone.parent
    }

    /// This core has subscribers of the pattern, and its row is this; `NONE`: it has none any more.
    pub fn set_row(&mut self, pattern: &str, row: u32) {
        self.change(pattern, |node| node.row = row);
    }

    /// Whether another core wants the pattern.
    pub fn set_watcher(&mut self, pattern: &str, shard: base::ShardId, on: bool) {
        if on || self.find(pattern).is_some() {
            self.change(
                pattern,
                |node| {
                    if on { node.watchers |= 1 << shard.0 } else { node.watchers &= !(1 << shard.0) }
                },
            );
        }
    }

    /// True if another pattern can't be taken: there are `most`, and it is none of them.
    #[must_use]
    pub fn is_full_for(&self, pattern: &str, most: usize) -> bool {
        self.count >= most
            && self.find(pattern).is_none_or(|at| self.nodes[at].row == NONE && self.nodes[at].watchers == 0)
    }

    /// The other cores that want the subject by a pattern, a bit each; this core's rows of the patterns that it fits are appended to
    /// `rows`.
    pub fn fitting(&self, subject: &str, rows: &mut alloc::vec::Vec<u32>) -> u128 {
        let mut watchers = 0;
        if self.count > 0 {
            self.visit(ROOT, Some(subject), &mut |node| {
                watchers |= node.watchers;
                if node.row != NONE {
                    rows.push(node.row);
                }
            });
        }
        watchers
    }

    /// Every node at which a pattern of `rest`, what is left of a subject, ends. As deep as a pattern has tokens.
    fn visit(&self, at: u32, rest: Option<&str>, visit: &mut impl FnMut(&Node)) {
        let node = self.node(at);
        let Some(rest) = rest else {
            visit(node);
            return;
        };
        let (token, rest) = rest.split_once('.').map_or((rest, None), |(token, rest)| (token, Some(rest)));
        if node.rest != NONE {
            visit(&self.nodes[node.rest]);
        }
        if node.any != NONE {
            self.visit(node.any, rest, visit);
        }
        // A node whose only children are these two is asked no further.
        if node.children > u32::from(node.any != NONE) + u32::from(node.rest != NONE)
            && let Some(child) = self.child(at, token)
        {
            self.visit(child, rest, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pattern;
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::string::String;
    use alloc::vec::Vec;
    use base::{Prng, ShardId};

    fn text(random: &mut Prng, tokens: &[&str]) -> String {
        let mut text = String::new();
        for at in 0..=random.below(4) {
            if at > 0 {
                text.push('.');
            }
            text.push_str(tokens[usize::try_from(random.below(tokens.len() as u64)).unwrap()]);
        }
        text
    }

    #[test]
    fn what_fits_is_what_a_naive_twin_finds() {
        for seed in 0..60 {
            let mut random = Prng::new(seed, "patterns");
            let mut patterns = Patterns::new(SubjectKey([1, 2]));
            let mut twin: BTreeMap<String, (u32, u128)> = BTreeMap::new();
            for step in 0..400_u32 {
                let mut pattern = text(&mut random, &["a", "b", "c", "*", "a token that is longer than a row"]);
                if random.one_in(3) {
                    pattern.push_str(".>");
                }
                let entry = twin.entry(pattern.clone()).or_insert((NONE, 0));
                if random.one_in(2) {
                    entry.0 = if entry.0 == NONE { step } else { NONE };
                    patterns.set_row(&pattern, entry.0);
                } else {
                    let shard = u16::try_from(random.below(128)).unwrap();
                    entry.1 ^= 1 << shard;
                    patterns.set_watcher(&pattern, ShardId(shard), entry.1 >> shard & 1 == 1);
                }
                if *entry == (NONE, 0) {
                    twin.remove(&pattern);
                }
                assert_eq!(patterns.len(), twin.len());
                let subject = text(&mut random, &["a", "b", "c", "", "a token that is longer than a row"]);
                let fitting: Vec<_> =
                    twin.iter().filter(|(pattern, _)| Pattern::parse(pattern).unwrap().matches(&subject)).collect();
                let (mut rows, mut watchers) = (Vec::new(), 0);
                fitting.iter().for_each(|(_, known)| watchers |= known.1);
                assert_eq!(patterns.fitting(&subject, &mut rows), watchers, "seed {seed}: {subject}");
                let known: BTreeSet<_> = fitting.iter().map(|(_, known)| known.0).filter(|&row| row != NONE).collect();
                assert_eq!((rows.len(), rows.into_iter().collect::<BTreeSet<_>>()), (known.len(), known), "{subject}");
            }
            for (pattern, (_, watchers)) in twin {
                patterns.set_row(&pattern, NONE);
                (0..128).filter(|shard| watchers >> shard & 1 == 1).for_each(|shard| {
                    patterns.set_watcher(&pattern, ShardId(shard), false);
                });
            }
            assert_eq!((patterns.len(), patterns.nodes.len(), patterns.children.len()), (0, 0, 0));
        }
    }

    #[test]
    fn what_nobody_wants_leaves_nothing() {
        let mut patterns = Patterns::new(SubjectKey([1, 2]));
        patterns.set_watcher("a.*", ShardId(1), false);
        assert_eq!(patterns.nodes.len(), 0);
        patterns.set_row("a.*.c", 7);
        assert!(patterns.is_full_for("a.*", 1) && !patterns.is_full_for("a.*.c", 1) && !patterns.is_full_for("a.*", 2));
    }
}
