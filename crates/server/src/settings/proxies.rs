//! The event proxies: who is asked about Centrifugo clients.
use std::sync::Arc;

use hub::Namespace;
use shard::Proxies;

use super::SettingsError;
use super::values::Values;

/// All of them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ProxySettings {
    /// What shards are told: who is asked about what.
    pub shard: Arc<Proxies>,
    /// What the engine is told: whom to ask, and how.
    pub engine: Vec<hook::ProxySettings>,
}

/// Puts them together.
pub(super) fn build(values: &Values, namespaces: &[Namespace]) -> Result<ProxySettings, SettingsError> {
    let mut engine = Vec::new();
    let mut add = |name: &str, is_wanted: bool, section: &str| match is_wanted {
        true => proxy(values, name, section).map(|settings| {
            engine.push(settings);
            u16::try_from(engine.len() - 1).ok()
        }),
        false => Ok(None),
    };
    let connect = add("connect", values.flag("client.proxy.connect.enabled"), "client.proxy.connect")?;
    let subscribes = namespaces.iter().any(|namespace| namespace.subscribe_asked);
    let subscribe = add("subscribe", subscribes, "channel.proxy.subscribe")?;
    let publishes = namespaces.iter().any(|namespace| namespace.publish_asked);
    let publish = add("publish", publishes, "channel.proxy.publish")?;
    let rpc = add("rpc", values.flag("rpc.without_namespace.proxy_enabled"), "rpc.proxy")?;
    let mut fields: Vec<_> = engine.iter().flat_map(|proxy| proxy.fields.iter().cloned()).collect();
    fields.sort();
    fields.dedup();
    let rpc_boundary = values.text("rpc.namespace_boundary").into();
    Ok(ProxySettings { shard: Arc::new(Proxies { connect, subscribe, publish, rpc, rpc_boundary, fields }), engine })
}

fn proxy(values: &Values, name: &str, section: &str) -> Result<hook::ProxySettings, SettingsError> {
    let of = |key: &str| format!("{section}.{key}");
    let mut fields = values.words(&of("http_headers"));
    fields.iter_mut().for_each(|field| field.make_ascii_lowercase());
    if let Some(field) = fields.iter().find(|field| super::hooks::NEVER.contains(&field.as_str())) {
        return Err(values.malformed(&of("http_headers"), format!("'{field}' is no field that is passed on")));
    }
    let settings = hook::ProxySettings {
        name: name.to_owned(),
        endpoint: values.text(&of("endpoint")),
        timeout: values.time(&of("timeout")),
        fields: fields.into_iter().map(Into::into).collect(),
        binary: values.flag(&of("binary_encoding")),
    };
    settings.check().map_err(|error| values.malformed(&of("endpoint"), error.to_string()))?;
    Ok(settings)
}
