//! Who has which address: the owner's end. A table of its own and not the hub's subjects, so that no name, pattern or listing of a client ever
//! meets an address.
use alloc::vec::Vec;

use base::{ConnId, ShardId, SubjectKey, SubjectName};
use hashbrown::HashTable;

use super::{Duplicates, HOLDERS_MAX, HookConn, HookDelivery, HookRequest, address_parts};
use crate::border::Effects;
use crate::hop::Parcel;
use crate::shard::Shard;

/// A connection that has an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holder {
    /// On which shard it is.
    pub shard: ShardId,
    /// Which one.
    pub of: HookConn,
}

#[derive(Debug)]
struct Entry {
    address: SubjectName,
    holder: Holder,
}

/// The addresses that a shard owns, and who has them.
#[derive(Debug, Default)]
pub(super) struct Directory(HashTable<Entry>);

fn hash(key: &SubjectKey, address: &str) -> u64 {
    key.hash(address.as_bytes()).0
}

impl Directory {
    /// Those who have the address.
    pub(super) fn holders(&self, key: &SubjectKey, address: &str) -> Vec<Holder> {
        let same = self.0.iter_hash(hash(key, address)).filter(|entry| entry.address == address);
        same.map(|entry| entry.holder).collect()
    }

    fn insert(&mut self, key: &SubjectKey, address: &str, holder: Holder) {
        let entry = Entry { address: address.into(), holder };
        self.0.insert_unique(hash(key, address), entry, |entry| hash(key, &entry.address));
    }

    /// Takes exactly this entry away, if it is there.
    fn remove(&mut self, key: &SubjectKey, address: &str, holder: Holder) {
        let is_it = |entry: &Entry| entry.holder == holder && entry.address == address;
        if let Ok(found) = self.0.find_entry(hash(key, address), is_it) {
            found.remove();
        }
        if self.0.len() * 4 < self.0.capacity() && self.0.capacity() > 4_096 {
            self.0.shrink_to(self.0.len() * 2, |entry| hash(key, &entry.address));
        }
    }

    /// Entries there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.allocation_size()
    }
}

impl Shard {
    /// A connection of this shard is to have its address, or has gone if it does not stay. The answer comes to [`Shard::entered`].
    pub(super) fn enter_hook(&mut self, conn: ConnId, address: &SubjectName, stays: bool, world: &mut impl Effects) {
        let of = self.hook_conn(conn);
        let owner = self.owner(address);
        if owner != self.config.shard {
            let address = address.clone();
            let parcel = if stays {
                Parcel::HookRequest(HookRequest::Enter { address, of })
            } else {
                Parcel::HookRequest(HookRequest::Leave { address, of })
            };
            self.mail.send(owner, parcel, world);
        } else if stays {
            let admitted = self.give_address(Holder { shard: owner, of }, address, world);
            self.entered(of, admitted, self.noted, world);
        } else {
            self.leave(Holder { shard: owner, of }, address);
        }
    }

    /// The owner's end: another shard's connection is to have the address.
    pub(super) fn on_hook_enter(&mut self, from: ShardId, address: &str, of: HookConn, world: &mut impl Effects) {
        let admitted = self.give_address(Holder { shard: from, of }, address, world);
        self.mail.send(from, Parcel::HookDelivery(HookDelivery::Entered { of, admitted }), world);
    }

    /// Decides by the policy about connections that have one address.
    fn give_address(&mut self, holder: Holder, address: &str, world: &mut impl Effects) -> bool {
        let key = self.config.key;
        let policy = self.config.hooks.get(address_parts(address).0).map(|hook| hook.duplicates);
        let before = self.hooks.directory.holders(&key, address);
        match policy {
            None => return false,
            Some(Duplicates::Refuse) if !before.is_empty() => return false,
            Some(Duplicates::Both) if before.len() >= HOLDERS_MAX => return false,
            Some(Duplicates::Refuse | Duplicates::Both) => {}
            Some(Duplicates::Keep) => before.into_iter().for_each(|older| self.leave(older, address)),
            Some(Duplicates::Newest) => {
                for older in before {
                    self.hooks.directory.remove(&key, address, older);
                    if older.shard == self.config.shard {
                        self.replace(older.of, self.noted);
                    } else {
                        self.mail.send(
                            older.shard,
                            Parcel::HookDelivery(HookDelivery::Replaced { of: older.of }),
                            world,
                        );
                    }
                }
            }
        }
        self.hooks.directory.insert(&key, address, holder);
        true
    }

    /// The owner's end: a connection has gone.
    pub(crate) fn leave(&mut self, holder: Holder, address: &str) {
        self.hooks.directory.remove(&self.config.key, address, holder);
    }

    /// Names a connection of this shard.
    pub(crate) fn hook_conn(&self, conn: ConnId) -> HookConn {
        HookConn { conn, generation: self.conns[conn].generation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_with_its_own_connection_only() {
        let key = SubjectKey([1, 2]);
        let mut directory = Directory::default();
        let holder = |number| Holder { shard: ShardId(0), of: HookConn { conn: ConnId(number), generation: 1 } };
        for number in 0..10_000 {
            directory.insert(&key, &alloc::format!("0/{}", number / 2), holder(number));
        }
        assert_eq!(directory.holders(&key, "0/7").len(), 2);
        directory.remove(&key, "0/7", holder(14));
        directory.remove(&key, "0/7", holder(16));
        assert_eq!(directory.holders(&key, "0/7"), [holder(15)]);
        assert_eq!(directory.holders(&key, "1/7"), []);
        for number in 0..10_000 {
            directory.remove(&key, &alloc::format!("0/{}", number / 2), holder(number));
        }
        assert_eq!((directory.len(), directory.0.capacity() <= 4_096), (0, true));
    }
}
