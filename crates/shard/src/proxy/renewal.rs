//! Sessions and subscriptions whose end a back end may put off (the protocol page, sections 4.2 and 4.3): it is asked when the end has come, and
//! whatever the client does meanwhile goes on.
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::time::Duration;

use base::{ConnId, Instant, NONE};
use hub::Facts;
use protocol::centrifugo::{Disconnect, UnsubscribeCode};

use super::{About, Ask, ProxyName, Told};
use crate::border::Effects;
use crate::client::Token;
use crate::conn::Phase;
use crate::hook::{HookConn, HookEvent};
use crate::shard::Shard;

/// What a back end that has no answer puts an end off by: the reference's.
const FAILED_DELAY: Duration = Duration::from_secs(60);

/// What an end is put off by where the engine has no room for the question.
const FULL_DELAY: Duration = Duration::from_secs(1);

/// Ends about which a back end is asked: of a connection's subscription to a subject, by its row, or of the connection itself, by `NONE`.
/// Each has a number, so that an answer is not taken for that to a later question.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    by_end: BTreeMap<(ConnId, u32), u32>,
    last: u32,
}

impl Renewals {
    /// A back end is to be asked; `None` if it is being asked already.
    fn begin(&mut self, conn: ConnId, subject: u32) -> Option<u32> {
        if self.by_end.contains_key(&(conn, subject)) {
            return None;
        }
        // Zero is no number.
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.by_end.insert((conn, subject), self.last);
        Some(self.last)
    }

    /// The answer has come: about which end, if it is still there.
    fn take(&mut self, conn: ConnId, number: u32) -> Option<u32> {
        let mut own = self.by_end.range((conn, 0)..=(conn, NONE));
        let subject = own.find(|(_, known)| **known == number)?.0.1;
        self.by_end.remove(&(conn, subject));
        Some(subject)
    }

    /// The subscription has ended, or the connection.
    pub(super) fn forget(&mut self, conn: ConnId, subject: u32) {
        if !self.by_end.is_empty() {
            self.by_end.remove(&(conn, subject));
        }
    }

    /// Ends about which somebody is asked.
    pub(super) fn len(&self) -> usize {
        self.by_end.len()
    }
}

impl Shard {
    /// Whether sessions are refreshed by a back end, and not by their clients.
    pub(crate) fn refreshes_sessions(&self) -> bool {
        self.config.proxies.refresh.is_some()
    }

    /// Who refreshes subscriptions to the subject, if not their clients.
    pub(crate) fn refresher_of(&self, subject: u32) -> Option<&ProxyName> {
        self.hub.namespace(subject)?.sub_refresh_proxy.as_ref()
    }

    /// A session's end has come; says whether a back end is asked first.
    pub(crate) fn asks_to_refresh(&mut self, conn: ConnId, now: Instant) -> bool {
        let Some(proxy) = self.config.proxies.refresh.clone().filter(|_| self.is_session(conn)) else {
            return false;
        };
        if self.hooks.is_over_bound() {
            self.set_end(conn, Some(FULL_DELAY), now);
        } else {
            self.ask_to_renew(conn, NONE, &proxy, About::Refresh);
        }
        true
    }

    /// The same for a subscription.
    pub(crate) fn asks_to_refresh_sub(&mut self, conn: ConnId, subject: u32, now: Instant) -> bool {
        let Some(proxy) = self.refresher_of(subject).cloned() else {
            return false;
        };
        if self.hooks.is_over_bound() {
            self.clients.defer(conn, subject, now + FULL_DELAY);
        } else {
            let channel = self.hub.name(subject).as_str().into();
            self.ask_to_renew(conn, subject, &proxy, About::SubRefresh { channel });
        }
        true
    }

    fn ask_to_renew(&mut self, conn: ConnId, subject: u32, proxy: &ProxyName, about: About) {
        if let Some(number) = self.asking.renewals.begin(conn, subject) {
            let ask = self.question(conn, proxy, about, &[]);
            let (of, ask) = (self.hook_conn(conn), Box::new(Ask { number, ..ask }));
            self.hooks.tell(HookEvent::Ask { of, ask });
        }
    }

    /// The back end has answered.
    pub(super) fn back_end_renewed(
        &mut self,
        HookConn { conn, generation }: HookConn,
        (number, told): (u32, Told),
        now: Instant,
        world: &mut impl Effects,
    ) {
        if self.conns.find(conn, generation).is_none() || !self.is_session(conn) {
            return;
        }
        let Some(subject) = self.asking.renewals.take(conn, number) else {
            return;
        };
        let renewed = match told {
            Told::Failed => Some(Token { left: Some(FAILED_DELAY), ..Token::default() }),
            Told::Granted(granted) if granted.is_there && !granted.expired && !granted.token.is_over() => {
                Some(granted.token)
            }
            // An error is no answer to this, and lets nobody stay.
            Told::Granted(_) | Told::Refused(_) => None,
        };
        if subject != NONE {
            self.sub_refreshed(conn, subject, renewed, now, world);
            return;
        }
        match renewed {
            // A session that is to be refreshed has an end.
            Some(Token { left: Some(left), info, meta, .. }) => {
                self.set_end(conn, Some(left), now);
                self.set_meta(conn, meta);
                if !info.is_empty() {
                    self.clients.set_info(conn, info);
                }
            }
            Some(_) | None => self.disconnect(conn, Disconnect::ConnectionExpired, now),
        }
    }

    fn sub_refreshed(
        &mut self,
        conn: ConnId,
        subject: u32,
        renewed: Option<Token>,
        now: Instant,
        world: &mut impl Effects,
    ) {
        match renewed {
            Some(Token { left, info, .. }) => self.clients.renew(conn, subject, (left, info), now),
            // Another command of the client may be about this very subscription: it is looked at again.
            None if self.conns[conn].phase() == Phase::Asked => {
                self.clients.defer(conn, subject, now + FULL_DELAY);
            }
            None => self.end_subscription(conn, subject, now, world),
        }
    }

    /// Ends a subscription whose time is over: a client's with a push, for the server's the client has to come again.
    pub(crate) fn end_subscription(&mut self, conn: ConnId, subject: u32, now: Instant, world: &mut impl Effects) {
        let head = self.conns[conn].subscriptions;
        if let Some(subscription) = self.hub.subscription_to(head, subject) {
            // What the server began, the client can't begin anew.
            if self.hub.facts(subscription).has(Facts::SERVER_SIDE) {
                self.disconnect(conn, Disconnect::SubscriptionExpired, now);
            } else {
                self.unsubscribe_and_tell(conn, subscription, UnsubscribeCode::Expired, world);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_to_its_question() {
        let mut all = Renewals::default();
        let (one, other) = (ConnId(1), ConnId(2));
        let session = all.begin(one, NONE).unwrap();
        let sub = all.begin(one, 7).unwrap();
        assert_eq!(all.begin(one, 7), None, "it is asked about already");
        assert_eq!(all.take(other, sub), None);
        all.forget(one, 7);
        let again = all.begin(one, 7).unwrap();
        assert_eq!((all.take(one, sub), all.take(one, again), all.take(one, session)), (None, Some(7), Some(NONE)));
        assert_eq!(all.len(), 0);
        all.last = u32::MAX;
        assert_eq!(all.begin(one, 0), Some(1), "zero is no number");
    }
}
