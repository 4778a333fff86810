//! Header fields of clients' requests, and what clients say in their place, kept for back ends that are told them.
use alloc::borrow::Cow;
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
    /// Whether it is one that the client says in its `connect`, and not one of its request: the one is never taken for the other.
    pub is_emulated: bool,
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
    fields.iter().enumerate().filter(|(_, field)| !field.is_emulated).filter_map(value).collect()
}

/// What a `connect` says in these fields; of a name that comes twice the last value holds.
fn of_connect<'h>(
    headers: &'h [(Cow<'_, str>, Cow<'_, str>)],
    fields: &'h [Field],
) -> impl Iterator<Item = (u16, Box<[u8]>)> + 'h {
    let value = move |(at, field): (usize, &Field)| {
        let said = headers.iter().rfind(|(name, _)| name.eq_ignore_ascii_case(&field.name));
        Some((u16::try_from(at).ok()?, said?.1.as_bytes().into()))
    };
    fields.iter().enumerate().filter(|(_, field)| field.is_emulated).filter_map(value)
}

/// The fields of those clients that have some. Few settings make any be kept: then each client has a row here.
#[derive(Debug, Default)]
pub(super) struct KeptFields(BTreeMap<ConnId, Values>);

impl KeptFields {
    /// A client has these.
    pub(super) fn keep(&mut self, conn: ConnId, values: Values) {
        if !values.is_empty() {
            self.0.insert(conn, values);
        }
    }

    /// A client says these in its `connect`.
    pub(super) fn emulate(&mut self, conn: ConnId, headers: &[(Cow<'_, str>, Cow<'_, str>)], fields: &[Field]) {
        let mut said = of_connect(headers, fields).peekable();
        if said.peek().is_some() {
            // A command that comes again says the same again.
            let is_own = |at: u16| fields.get(usize::from(at)).is_some_and(|field| !field.is_emulated);
            let own = self.0.remove(&conn).into_iter().flatten().filter(|(at, _)| is_own(*at));
            let all = own.chain(said).collect();
            self.keep(conn, all);
        }
    }

    /// The client has connected: what only that was about is forgotten.
    pub(super) fn connected(&mut self, conn: ConnId, fields: &[Field]) {
        if self.0.is_empty() {
            return;
        }
        if let Some(values) = self.0.remove(&conn) {
            let is_kept = |at: u16| fields.get(usize::from(at)).is_some_and(|field| field.is_kept);
            self.keep(conn, values.into_iter().filter(|(at, _)| is_kept(*at)).collect());
        }
    }

    /// The client has left.
    pub(super) fn forget(&mut self, conn: ConnId) {
        if !self.0.is_empty() {
            self.0.remove(&conn);
        }
    }

    /// A client's fields by name: those of its request, or those that it has said in its `connect`.
    pub(super) fn named(&self, conn: ConnId, fields: &[Field], is_emulated: bool) -> Vec<(Box<str>, Box<[u8]>)> {
        let values = self.0.get(&conn).into_iter().flatten();
        let named = |(at, value): &(u16, Box<[u8]>)| {
            let field = fields.get(usize::from(*at)).filter(|field| field.is_emulated == is_emulated)?;
            Some((field.name.clone(), value.clone()))
        };
        values.filter_map(named).collect()
    }

    /// Clients that have some.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// About the bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        let of = |values: &Values| {
            values.iter().map(|(_, value)| value.len() + size_of::<(u16, Box<[u8]>)>()).sum::<usize>()
        };
        self.0.values().map(|values| of(values) + size_of::<(ConnId, Values)>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, is_emulated: bool, is_kept: bool) -> Field {
        Field { name: name.into(), is_emulated, is_kept }
    }

    #[test]
    fn only_what_is_told_later_is_kept_after_connecting() {
        let fields = [field("cookie", false, true), field("x-token", false, false)];
        let mut kept = KeptFields::default();
        kept.keep(ConnId(1), [(0, Box::from(*b"a=1")), (1, Box::from(*b"t"))].into());
        kept.keep(ConnId(2), [(1, Box::from(*b"u"))].into());
        kept.keep(ConnId(3), Box::default());
        assert_eq!(kept.named(ConnId(1), &fields, false).len(), 2);
        kept.connected(ConnId(1), &fields);
        kept.connected(ConnId(2), &fields);
        assert_eq!(kept.named(ConnId(1), &fields, false), [("cookie".into(), Box::from(*b"a=1"))]);
        assert_eq!(kept.len(), 1);
        kept.forget(ConnId(1));
        assert_eq!((kept.len(), kept.bytes()), (0, 0));
    }

    #[test]
    fn a_field_of_a_connect_is_none_of_the_request() {
        let fields = [field("x-token", false, true), field("x-token", true, true), field("x-brief", true, false)];
        let headers = [("X-Token", "1"), ("x-other", "2"), ("x-token", "3"), ("X-BRIEF", "")];
        let headers = headers.map(|(name, value)| (Cow::from(name), Cow::from(value)));
        let conn = ConnId(1);
        let mut kept = KeptFields::default();
        kept.emulate(conn, &[], &fields);
        kept.emulate(conn, &headers[1..2], &fields);
        assert_eq!(kept.len(), 0, "who says nothing that is asked for has no row");
        kept.keep(conn, [(0, Box::from(*b"own"))].into());
        for _ in 0..2 {
            kept.emulate(conn, &headers, &fields);
            assert_eq!(kept.named(conn, &fields, false), [("x-token".into(), Box::from(*b"own"))]);
            let said = [("x-token".into(), Box::from(*b"3")), ("x-brief".into(), Box::from(*b""))];
            assert_eq!(kept.named(conn, &fields, true), said);
        }
        kept.connected(conn, &fields);
        assert_eq!((kept.named(conn, &fields, false).len(), kept.named(conn, &fields, true).len()), (1, 1));
    }
}
