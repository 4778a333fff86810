//! Event proxies: a back end is asked about what Centrifugo clients do (the protocol page, section 6).
//!
//! The shard makes no requests. It gives an [`Ask`] to the world, among the events of hooks, and takes what was [`Told`] as a command. It never
//! waits: the command that asks is kept as it came, and handled again once there is an answer. Those behind it wait too, so that replies come in
//! order; the client is not read meanwhile, as while an owner is asked.
//!
//! Invariants:
//! - Of a connection at most one command has its question under way, and each question has one answer.
//! - An answer is of use to the command that asked and to no other one: what that command does not want any more is thrown away.
//! - Whatever the command's own checks say, they say it again when the answer is there: meanwhile anything may have changed.
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{ConnId, NONE};
use hub::Extra;

use crate::client::Token;
use crate::report::Holdings;

mod asking;
mod calls;
mod fields;
mod metas;
mod renewal;

pub(crate) use asking::Asked;
pub use calls::{Calls, Methods};
pub use fields::Field;
use fields::KeptFields;
pub(crate) use fields::{Values, of_head};
use metas::Metas;
use renewal::Renewals;

/// Names a proxy to the engine.
pub type ProxyName = Arc<str>;

/// Which proxies are asked about what, beside what namespaces say.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Proxies {
    /// About connects without a token.
    pub connect: Option<ProxyName>,
    /// About sessions whose end has come.
    pub refresh: Option<ProxyName>,
    /// About calls.
    pub calls: Calls,
    /// Header fields of a client's request, or of its `connect`, that one of them is told.
    pub fields: Vec<Field>,
    /// Whether one of them is told the meta of clients: only then it is kept.
    pub meta: bool,
}

/// A question about a client.
#[derive(Debug)]
pub struct Ask {
    /// Whom to ask.
    pub proxy: ProxyName,
    /// Tells the question from others about the same client; 0: about the command that waits. The answer has it too.
    pub number: u32,
    /// The client's id.
    pub client: String,
    /// Over what it is connected, in Centrifugo's words.
    pub transport: &'static str,
    /// How it is spoken to: `json` or `protobuf`.
    pub protocol: &'static str,
    /// Its user; `None` before it has one.
    pub user: Option<Box<str>>,
    /// What is asked.
    pub about: About,
    /// What the client says beside; empty: nothing.
    pub data: Box<[u8]>,
    /// Header fields of its request: those of [`Proxies::fields`] that it had, each name and what it says.
    pub fields: Vec<(Box<str>, Box<[u8]>)>,
    /// Those of its `connect`, in the same way.
    pub emulated: Vec<(Box<str>, Box<[u8]>)>,
    /// The client's meta, JSON text, if it has one and a proxy is told it.
    pub meta: Option<Arc<[u8]>>,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum About {
    /// Whether it may connect, and as whom.
    Connect {
        /// The client's name.
        name: Box<str>,
        /// Its version.
        version: Box<str>,
        /// Channels that it wants to be subscribed to.
        channels: Vec<Box<str>>,
    },
    /// Whether it may subscribe.
    Subscribe {
        /// To what.
        channel: Box<str>,
    },
    /// Whether it may publish.
    Publish {
        /// Where.
        channel: Box<str>,
    },
    /// Whether it may stay connected, its time being over.
    Refresh,
    /// Whether it may stay subscribed, its time there being over.
    SubRefresh {
        /// To what.
        channel: Box<str>,
    },
    /// To call something.
    Rpc {
        /// What.
        method: Box<str>,
    },
}

/// What a back end says.
#[derive(Clone, Debug)]
pub enum Told {
    /// This.
    Granted(Box<Granted>),
    /// Something else.
    Refused(Said),
    /// Nothing of use, or not in time.
    Failed,
}

/// What a back end grants.
#[derive(Clone, Default, Debug)]
pub struct Granted {
    /// False if it granted nothing in particular: a `connect` lets nobody in then.
    pub is_there: bool,
    /// The time of the session or subscription that was asked about is over.
    pub expired: bool,
    /// Who the client is, what it is subscribed to, for how long: as a token says it.
    pub token: Token,
    /// What the client is told, what is published instead, or what a call returns; `None`: nothing is said.
    pub data: Option<Box<[u8]>>,
    /// What a publication has beside, but its publisher.
    pub extra: Extra,
}

/// What a back end says to the client instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// An error.
    Error {
        /// Its code.
        code: u32,
        /// Its message.
        message: Box<str>,
        /// Whether the client may try again.
        temporary: bool,
    },
    /// The end of the connection.
    Disconnect {
        /// Its code.
        code: u16,
        /// Its reason.
        reason: Box<str>,
    },
}

impl Said {
    /// The error's code, or the disconnect's.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::Error { code, .. } => *code,
            Self::Disconnect { code, .. } => u32::from(*code),
        }
    }
}

/// What a shard keeps of clients for the back ends that are asked about them.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    fields: KeptFields,
    metas: Metas,
    /// Ends about which back ends are asked.
    renewals: Renewals,
    /// What a back end has said of the command that is being handled.
    told: Option<Told>,
}

impl Asking {
    /// A client's request has these fields.
    pub(crate) fn keep_fields(&mut self, conn: ConnId, values: Values) {
        self.fields.keep(conn, values);
    }

    /// A client says these in its `connect`; `fields` are [`Proxies::fields`].
    pub(crate) fn emulate(&mut self, conn: ConnId, headers: &[(Cow<'_, str>, Cow<'_, str>)], fields: &[Field]) {
        self.fields.emulate(conn, headers, fields);
    }

    /// The client has connected.
    pub(crate) fn connected(&mut self, conn: ConnId, fields: &[Field]) {
        self.fields.connected(conn, fields);
    }

    /// The subscription has ended: nobody needs the answer about its end.
    pub(crate) fn forget_end(&mut self, conn: ConnId, subject: u32) {
        self.renewals.forget(conn, subject);
    }

    /// The session has ended.
    pub(crate) fn forget_session(&mut self, conn: ConnId) {
        self.renewals.forget(conn, NONE);
        self.metas.forget(conn);
    }

    /// The client has left, whether or not it had a session.
    pub(crate) fn forget_client(&mut self, conn: ConnId) {
        self.fields.forget(conn);
    }

    /// Adds what it holds.
    pub(crate) fn count(&self, holdings: &mut Holdings) {
        holdings.kept_fields = self.fields.len();
        holdings.metas = self.metas.len();
        holdings.renewals = self.renewals.len();
    }

    /// About the bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.fields.bytes() + self.metas.bytes()
    }
}
