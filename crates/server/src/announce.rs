//! What the server says when it starts.
use std::net::SocketAddr;

use ring::Features;

use crate::settings::{LogLevel, Settings};

/// Where it serves, on what, and what is unusual about its settings.
pub(crate) fn announce(settings: &Settings, address: SocketAddr, shards: u16, cores: &[usize], features: Features) {
    for warning in settings.warnings.iter().filter(|_| settings.log_level >= LogLevel::Warn) {
        eprintln!("ringcast: warning: {warning}");
    }
    if settings.admission.insecure && settings.log_level >= LogLevel::Warn {
        eprintln!("client.insecure: every client may subscribe and publish to every channel that has a namespace");
    }
    if settings.log_level >= LogLevel::Info {
        introduce(address, shards, cores, features);
    }
    for door in settings.doors().filter(|_| settings.log_level >= LogLevel::Info) {
        eprintln!("ws2api on http://{door}");
    }
    for hook in settings.hooks.iter().filter(|hook| hook.shard.open) {
        let prefix = &hook.shard.prefix;
        let address = hook.listen.unwrap_or(address);
        eprintln!("ws2api {prefix}: INSECURE: everybody who reaches {address} may push to its clients");
    }
    for proxy in settings.proxies.engine.iter().filter(|one| one.tls.as_ref().is_some_and(|tls| tls.is_unverified)) {
        let (name, endpoint) = (&proxy.name, proxy.shown_endpoint());
        eprintln!("{name}: INSECURE: whoever answers at {endpoint} is believed, whatever its certificate");
    }
    // Whatever is logged: that everything is open is nothing to be quiet about.
    if settings.dev {
        eprintln!("DEVELOPMENT MODE: everybody who reaches {address} may publish and subscribe to everything");
    }
}

/// Where and how it serves.
fn introduce(address: SocketAddr, shards: u16, cores: &[usize], features: Features) {
    let kernel = rustix::system::uname();
    eprintln!(
        "ringcast {} serves on http://{address}: {shards} {} on {} {}",
        env!("CARGO_PKG_VERSION"),
        if shards == 1 { "shard" } else { "shards" },
        usize::from(shards).min(cores.len()),
        if shards.min(u16::try_from(cores.len()).unwrap_or(u16::MAX)) == 1 { "core" } else { "cores" },
    );
    eprintln!("kernel {}: {features}", kernel.release().to_string_lossy());
}
