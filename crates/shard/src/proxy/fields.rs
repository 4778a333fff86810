//! Header fields of clients' requests, and what clients say in their place, kept for back ends that are told them.
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use base::ConnId;
use wire::head::Head;

/// A header field that a proxy is told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Field {
    /// Its name, in lower case.
    pub name: Box<str>,
    /// Whether it is told after the client has connected too: only then it is kept for so long.
    pub is_kept: bool,
}

/// What a client's fields say, each by its place in the list of those that are told.
pub(crate) type Values = Box<[(u16, Box<[u8]>)]>;

/// What the head of a request says in these fields; nothing of those that it does not have.
pub(crate) fn of_head(head: &Head<'_>, fields: &[Field]) -> Values {
    let value = |(at, field): (usize, &Field)| {
        let values: Vec<&[u8]> = head.fields(&field.name).collect();
        let between: &[u8] = if *field.name == *"cookie" { b"; " } else { b", " };
        let at = u16::try_from(at).ok()?;
        (!values.is_empty()).then(|| (at, values.join(between).into_boxed_slice()))
    };
    fields.iter().enumerate().filter_map(value).collect()
}

/// The fields of those clients that have some. Few settings make any be kept: then each client has a row here.
#[derive(Debug, Default)]
pub(crate) struct KeptFields(BTreeMap<ConnId, Values>);

impl KeptFields {
    /// A client has these.
    pub(crate) fn keep(&mut self, conn: ConnId, values: Values) {
        if !values.is_empty() {
            self.0.insert(conn, values);
        }
    }

    /// The client has connected: what only that was about is forgotten.
    pub(crate) fn connected(&mut self, conn: ConnId, fields: &[Field]) {
        if self.0.is_empty() {
            return;
        }
        if let Some(values) = self.0.remove(&conn) {
            let is_kept = |at: u16| fields.get(usize::from(at)).is_some_and(|field| field.is_kept);
            self.keep(conn, values.into_iter().filter(|(at, _)| is_kept(*at)).collect());
        }
    }

    /// The client has left.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        if !self.0.is_empty() {
            self.0.remove(&conn);
        }
    }

    /// A client's fields, by name.
    pub(crate) fn named(&self, conn: ConnId, fields: &[Field]) -> Vec<(Box<str>, Box<[u8]>)> {
        let values = self.0.get(&conn).into_iter().flatten();
        values.filter_map(|(at, value)| Some((fields.get(usize::from(*at))?.name.clone(), value.clone()))).collect()
    }

    /// Clients that have some.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// About the bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        let of = |values: &Values| {
            values.iter().map(|(_, value)| value.len() + size_of::<(u16, Box<[u8]>)>()).sum::<usize>()
        };
        self.0.values().map(|values| of(values) + size_of::<(ConnId, Values)>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_told_later_is_kept_after_connecting() {
        let fields = [("cookie", true), ("x-token", false)].map(|(name, is_kept)| Field { name: name.into(), is_kept });
        let mut kept = KeptFields::default();
        kept.keep(ConnId(1), [(0, Box::from(*b"a=1")), (1, Box::from(*b"t"))].into());
        kept.keep(ConnId(2), [(1, Box::from(*b"u"))].into());
        kept.keep(ConnId(3), Box::default());
        assert_eq!(kept.named(ConnId(1), &fields).len(), 2);
        kept.connected(ConnId(1), &fields);
        kept.connected(ConnId(2), &fields);
        assert_eq!(kept.named(ConnId(1), &fields), [("cookie".into(), Box::from(*b"a=1"))]);
        assert_eq!(kept.len(), 1);
        kept.forget(ConnId(1));
        assert_eq!((kept.len(), kept.bytes()), (0, 0));
    }
}
