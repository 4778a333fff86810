//! Centrifugo sessions, and the users that they belong to.
//!
//! A user's name is kept once a shard, with the list of its sessions, so that all of a user's connections are found without
//! looking at others. A session is 20 bytes, a user 32 and what its name has beyond 24 bytes.
//!
//! A client's id is not kept: it is a keyed hash of the connection's slot and generation, which looks like a random UUID, is
//! unique as long as the server runs, and can't be guessed without the key.
use alloc::string::String;

use base::{ConnId, NONE, Prng, ShardId, Slab, SubjectKey};
use compact_str::CompactString;
use hashbrown::HashTable;

/// What a connected client is to the server.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) conn: ConnId,
    user: u32,
    /// Other sessions of the user.
    next: u32,
    prev: u32,
    /// The second at whose beginning it is disconnected, or `NONE`.
    pub(super) due_s: u32,
}

#[derive(Debug)]
struct User {
    name: CompactString,
    /// First of its sessions.
    first: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self { conn: ConnId(NONE), user: NONE, next: NONE, prev: NONE, due_s: NONE }
    }
}

impl Default for User {
    fn default() -> Self {
        Self { name: CompactString::const_new(""), first: NONE }
    }
}

const _: () = assert!(size_of::<Session>() <= 20 && size_of::<User>() <= 32);

/// All sessions of a shard.
#[derive(Debug)]
pub(super) struct Sessions {
    rows: Slab<Session>,
    users: Slab<User>,
    by_name: HashTable<u32>,
    /// Hashes names of users.
    key: SubjectKey,
    /// Makes client ids.
    id_keys: [SubjectKey; 2],
}

impl Sessions {
    pub(super) fn new(key: SubjectKey, random: &mut Prng) -> Self {
        let mut fresh = || SubjectKey([random.next_u64(), random.next_u64()]);
        let id_keys = [fresh(), fresh()];
        Self { rows: Slab::default(), users: Slab::default(), by_name: HashTable::new(), key, id_keys }
    }

    /// A client of `user` has connected; empty: an anonymous one.
    pub(super) fn begin(&mut self, conn: ConnId, user: &str) -> u32 {
        let user = self.enter(user);
        let next = self.users[user].first;
        let row = self.rows.insert(Session { conn, user, next, prev: NONE, due_s: NONE });
        if next != NONE {
            self.rows[next].prev = row;
        }
        self.users[user].first = row;
        row
    }

    /// It has gone; a user without sessions goes with it.
    pub(super) fn end(&mut self, row: u32) -> Session {
        let gone = self.rows.remove(row);
        if gone.next != NONE {
            self.rows[gone.next].prev = gone.prev;
        }
        if gone.prev != NONE {
            self.rows[gone.prev].next = gone.next;
        } else if gone.next != NONE {
            self.users[gone.user].first = gone.next;
        } else {
            self.leave(gone.user);
        }
        gone
    }

    fn enter(&mut self, name: &str) -> u32 {
        let (key, users) = (self.key, &self.users);
        let hash = key.hash(name.as_bytes()).0;
        if let Some(row) = self.by_name.find(hash, |&row| users[row].name == name) {
            return *row;
        }
        let row = self.users.insert(User { name: name.into(), first: NONE });
        let users = &self.users;
        self.by_name.insert_unique(hash, row, |&row| key.hash(users[row].name.as_bytes()).0);
        row
    }

    fn leave(&mut self, user: u32) {
        let name = self.users.remove(user).name;
        let (key, users) = (self.key, &self.users);
        if let Ok(found) = self.by_name.find_entry(key.hash(name.as_bytes()).0, |&row| row == user) {
            found.remove();
        }
        if self.by_name.len() * 4 < self.by_name.capacity() && self.by_name.capacity() > 4_096 {
            self.by_name.shrink_to(self.by_name.len() * 2, |&row| key.hash(users[row].name.as_bytes()).0);
        }
    }

    /// The user's name; empty for an anonymous one and for `NONE`.
    pub(super) fn user(&self, row: u32) -> &str {
        if row == NONE { "" } else { &self.users[self.rows[row].user].name }
    }

    /// Tells users apart in the attendance of all shards.
    pub(super) fn user_hash(&self, row: u32) -> u64 {
        self.hash_of(self.user(row))
    }

    /// The same for a user by its name; all shards have the same.
    pub(super) fn hash_of(&self, name: &str) -> u64 {
        self.key.hash(name.as_bytes()).0
    }

    /// The connections of a user.
    pub(super) fn of_user(&self, name: &str) -> impl Iterator<Item = ConnId> + '_ {
        let found = self.by_name.find(self.key.hash(name.as_bytes()).0, |&row| self.users[row].name == name);
        let mut at = found.map_or(NONE, |&user| self.users[user].first);
        core::iter::from_fn(move || {
            let row = (at != NONE).then(|| &self.rows[at])?;
            at = row.next;
            Some(row.conn)
        })
    }

    /// Sets the second of a session's end, `NONE` for never; says what it was.
    pub(super) fn set_due(&mut self, row: u32, due_s: u32) -> u32 {
        core::mem::replace(&mut self.rows[row].due_s, due_s)
    }

    /// The id of the client that has the slot in this generation: a version 4 UUID (RFC 9562 section 5.4).
    pub(super) fn client_id(&self, shard: ShardId, conn: ConnId, generation: u32) -> String {
        let mut place = [0; 10];
        place[..4].copy_from_slice(&conn.0.to_le_bytes());
        place[4..8].copy_from_slice(&generation.to_le_bytes());
        place[8..].copy_from_slice(&shard.0.to_le_bytes());
        let [high, low] = self.id_keys.map(|key| u128::from(key.hash(&place).0));
        let id = uuid::Builder::from_random_bytes((high << 64 | low).to_be_bytes()).into_uuid();
        String::from(&*id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
    }

    /// Sessions there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The hashes of all users' names, in any order; see [`Sessions::user_hash`].
    pub(super) fn user_hashes(&self) -> impl Iterator<Item = u64> + '_ {
        self.by_name.iter().map(|&user| self.key.hash(self.users[user].name.as_bytes()).0)
    }

    /// Users there are.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    /// Bytes held, without names longer than 24 bytes.
    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes() + self.users.bytes() + self.by_name.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    fn sessions() -> Sessions {
        Sessions::new(SubjectKey([1, 2]), &mut Prng::new(7, "sessions"))
    }

    #[test]
    fn a_client_id_is_a_version_4_uuid_and_each_its_own() {
        let sessions = sessions();
        let mut ids: Vec<_> = (0..2)
            .flat_map(|shard| (0..50).flat_map(move |conn| (0..50).map(move |generation| (shard, conn, generation))))
            .map(|(shard, conn, generation)| sessions.client_id(ShardId(shard), ConnId(conn), generation))
            .collect();
        for id in &ids {
            let parsed = uuid::Uuid::try_parse(id).unwrap();
            assert_eq!((parsed.get_version_num(), parsed.get_variant()), (4, uuid::Variant::RFC4122), "{id}");
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 5_000);
        assert_eq!(sessions.client_id(ShardId(1), ConnId(2), 3), sessions.client_id(ShardId(1), ConnId(2), 3));
    }

    #[test]
    fn users_have_their_sessions_as_a_naive_twin_has() {
        let mut sessions = sessions();
        let mut twin: BTreeMap<&str, Vec<(u32, u32)>> = BTreeMap::new();
        let mut random = Prng::new(1, "twin");
        let names = ["", "ann", "bob", "a name that is longer than what fits into its row"];
        for conn in 0..2_000 {
            let name = names[usize::try_from(random.below(4)).unwrap()];
            let of_name = twin.entry(name).or_default();
            if of_name.is_empty() || random.one_in(2) {
                of_name.push((conn, sessions.begin(ConnId(conn), name)));
            } else {
                let at = usize::try_from(random.below(of_name.len() as u64)).unwrap();
                let (conn, row) = of_name.swap_remove(at);
                assert_eq!(sessions.user(row), name);
                assert_eq!(sessions.end(row).conn, ConnId(conn));
            }
            for name in names {
                let mut found: Vec<_> = sessions.of_user(name).map(|conn| conn.0).collect();
                let mut want: Vec<_> = twin.get(name).into_iter().flatten().map(|pair| pair.0).collect();
                found.sort_unstable();
                want.sort_unstable();
                assert_eq!(found, want, "{name}");
            }
        }
        for (_, row) in twin.into_values().flatten() {
            sessions.end(row);
        }
        assert_eq!((sessions.len(), sessions.users(), sessions.by_name.len()), (0, 0, 0));
    }
}
