//! `publish`: what a client may publish, and how.
use alloc::borrow::Cow;
use alloc::sync::Arc;

use base::{ConnId, Instant};
use hub::{Draft, Extra, Kind, Operation};
use protocol::centrifugo::{Disconnect, ErrorCode, Publish};
use protocol::{Encoding, is_json};

use super::{Next, Waiting};
use crate::border::Effects;
use crate::client::permission;
use crate::conn::State;
use crate::hop::Receipt;
use crate::shard::Shard;

impl Shard {
    pub(super) fn on_publish(
        &mut self,
        conn: ConnId,
        id: u32,
        publish: &Publish<'_>,
        now: Instant,
        world: &mut impl Effects,
    ) -> Next {
        let channel: &str = &publish.channel;
        if channel.is_empty() {
            return Next::Disconnect(Disconnect::BadRequest);
        }
        if let Err(code) = self.may_publish(conn, publish) {
            return self.reply_error(conn, id, code);
        }
        let mut extra = Extra::default();
        let mut data = Cow::Borrowed(&*publish.data);
        if let Some(proxy) = self.asked_to_publish(conn, channel) {
            match self.told_to_publish(conn, &proxy, publish) {
                None => return Next::Again,
                Some(Err(refused)) => return self.refused(conn, id, refused, now),
                Some(Ok(granted)) => {
                    extra = granted.extra;
                    data = granted.data.map_or(data, |data| Cow::Owned(data.into_vec()));
                }
            }
        }
        // Bytes of a client that does not speak JSON are not taken for text unless they are JSON: to clients that do, only that
        // can be said (section 2.0).
        let kind = match self.encoding(conn) {
            Encoding::Json if matches!(data, Cow::Borrowed(_)) => Kind::Text,
            Encoding::Json | Encoding::Protobuf if is_json(&data) => Kind::Text,
            Encoding::Json | Encoding::Protobuf => Kind::Binary,
        };
        let waiter = self.wait(conn, Waiting::Publish { id });
        let publisher = self.publisher(conn, self.hub.find(channel));
        let extra = Some(Arc::new(Extra { publisher: Some(publisher), ..extra }));
        let draft = Draft { payload: (&*data).into(), kind, extra };
        self.publish(channel, draft, Receipt::Position(waiter), now, world);
        self.next_by_phase(conn)
    }

    fn may_publish(&self, conn: ConnId, publish: &Publish<'_>) -> Result<(), ErrorCode> {
        let namespace = self.known_namespace(&publish.channel)?;
        self.may_carry(&publish.channel, &publish.data)?;
        if self.asked_to_publish(conn, &publish.channel).is_some() {
            return Ok(());
        }
        let (is_anonymous, is_subscribed) = (self.user(conn).is_empty(), self.is_subscribed(conn, &publish.channel));
        let admits = |namespace| permission::to_publish(&self.config.admission, namespace, is_anonymous, is_subscribed);
        if !self.permits(conn, Operation::Publish, &publish.channel, || namespace.is_some_and(admits)) {
            return Err(ErrorCode::PermissionDenied);
        }
        Ok(())
    }

    /// Whether these bytes may be published to the channel, by whomever.
    pub(crate) fn may_carry(&self, channel: &str, data: &[u8]) -> Result<(), ErrorCode> {
        let format = self.known_namespace(channel)?.map_or_else(Default::default, |namespace| namespace.format);
        let is_fine = data.len() <= self.config.limits.payload_bytes && permission::to_carry(format, data);
        if is_fine { Ok(()) } else { Err(ErrorCode::BadRequest) }
    }

    /// The owner has accepted a client's publication.
    pub(crate) fn command_published(&mut self, conn: ConnId, now: Instant) {
        let State::Command(Waiting::Publish { id }) = self.conns.take_state(conn) else {
            return;
        };
        self.tell(conn, |encoding, out| encoding.reply_publish(out, id));
        self.answered(conn, now);
    }
}
