//! The event proxy: a back end is asked about what Centrifugo clients do (the protocol page, section 6). The command that asks waits, and is
//! handled again, as it came, once there is an answer; those behind it wait too, so that replies come in order.
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use base::{ConnId, Instant, NONE};
use hub::Extra;
use protocol::centrifugo::{Connect, ErrorCode};

use crate::centrifugo::Next;
use crate::conn::{Phase, State};
use crate::credentials::Refused;
use crate::dialect::Dialect;
use crate::hook::{HookConn, HookEvent};
use crate::request::User;
use crate::shard::Shard;
use crate::token::Token;

/// Which of the engine's proxies are asked about what, if any.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Proxies {
    /// Connects without a token.
    pub connect: Option<u16>,
    /// Subscriptions in namespaces that say so.
    pub subscribe: Option<u16>,
    /// Publications in namespaces that say so.
    pub publish: Option<u16>,
    /// Calls.
    pub rpc: Option<u16>,
    /// What ends the namespace's name in a method's: such methods there are none.
    pub rpc_boundary: Box<str>,
    /// Header fields of a client's request that one of them is told, in lower case; kept for as long as the client is there.
    pub fields: Vec<Box<str>>,
}

/// A question about a client.
#[derive(Debug)]
pub struct Ask {
    /// Whom to ask.
    pub proxy: u16,
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
    /// Header fields of its request: those of [`Proxies::fields`].
    pub fields: Vec<(Box<str>, Box<[u8]>)>,
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
    /// Who the client is, what it is subscribed to, for how long, and what it is told: as a token says it.
    pub token: Token,
    /// What is published instead, or what a call returns; `None`: nothing is said.
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

/// A session whose back end is asked, or has answered.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Who it is according to whoever is in front of the server.
    pub(crate) user: User,
    told: Option<Told>,
}

impl Dialect {
    /// The transport in Centrifugo's words.
    const fn transport(self) -> &'static str {
        match self {
            Self::Json | Self::Protobuf => "websocket",
            Self::JsonEvents => "sse",
            Self::JsonLines | Self::ProtobufStream => "http_stream",
            Self::UniJson => "uni_websocket",
            Self::UniEvents => "uni_sse",
            Self::UniLines => "uni_http_stream",
        }
    }
}

impl Shard {
    /// What the back end says to this command; `None`: it is being asked, and the command has to come again.
    pub(crate) fn told(&mut self, conn: ConnId, proxy: u16, about: About, data: &[u8]) -> Option<Told> {
        if let Some(State::Asked(asked)) = self.conns.lent(conn).map(|lent| &mut lent.state)
            && let Some(told) = asked.told.take()
        {
            let user = core::mem::take(&mut asked.user);
            self.conns.take_state(conn);
            self.introduce(conn, user);
            return Some(told);
        }
        let user = self.take_introduction(conn);
        let row = &self.conns.rows[conn.0];
        let dialect = row.transport.dialect().unwrap_or(Dialect::Json);
        let ask = Ask {
            proxy,
            client: self.client(conn),
            transport: dialect.transport(),
            protocol: match dialect.encoding() {
                protocol::Encoding::Json => "json",
                protocol::Encoding::Protobuf => "protobuf",
            },
            user: (row.session != NONE).then(|| self.user(conn).into()),
            about,
            data: data.into(),
            fields: self.told_fields.get(&conn).cloned().unwrap_or_default(),
        };
        let of = self.hook_conn(conn);
        self.conns.lend(conn).state = State::Asked(Box::new(Asked { user, told: None }));
        self.conns.rows[conn.0].phase = Phase::Asked;
        self.hooks.events.push_back(HookEvent::Ask { of, ask: Box::new(ask) });
        None
    }

    /// The back end has answered: the command comes again.
    pub(crate) fn back_end_told(&mut self, of: HookConn, told: Told, now: Instant) {
        let HookConn { conn, generation } = of;
        if self.conns.find(conn, generation).is_none() {
            return;
        }
        let Some(State::Asked(asked)) = self.conns.lent(conn).map(|lent| &mut lent.state) else {
            return;
        };
        asked.told = Some(told);
        if self.conns.rows[conn.0].session == NONE {
            // The time to connect begins anew: it was the back end's.
            self.arm(conn, now + self.config.limits.connect_timeout);
        }
        self.answered(conn, now);
    }

    /// Who a client without a token is, if a back end is to say; `None`: it is being asked.
    pub(crate) fn told_to_connect(
        &mut self,
        conn: ConnId,
        connect: &Connect<'_>,
    ) -> Option<Result<Option<Token>, Refused>> {
        let is_uni = self.conns.rows[conn.0].transport.is_uni();
        let Some(proxy) = self.config.proxies.connect.filter(|_| connect.token.is_empty() && !is_uni) else {
            return Some(Ok(None));
        };
        let about = About::Connect {
            name: connect.name.as_ref().into(),
            version: connect.version.as_ref().into(),
            channels: connect.subs.iter().map(|sub| sub.channel.as_ref().into()).collect(),
        };
        Some(match self.told(conn, proxy, about, &connect.data)? {
            Told::Granted(granted) if granted.token.left.is_some_and(|left| left.is_zero()) => {
                Err(Refused::Error(ErrorCode::Expired))
            }
            Told::Granted(granted) => {
                let Granted { is_there, token, data, .. } = *granted;
                Ok(is_there.then(|| Token { data: data.unwrap_or_default(), ..token }))
            }
            Told::Refused(said) => Err(Refused::Said(Box::new(said))),
            Told::Failed => Err(Refused::Error(ErrorCode::Internal)),
        })
    }

    /// What a back end grants to a command of a session; `None`: it is being asked.
    pub(crate) fn granted(
        &mut self,
        conn: ConnId,
        proxy: u16,
        about: About,
        data: &[u8],
    ) -> Option<Result<Granted, Refused>> {
        Some(match self.told(conn, proxy, about, data)? {
            Told::Granted(granted) => Ok(*granted),
            Told::Refused(said) => Err(Refused::Said(Box::new(said))),
            Told::Failed => Err(Refused::Error(ErrorCode::Internal)),
        })
    }

    /// `rpc`.
    pub(crate) fn on_rpc(&mut self, conn: ConnId, id: u32, method: &str, data: &[u8], now: Instant) -> Next {
        let proxies = &self.config.proxies;
        let Some(proxy) = proxies.rpc else {
            return self.reply_error(conn, id, ErrorCode::NotAvailable);
        };
        if !proxies.rpc_boundary.is_empty() && method.contains(&*proxies.rpc_boundary) {
            return self.reply_error(conn, id, ErrorCode::MethodNotFound);
        }
        match self.granted(conn, proxy, About::Rpc { method: method.into() }, data) {
            None => Next::Again,
            Some(Ok(granted)) => {
                let data = granted.data.unwrap_or_default();
                if crate::server_side::sayable(&data, self.encoding(conn)).len() < data.len() {
                    return self.reply_error(conn, id, ErrorCode::Internal);
                }
                self.tell(conn, |encoding, out| encoding.reply_rpc(out, id, &data));
                Next::Command
            }
            Some(Err(refused)) => self.refused(conn, id, refused, now),
        }
    }

    /// What a back end says to a client instead of an answer.
    pub(crate) fn say_instead(&mut self, conn: ConnId, id: u32, said: &Said, now: Instant) -> Next {
        match said {
            Said::Error { code, message, temporary } => {
                self.tell(conn, |encoding, out| encoding.reply_told_error(out, id, *code, message, *temporary));
                Next::Command
            }
            Said::Disconnect { code, reason } => {
                let reason = if reason.is_empty() { "disconnected" } else { reason };
                self.disconnect_with(conn, *code, reason, now);
                Next::Nothing
            }
        }
    }
}
