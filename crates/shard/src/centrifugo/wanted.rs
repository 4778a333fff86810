//! Which server-side subscriptions a session begins with: the rules of the protocol page, section 4.1, steps 6 to 8.
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use base::{ConnId, NONE};
use hub::{Caps, Facts, Operation, Override, Position, Ruling, subject_name};
use protocol::centrifugo::{Connect, Disconnect, ErrorCode};

use super::excerpt::epoch_of;
use crate::client::{Refused, Token, TokenSub, permission};
use crate::shard::Shard;

/// A server-side subscription that is to be.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) channel: Box<str>,
    pub(crate) info: Box<[u8]>,
    pub(crate) data: Box<[u8]>,
    pub(crate) changes: Override,
    /// Where the client stands, if it has been there before.
    pub(crate) since: Option<Position>,
    /// For how long it lasts, if not for ever.
    pub(crate) left: Option<Duration>,
    /// [`Facts::BY_TOKEN`], [`Facts::BY_CAPS`], [`Facts::SOLE`].
    pub(crate) facts: Facts,
}

impl Shard {
    /// The subscriptions of a `connect`: the rules of section 4.1, steps 6 to 8. A back end that has `granted` the connect has named them all.
    pub(super) fn server_side_of(
        &self,
        connect: &Connect<'_>,
        (mut token, is_granted): (Option<&mut Token>, bool),
        user: &str,
    ) -> Result<Vec<Wanted>, Refused> {
        let mut wanted: Vec<Wanted> = Vec::new();
        if let Some(token) = token.as_mut() {
            for TokenSub { channel, info, data, changes } in core::mem::take(&mut token.subs) {
                self.may_be_server_side(&channel).map_err(Refused::Error)?;
                let mut facts = Facts::default();
                facts.set(Facts::BY_TOKEN, !is_granted);
                wanted.push(Wanted { channel, info, data, changes, facts, ..Wanted::default() });
            }
        }
        if let Some(personal) = self.config.admission.personal.as_ref().filter(|_| !user.is_empty()) {
            let channel = alloc::format!("{}{user}", personal.prefix).into_boxed_str();
            self.may_be_server_side(&channel).map_err(Refused::Error)?;
            if !wanted.iter().any(|known| known.channel == channel) {
                wanted.push(Wanted { channel: channel.clone(), ..Wanted::default() });
            }
            if let Some(one) = wanted.iter_mut().find(|known| known.channel == channel) {
                one.facts.set(Facts::SOLE, personal.single_connection);
            }
        }
        for sub in &connect.subs {
            let since = sub.recover.then(|| Position { epoch: epoch_of(&sub.epoch), offset: sub.offset });
            if let Some(known) = wanted.iter_mut().find(|known| *known.channel == *sub.channel) {
                known.since = since;
                continue;
            }
            if is_granted {
                continue;
            }
            let caps = token.as_ref().map(|token| &token.caps);
            wanted.extend(self.wanted_by_client(&sub.channel, since, caps, user)?);
        }
        if wanted.len() > self.config.limits.subscriptions_per_connection {
            return Err(Refused::Disconnect(Disconnect::ChannelLimit));
        }
        Ok(wanted)
    }

    /// A channel that the client itself names. What may not be is left out, without an error.
    fn wanted_by_client(
        &self,
        channel: &str,
        since: Option<Position>,
        caps: Option<&Caps>,
        user: &str,
    ) -> Result<Option<Wanted>, Refused> {
        let namespace = match self.known_namespace(channel) {
            Ok(namespace) => namespace,
            Err(ErrorCode::UnknownChannel) => return Err(Refused::Disconnect(Disconnect::BadRequest)),
            Err(_) => return Ok(None),
        };
        let admission = &self.config.admission;
        let admits = |namespace| permission::to_subscribe(admission, namespace, channel, user);
        let is_open = self.config.dev || namespace.is_some_and(admits);
        let ruling = caps.map_or(Ruling::Silent, |caps| self.ruling_of(caps, Operation::Subscribe, channel, user));
        let is_short = channel.len() <= admission.channel_bytes_max;
        let is_wanted = is_short && (ruling == Ruling::Allowed || ruling == Ruling::Silent && is_open);
        let mut facts = Facts::default();
        facts.set(Facts::BY_CAPS, !is_open);
        Ok(is_wanted.then(|| Wanted { channel: channel.into(), since, facts, ..Wanted::default() }))
    }

    /// Whether there is such a channel. Who may use which name is a rule for clients.
    fn may_be_server_side(&self, channel: &str) -> Result<(), ErrorCode> {
        if self.hub.namespace_of(channel).is_none() && !self.config.dev {
            return Err(ErrorCode::UnknownChannel);
        }
        subject_name(channel.as_bytes()).map(|_| ()).map_err(|_| ErrorCode::BadRequest)
    }

    /// True if a token that is to replace the session's names the same channels.
    pub(crate) fn has_same_subs(&self, conn: ConnId, token: &Token) -> bool {
        let mut at = self.conns[conn].subscriptions;
        let mut count = 0;
        while at != NONE {
            let subscription = self.hub.subscription(at);
            if subscription.facts.has(Facts::BY_TOKEN) {
                count += 1;
                if !token.subs.iter().any(|sub| *sub.channel == **self.hub.name(subscription.subject)) {
                    return false;
                }
            }
            at = subscription.sibling();
        }
        count == token.subs.len()
    }
}
