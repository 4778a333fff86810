//! Buckets in place of a command's own, for the channels of a namespace or for a method (the overrides of Centrifugo PRO's limits).
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::meter::Rate;

/// Those of one command, by name. What is named here goes by its own buckets only, and by `total`'s.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Overrides(Vec<Named>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Named {
    name: Box<str>,
    /// Tells its buckets from those of others.
    salt: u64,
    buckets: Vec<Rate>,
}

impl Overrides {
    /// Of a name that comes twice one holds. Without buckets the name is not limited by the command.
    #[must_use]
    pub fn new(all: impl IntoIterator<Item = (Box<str>, Vec<Rate>)>) -> Self {
        let named = |(name, buckets): (Box<str>, Vec<Rate>)| Named { salt: salt(&name), name, buckets };
        let mut all: Vec<_> = all.into_iter().map(named).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all.dedup_by(|one, other| one.name == other.name);
        Self(all)
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The buckets of a name, and what tells them from others; none if it has none of its own.
    pub(crate) fn of(&self, name: &str) -> Option<(u64, &[Rate])> {
        let at = self.0.binary_search_by(|named| (*named.name).cmp(name)).ok()?;
        Some((self.0[at].salt, &self.0[at].buckets))
    }
}

/// The same for a name whatever else is configured, so that other settings know what was used up; never 0, which is for a command's own
/// buckets. FNV-1a: names are the settings', and nobody chooses them so that they collide.
fn salt(name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_name_has_its_own_buckets() {
        let one = |count| alloc::vec![Rate::new(Duration::from_secs(1), count)];
        let all = Overrides::new([("news".into(), one(2)), ("chat".into(), one(1)), ("free".into(), Vec::new())]);
        assert_eq!(all.of("chat").map(|found| found.1), Some(&*one(1)));
        assert_eq!(all.of("free").map(|found| found.1), Some(&[][..]));
        assert_eq!((all.of("new"), all.of("newss"), all.of("")), (None, None, None));
        let mut salts: Vec<_> = ["news", "chat", "free"].map(|name| all.of(name).unwrap().0).into();
        salts.dedup();
        assert!(salts.len() == 3 && !salts.contains(&0));
        assert!(Overrides::default().is_empty() && !all.is_empty());
    }
}
