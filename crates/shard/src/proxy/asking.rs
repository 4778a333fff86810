//! Asking about a command, and going on with it.
use alloc::boxed::Box;

use base::{ConnId, Instant, NONE};
use hub::{Operation, Ruling};
use protocol::Encoding;
use protocol::centrifugo::{Connect, ErrorCode, Publish, Subscribe};

use super::{About, Ask, Granted, ProxyName, Said, Told};
use crate::border::Effects;
use crate::centrifugo::{Dialect, Next};
use crate::client::{Refused, Token, permission};
use crate::conn::{Phase, State};
use crate::hook::{HookConn, HookEvent};
use crate::request::User;
use crate::shard::Shard;

/// A session about whose command a back end is asked, or has answered.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Who it is according to whoever is in front of the server.
    introduced: User,
    told: Option<Told>,
}

impl Dialect {
    /// The transport in Centrifugo's words.
    const fn transport_name(self) -> &'static str {
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
    /// A command begins, maybe again: what a back end has said of it is its own from here on, until it ends. Says whether there is something.
    pub(crate) fn begin_command(&mut self, conn: ConnId) -> bool {
        self.asking.told = None;
        if let Some(State::Asked(asked)) = self.conns.lent(conn).map(|lent| &mut lent.state) {
            let (introduced, told) = (asked.introduced.take(), asked.told.take());
            debug_assert!(told.is_some(), "a command that waits for its answer is not handled");
            self.conns.take_state(conn);
            self.introduce(conn, introduced);
            self.asking.told = told;
        }
        self.asking.told.is_some()
    }

    /// What the back end says to this command; `None`: it is being asked, and the command has to come again.
    fn told(&mut self, conn: ConnId, proxy: &ProxyName, about: About, data: &[u8]) -> Option<Told> {
        if let Some(told) = self.asking.told.take() {
            return Some(told);
        }
        if self.hooks.is_over_bound() {
            // It comes again when there is room.
            self.stall_until_room(conn);
            return None;
        }
        let introduced = self.take_introduction(conn);
        let ask = self.question(conn, proxy, about, data);
        let of = self.hook_conn(conn);
        self.conns.lend(conn).state = State::Asked(Box::new(Asked { introduced, told: None }));
        self.conns[conn].enter(Phase::Asked);
        self.hooks.tell(HookEvent::Ask { of, ask: Box::new(ask) });
        None
    }

    /// A question about a client.
    pub(super) fn question(&self, conn: ConnId, proxy: &ProxyName, about: About, data: &[u8]) -> Ask {
        let row = &self.conns[conn];
        let dialect = row.transport.dialect().unwrap_or(Dialect::Json);
        Ask {
            proxy: ProxyName::clone(proxy),
            number: 0,
            client: self.client(conn),
            transport: dialect.transport_name(),
            protocol: match dialect.encoding() {
                Encoding::Json => "json",
                Encoding::Protobuf => "protobuf",
            },
            user: (row.session != NONE).then(|| self.user(conn).into()),
            about,
            data: data.into(),
            fields: self.asking.fields.named(conn, &self.config.proxies.fields, false),
            emulated: self.asking.fields.named(conn, &self.config.proxies.fields, true),
            meta: self.asking.metas.of(conn).cloned(),
        }
    }

    /// The back end has answered: the command comes again, or an end is put off.
    pub(crate) fn back_end_told(
        &mut self,
        of: HookConn,
        (number, told): (u32, Told),
        now: Instant,
        world: &mut impl Effects,
    ) {
        if number != 0 {
            self.back_end_renewed(of, (number, told), now, world);
            return;
        }
        let HookConn { conn, generation } = of;
        // It may have left, or be about to.
        if self.conns.find(conn, generation).is_none_or(|row| row.phase() != Phase::Asked) {
            return;
        }
        let Some(State::Asked(asked)) = self.conns.lent(conn).map(|lent| &mut lent.state) else {
            return;
        };
        asked.told = Some(told);
        if self.conns[conn].session == NONE {
            // The time to connect begins anew: it was the back end's.
            self.arm(conn, now + self.config.limits.connect_timeout);
        }
        self.answered(conn, now);
    }

    /// What a back end grants to a command; `None`: it is being asked.
    pub(super) fn granted(
        &mut self,
        conn: ConnId,
        proxy: &ProxyName,
        about: About,
        data: &[u8],
    ) -> Option<Result<Granted, Refused>> {
        Some(match self.told(conn, proxy, about, data)? {
            Told::Granted(granted) => Ok(*granted),
            Told::Refused(said) => Err(Refused::Told(Box::new(said))),
            Told::Failed => Err(Refused::Error(ErrorCode::Internal)),
        })
    }

    /// Whether a back end is asked who a client is: not who shows a token.
    pub(crate) fn asks_to_connect(&self, connect: &Connect<'_>) -> bool {
        self.config.proxies.connect.is_some() && connect.token.is_empty()
    }

    /// What a back end says of who a client without a token is. `None`: it is being asked; `Some(Ok(None))`: nobody is, or it says nothing.
    pub(crate) fn told_to_connect(
        &mut self,
        conn: ConnId,
        connect: &Connect<'_>,
    ) -> Option<Result<Option<Token>, Refused>> {
        let proxy = match &self.config.proxies.connect {
            Some(proxy) if self.asks_to_connect(connect) => ProxyName::clone(proxy),
            Some(_) | None => return Some(Ok(None)),
        };
        let about = About::Connect {
            name: connect.name.as_ref().into(),
            version: connect.version.as_ref().into(),
            channels: connect.subs.iter().map(|sub| sub.channel.as_ref().into()).collect(),
        };
        let granted = self.granted(conn, &proxy, about, &connect.data)?;
        Some(granted.and_then(|Granted { is_there, token, data, .. }| {
            if token.is_over() {
                return Err(Refused::Error(ErrorCode::Expired));
            }
            Ok(is_there.then(|| Token { data: data.unwrap_or_default(), ..token }))
        }))
    }

    /// Whom to ask about a `subscribe`, if anybody is: nobody where tokens have decided it.
    pub(crate) fn asked_to_subscribe(&self, conn: ConnId, subscribe: &Subscribe<'_>) -> Option<ProxyName> {
        if !subscribe.token.is_empty() {
            return None;
        }
        let channel = &*subscribe.channel;
        let namespace = self.hub.namespace_of(channel)?;
        let proxy = permission::asked_to_subscribe(&self.config.admission, namespace, channel)?;
        (self.ruling(conn, Operation::Subscribe, channel) == Ruling::Silent).then(|| ProxyName::clone(proxy))
    }

    /// What a back end says of a `subscribe`, as its token would; `None`: it is being asked.
    pub(crate) fn told_to_subscribe(
        &mut self,
        conn: ConnId,
        proxy: &ProxyName,
        subscribe: &Subscribe<'_>,
    ) -> Option<Result<Option<Token>, Refused>> {
        let about = About::Subscribe { channel: subscribe.channel.as_ref().into() };
        let granted = self.granted(conn, proxy, about, &subscribe.data)?;
        Some(granted.and_then(|Granted { token, data, .. }| {
            if token.is_over() {
                return Err(Refused::Error(ErrorCode::Expired));
            }
            Ok(Some(Token { data: data.unwrap_or_default(), ..token }))
        }))
    }

    /// Whom to ask about a `publish`, if anybody is.
    pub(crate) fn asked_to_publish(&self, conn: ConnId, channel: &str) -> Option<ProxyName> {
        let proxy = self.hub.namespace_of(channel)?.publish_proxy.as_ref()?;
        (self.ruling(conn, Operation::Publish, channel) == Ruling::Silent).then(|| ProxyName::clone(proxy))
    }

    /// What a back end says of a `publish`, its data being something that may be published there; `None`: it is being asked.
    pub(crate) fn told_to_publish(
        &mut self,
        conn: ConnId,
        proxy: &ProxyName,
        publish: &Publish<'_>,
    ) -> Option<Result<Granted, Refused>> {
        let about = About::Publish { channel: publish.channel.as_ref().into() };
        let granted = self.granted(conn, proxy, about, &publish.data)?;
        Some(granted.and_then(|granted| match &granted.data {
            // The back end's mistake, not the client's.
            Some(data) if self.may_carry(&publish.channel, data).is_err() => Err(Refused::Error(ErrorCode::Internal)),
            Some(_) | None => Ok(granted),
        }))
    }

    /// What a back end says to a client instead of an answer.
    pub(crate) fn say_instead(&mut self, conn: ConnId, id: u32, said: &Said, now: Instant) -> Next {
        match said {
            Said::Error { code, message, temporary } => {
                self.tell(conn, |encoding, out| encoding.reply_told_error(out, id, *code, message, *temporary));
                Next::Command
            }
            Said::Disconnect { code, reason } => {
                self.dismiss(conn, *code, reason, now);
                Next::Nothing
            }
        }
    }
}
