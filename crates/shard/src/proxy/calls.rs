//! `rpc`: calls, which a back end answers.
use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use base::{ConnId, Instant};
use protocol::centrifugo::ErrorCode;

use super::{About, ProxyName};
use crate::centrifugo::{Next, sayable};
use crate::shard::Shard;

/// Who answers which calls.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Calls {
    /// Methods without a namespace.
    pub bare: Methods,
    /// Those of namespaces, by name.
    pub namespaces: BTreeMap<Box<str>, Methods>,
    /// What ends a namespace's name in a method's.
    pub boundary: Box<str>,
    /// A method that the server answers itself, with nothing.
    pub ping: Option<Box<str>>,
}

/// The methods of a namespace.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Methods {
    /// Who answers them; `None`: nobody does.
    pub proxy: Option<ProxyName>,
}

impl Calls {
    /// Whether there is anything to call.
    fn is_any(&self) -> bool {
        self.ping.is_some() || self.bare.proxy.is_some() || self.namespaces.values().any(|all| all.proxy.is_some())
    }

    /// Who answers the method.
    fn proxy(&self, method: &str) -> Result<ProxyName, ErrorCode> {
        let namespace = match &*self.boundary {
            "" => None,
            boundary => method.split_once(boundary).map(|(namespace, _)| namespace),
        };
        let methods = match namespace {
            None => &self.bare,
            Some(name) => self.namespaces.get(name).ok_or(ErrorCode::MethodNotFound)?,
        };
        methods.proxy.clone().ok_or(ErrorCode::NotAvailable)
    }
}

impl Shard {
    /// `rpc`.
    pub(crate) fn on_rpc(&mut self, conn: ConnId, id: u32, method: &str, data: &[u8], now: Instant) -> Next {
        let calls = &self.config.proxies.calls;
        if !calls.is_any() {
            return self.reply_error(conn, id, ErrorCode::NotAvailable);
        }
        if calls.ping.as_deref() == Some(method) {
            self.tell(conn, |encoding, out| encoding.reply_rpc(out, id, &[]));
            return Next::Command;
        }
        let proxy = match calls.proxy(method) {
            Ok(proxy) => proxy,
            Err(code) => return self.reply_error(conn, id, code),
        };
        match self.granted(conn, &proxy, About::Rpc { method: method.into() }, data) {
            None => Next::Again,
            Some(Ok(granted)) => {
                let data = granted.data.unwrap_or_default();
                if sayable(&data, self.encoding(conn)).len() < data.len() {
                    // Bytes that are no JSON can't be said to it: the back end's mistake.
                    return self.reply_error(conn, id, ErrorCode::Internal);
                }
                self.tell(conn, |encoding, out| encoding.reply_rpc(out, id, &data));
                Next::Command
            }
            Some(Err(refused)) => self.refused(conn, id, refused, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_its_namespaces() {
        let to = |name: &str| Methods { proxy: Some(name.into()) };
        let namespaces = [("chat".into(), to("chat")), ("shut".into(), Methods::default())].into();
        let calls = Calls { bare: to("bare"), namespaces, boundary: ":".into(), ping: None };
        let cases = [
            ("", Ok("bare")),
            ("x", Ok("bare")),
            ("chat:x", Ok("chat")),
            ("chat:x:y", Ok("chat")),
            ("shut:x", Err(ErrorCode::NotAvailable)),
            ("other:x", Err(ErrorCode::MethodNotFound)),
            (":x", Err(ErrorCode::MethodNotFound)),
        ];
        for (method, wanted) in cases {
            assert_eq!(calls.proxy(method).as_deref(), wanted.as_deref(), "{method}");
        }
        let unbounded = Calls { boundary: "".into(), ..calls };
        assert_eq!(unbounded.proxy("other:x").as_deref(), Ok("bare"));
        assert!(!Calls::default().is_any() && unbounded.is_any());
    }
}
