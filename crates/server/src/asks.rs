//! Questions about Centrifugo clients and what is answered, from the shards' words to the engine's and back.
use hook::Of;
use hub::{Extra, Override, Version};
use shard::{About, Ask, Granted, Said, Token, TokenSub, Told};

// What a back end says is kept by shards, whose bound the engine can't name.
const _: () = assert!(hook::KEY_BYTES_MAX == base::KEY_BYTES_MAX);

/// A shard's question.
pub(crate) fn asked(of: Of, ask: Ask) -> hook::Ask {
    let Ask { fields, emulated, meta, .. } = ask;
    let Ask { proxy, number, client, transport, protocol, user, about, data, .. } = ask;
    let about = match about {
        About::Connect { name, version, channels } => hook::About::Connect {
            name: name.into(),
            version: version.into(),
            channels: channels.into_iter().map(Into::into).collect(),
        },
        About::Subscribe { channel } => hook::About::Subscribe { channel: channel.into() },
        About::Publish { channel } => hook::About::Publish { channel: channel.into() },
        About::Refresh => hook::About::Refresh,
        About::SubRefresh { channel } => hook::About::SubRefresh { channel: channel.into() },
        About::Rpc { method } => hook::About::Rpc { method: method.into() },
    };
    let (user, data) = (user.map(Into::into), data.into());
    hook::Ask { of, proxy, number, client, transport, protocol, user, about, data, fields, emulated, meta }
}

/// The engine's answer.
pub(crate) fn granted(told: hook::Told) -> Told {
    match told {
        hook::Told::Failed => Told::Failed,
        hook::Told::Refused(hook::Said::Error { code, message, temporary }) => {
            Told::Refused(Said::Error { code, message: message.into(), temporary })
        }
        hook::Told::Refused(hook::Said::Disconnect { code, reason }) => {
            Told::Refused(Said::Disconnect { code, reason: reason.into() })
        }
        hook::Told::Result(granted) => {
            let hook::Granted { is_there, expired, user, left, info, meta, data, changes, channels, .. } = *granted;
            let hook::Granted { tags, skip_history, delta, idempotency_key, version, version_epoch, .. } = *granted;
            let subs = channels.into_iter().map(|sub| TokenSub {
                channel: sub.channel.into(),
                info: sub.info.into(),
                data: sub.data.into(),
                changes: overrides(sub.changes),
            });
            let token = Token {
                user: user.into(),
                info: info.into(),
                meta: meta.into(),
                left,
                subs: subs.collect(),
                changes: overrides(changes),
                ..Token::default()
            };
            let extra = Extra {
                publisher: None,
                idempotency_key: Some(idempotency_key).filter(|key| !key.is_empty()).map(Into::into),
                tags: tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
                version: (version > 0).then(|| Version { number: version, epoch: version_epoch.into() }),
                skip_history,
                delta,
            };
            Told::Granted(Box::new(Granted { is_there, expired, token, data: data.map(Into::into), extra }))
        }
    }
}

fn overrides(
    [presence, join_leave, force_push_join_leave, force_positioning, force_recovery]: [Option<bool>; 5],
) -> Override {
    Override { presence, join_leave, force_push_join_leave, force_positioning, force_recovery }
}
