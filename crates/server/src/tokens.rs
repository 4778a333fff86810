//! The shards' verifier: keys from the settings, and the time of day.
use std::sync::Arc;
use std::time::Duration;

use hub::{Meant, Operation, Operations, Override};
use shard::{Token, TokenError, TokenKind, TokenSub, TokenVerifier, Tokens};

use crate::bans::Bans;
use crate::clock;
use crate::settings::{TokenSettings, Verifiers};

/// What a shard is told about tokens.
pub(crate) fn tokens(settings: &TokenSettings, verifiers: &Verifiers, bans: &Arc<Bans>) -> Tokens {
    let is_any = verifiers.connection.is_some() || verifiers.subscription.is_some();
    let verifier = is_any.then(|| Arc::new(Gate(verifiers.clone(), Arc::clone(bans))) as Arc<dyn TokenVerifier>);
    Tokens { verifier, connection_grace: settings.connection_grace, subscription_grace: settings.subscription_grace }
}

/// Shared by all shards: it is only read.
#[derive(Debug)]
struct Gate(Verifiers, Arc<Bans>);

impl TokenVerifier for Gate {
    fn verify(&self, kind: TokenKind, token: &str) -> Result<Token, TokenError> {
        let now = clock::unix_seconds();
        let verified = match kind {
            TokenKind::Connection => self.0.connection.as_ref().map(|verifier| verifier.connection(token, now)),
            TokenKind::Subscription => self.0.subscription.as_ref().map(|verifier| verifier.subscription(token, now)),
        };
        let verified = verified.ok_or(TokenError::Invalid)?;
        let token = verified.map_err(|error| match error {
            auth::TokenError::Expired => TokenError::Expired,
            auth::TokenError::Invalid(_) => TokenError::Invalid,
            auth::TokenError::Later => TokenError::Later,
        })?;
        if self.1.is_revoked(kind, &token, now) {
            // Its time is over, though it says otherwise: whoever has it fetches another one.
            return Err(TokenError::Expired);
        }
        let auth::Token { data, changes, caps, allow, deny, .. } = token;
        let auth::Token { user, id, issued: _, channel, info, meta, expires, subs, .. } = token;
        Ok(Token {
            user: user.into(),
            id: id.into(),
            channel: channel.unwrap_or_default().into(),
            info: info.into_bytes().into(),
            meta: meta.into_bytes().into(),
            left: expires.map(|at| Duration::from_secs(u64::try_from(at.saturating_sub(now)).unwrap_or(0))),
            subs: subs.into_iter().map(sub).collect(),
            data: data.into(),
            changes: changed(changes),
            caps: caps.into_iter().map(cap).collect(),
            allow: operations(allow),
            deny: operations(deny),
        })
    }

    fn regex_fits(&self, expression: &str, name: &str) -> bool {
        auth::regex_fits(expression, name)
    }
}

fn cap(cap: auth::Cap) -> hub::Cap {
    let auth::Cap { channels, meant, allow, deny } = cap;
    hub::Cap {
        channels: channels.into_iter().map(String::into_boxed_str).collect(),
        meant: match meant {
            None | Some(auth::Meant::Exact) => Meant::Exact,
            Some(auth::Meant::Wildcard) => Meant::Wildcard,
            Some(auth::Meant::Regex) => Meant::Regex,
        },
        allow: operations(allow.unwrap_or_default()),
        deny: operations(deny.unwrap_or_default()),
    }
}

fn operations(operations: Vec<auth::Operation>) -> Operations {
    let same = |operation| match operation {
        auth::Operation::Subscribe => Operation::Subscribe,
        auth::Operation::Publish => Operation::Publish,
        auth::Operation::Presence => Operation::Presence,
        auth::Operation::History => Operation::History,
    };
    operations.into_iter().map(same).collect()
}

fn sub(sub: auth::TokenSub) -> TokenSub {
    let auth::TokenSub { channel, info, data, changes } = sub;
    TokenSub { channel: channel.into(), info: info.into_bytes().into(), data: data.into(), changes: changed(changes) }
}

fn changed(changes: auth::Changes) -> Override {
    let auth::Changes { presence, join_leave, force_push_join_leave, force_positioning, force_recovery } = changes;
    Override { presence, join_leave, force_push_join_leave, force_positioning, force_recovery }
}
