//! Keys of Centrifugo v5, whose file is flat, and what they are called since v6.
use super::keys::{METHODS, NAMESPACE, NAMESPACES, SERVER, Table, WITHOUT_NAMESPACE, variable};

/// Those that are no key of v6 with underscores for its points.
const IRREGULAR: &[(&str, &str)] = &[
    ("api_disable", "http_api.disabled"),
    ("engine", "engine.type"),
    ("global_history_meta_ttl", "channel.history_meta_ttl"),
    ("name", "node.name"),
    ("namespaces", NAMESPACES),
    ("proxy_binary_encoding", "client.proxy.connect.binary_encoding"),
    ("proxy_http_headers", "client.proxy.connect.http_headers"),
    ("proxy_include_connection_meta", "client.proxy.connect.include_connection_meta"),
    ("proxy_rpc", "rpc.without_namespace.proxy_enabled"),
    ("proxy_static_http_headers", "client.proxy.connect.http.static_headers"),
    ("rpc_namespaces", METHODS),
    ("rpc_proxy_name", "rpc.without_namespace.proxy_name"),
    ("separate_subscription_token_config", "client.subscription_token.enabled"),
    ("tls_cert", "http_server.tls.cert_pem"),
    ("tls_key", "http_server.tls.key_pem"),
    ("usage_stats_disable", "usage_stats.disabled"),
    ("user_personal_channel_namespace", "client.subscribe_to_user_personal_channel.personal_channel_namespace"),
    ("user_personal_single_connection", "client.subscribe_to_user_personal_channel.single_connection"),
    ("user_subscribe_to_personal", "client.subscribe_to_user_personal_channel.enabled"),
    ("websocket_disable", "websocket.disabled"),
];

/// Options of namespaces.
const OPTIONS: &[(&str, &str)] = &[
    ("proxy_publish", "publish_proxy_enabled"),
    ("proxy_sub_refresh", "sub_refresh_proxy_enabled"),
    ("proxy_subscribe", "subscribe_proxy_enabled"),
    ("proxy_subscribe_stream", "subscribe_stream_proxy_enabled"),
];

/// The proxies that events have since v6.
const PROXIES: [(&str, &str); 6] = [
    ("proxy_connect_", "client.proxy.connect."),
    ("proxy_refresh_", "client.proxy.refresh."),
    ("proxy_rpc_", "rpc.proxy."),
    ("proxy_sub_refresh_", "channel.proxy.sub_refresh."),
    ("proxy_subscribe_", "channel.proxy.subscribe."),
    ("proxy_publish_", "channel.proxy.publish."),
];

/// What sections the keys of v6 are in that had none before.
const SECTIONS: [&str; 5] = ["", "client_", "http_", "http_server_", "channel_"];

/// What a key that there isn't was called before; none if it never was one. In the table of a namespace it is an option.
pub(super) fn meant(table: &'static Table, name: &str) -> Option<String> {
    if name.contains('.') {
        return None;
    }
    let listed = |list: &[(&str, &str)]| list.iter().find(|(old, _)| *old == name).map(|(_, new)| (*new).to_owned());
    if !core::ptr::eq(table, &raw const SERVER) {
        return listed(OPTIONS).filter(|option| table.find(option).is_some());
    }
    let of_event = || {
        let new = PROXIES.into_iter().find_map(|(old, new)| Some(format!("{new}{}", name.strip_prefix(old)?)));
        new.filter(|new| SERVER.find(new).is_some())
    };
    let in_section = || SECTIONS.into_iter().find_map(|section| spelled_out(&format!("{section}{name}")));
    let of_namespace = || {
        let option = listed(OPTIONS).unwrap_or_else(|| name.to_owned());
        NAMESPACE.find(&option).map(|_| format!("{WITHOUT_NAMESPACE}.{option}"))
    };
    let switch = || Some(format!("{name}.enabled")).filter(|key| SERVER.exact(key).is_some());
    listed(IRREGULAR).or_else(of_event).or_else(in_section).or_else(of_namespace).or_else(switch)
}

/// The key whose points are underscores here.
fn spelled_out(flat: &str) -> Option<String> {
    let key = SERVER.of_variable(&variable(flat))?;
    // It may be one below a section that nobody looks into.
    let below = flat.get(key.name.len()..).and_then(|rest| rest.strip_prefix('_'));
    Some(below.map_or_else(|| key.name.to_owned(), |below| format!("{}.{below}", key.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_before_are_known_by_what_they_are_called_since() {
        for (old, new) in [
            ("token_hmac_secret_key", "client.token.hmac_secret_key"),
            ("token_jwks_public_endpoint", "client.token.jwks_public_endpoint"),
            ("subscription_token_hmac_secret_key", "client.subscription_token.hmac_secret_key"),
            ("allowed_origins", "client.allowed_origins"),
            ("allow_anonymous_connect_without_token", "client.allow_anonymous_connect_without_token"),
            ("client_insecure", "client.insecure"),
            ("client_channel_limit", "client.channel_limit"),
            ("ping_interval", "client.ping_interval"),
            ("api_key", "http_api.key"),
            ("api_insecure", "http_api.insecure"),
            ("admin_password", "admin.password"),
            ("port", "http_server.port"),
            ("address", "http_server.address"),
            ("namespaces", "channel.namespaces"),
            ("history_meta_ttl", "channel.history_meta_ttl"),
            ("channel_max_length", "channel.max_length"),
            ("history_size", "channel.without_namespace.history_size"),
            ("allow_subscribe_for_client", "channel.without_namespace.allow_subscribe_for_client"),
            ("proxy_subscribe", "channel.without_namespace.subscribe_proxy_enabled"),
            ("proxy_connect_endpoint", "client.proxy.connect.endpoint"),
            ("proxy_sub_refresh_timeout", "channel.proxy.sub_refresh.timeout"),
            ("uni_sse", "uni_sse.enabled"),
            ("websocket_compression", "websocket.compression"),
            ("log_level", "log.level"),
            ("user_subscribe_to_personal", "client.subscribe_to_user_personal_channel.enabled"),
        ] {
            assert_eq!(meant(&SERVER, old).as_deref(), Some(new), "{old}");
        }
        for none in ["prot", "zzz", "client.insecur", "limit", "proxy_connect_nonsense"] {
            assert_eq!(meant(&SERVER, none), None, "{none}");
        }
        assert_eq!(meant(&NAMESPACE, "proxy_publish").as_deref(), Some("publish_proxy_enabled"));
        assert_eq!(meant(&NAMESPACE, "api_key"), None);
    }

    #[test]
    fn what_is_listed_is_there() {
        for (_, new) in IRREGULAR.iter().filter(|(_, new)| ![NAMESPACES, METHODS].contains(new)) {
            assert!(SERVER.find(new).is_some(), "{new}");
        }
        for (_, new) in OPTIONS {
            assert!(NAMESPACE.find(new).is_some(), "{new}");
        }
    }
}
