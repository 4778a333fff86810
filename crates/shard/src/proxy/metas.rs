//! What only back ends know of sessions: the meta that a token or the answer to a connect gives them, and that later questions have.
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use base::ConnId;

use crate::shard::Shard;

/// The metas of those sessions that have one. Without a proxy that is told of it, none has a row here.
#[derive(Debug, Default)]
pub(super) struct Metas(BTreeMap<ConnId, Arc<[u8]>>);

impl Metas {
    /// A session has this from here on; nothing: what it had.
    pub(super) fn set(&mut self, conn: ConnId, meta: Box<[u8]>) {
        if !meta.is_empty() {
            self.0.insert(conn, meta.into());
        }
    }

    /// The session has ended.
    pub(super) fn forget(&mut self, conn: ConnId) {
        if !self.0.is_empty() {
            self.0.remove(&conn);
        }
    }

    /// A session's meta.
    pub(super) fn of(&self, conn: ConnId) -> Option<&Arc<[u8]>> {
        self.0.get(&conn)
    }

    /// Sessions that have one.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// About the bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.0.values().map(|meta| meta.len() + size_of::<(ConnId, Arc<[u8]>)>()).sum()
    }
}

impl Shard {
    /// Takes over a session's meta, unless nobody is told of it; nothing: it stays as it was.
    pub(crate) fn set_meta(&mut self, conn: ConnId, meta: Box<[u8]>) {
        if self.config.proxies.meta {
            self.asking.metas.set(conn, meta);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meta_lasts_as_long_as_its_session_and_nothing_does_not_replace_it() {
        let mut metas = Metas::default();
        metas.set(ConnId(1), Box::default());
        assert_eq!(metas.len(), 0);
        metas.set(ConnId(1), Box::from(*b"{}"));
        metas.set(ConnId(1), Box::default());
        assert_eq!(metas.of(ConnId(1)).map(|meta| &**meta), Some(&b"{}"[..]));
        metas.set(ConnId(1), Box::from(*b"1"));
        assert_eq!(metas.of(ConnId(1)).map(|meta| &**meta), Some(&b"1"[..]));
        metas.forget(ConnId(1));
        assert_eq!((metas.len(), metas.bytes()), (0, 0));
    }
}
