//! Where connections go to and come from.
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, ToSocketAddrs as _};

use crate::LoadError;

/// Connections from one source address: the default port range has 28,232 ports, and a bind finds a free one fast
/// while most are free.
const CONNS_PER_SOURCE: u32 = 12_000;

/// The servers' addresses and the addresses that subscribers come from.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    targets: Vec<SocketAddr>,
    /// Empty: the kernel chooses, unless the target is loopback.
    sources: Vec<Ipv4Addr>,
    /// The `Host` field.
    pub(crate) host: String,
}

impl Addresses {
    /// Resolves `targets` (`host:port`, or a URL). Without `sources`, loopback targets get sources in 127.128.0.0/9 that start
    /// somewhere else in each run: the ports of the last run may still be in TIME_WAIT.
    pub(crate) fn new(targets: &[String], sources: &[Ipv4Addr], seed: u64) -> Result<Self, LoadError> {
        let mut resolved = Vec::new();
        for target in targets {
            let name = host_and_port(target)?;
            let found = name.to_socket_addrs().map_err(|cause| LoadError::Argument(format!("{name}: {cause}")))?;
            let first = found.into_iter().next();
            resolved.push(first.ok_or_else(|| LoadError::Argument(format!("{name}: no address")))?);
        }
        let Some(first) = targets.first() else {
            return Err(LoadError::Argument("no target: give host:port".to_owned()));
        };
        let mut sources = sources.to_vec();
        let on_loopback = |target: &SocketAddr| target.is_ipv4() && target.ip().is_loopback();
        if sources.is_empty() && resolved.iter().all(on_loopback) {
            let start = base::Prng::new(seed, "source addresses").next_u64() as u32;
            sources = (0..1_024).map(|n| loopback(start.wrapping_add(n))).collect();
        }
        Ok(Self { targets: resolved, sources, host: host_and_port(first)? })
    }

    /// Where client `number` connects to.
    pub(crate) fn target(&self, number: u32) -> SocketAddr {
        self.targets[number as usize % self.targets.len()]
    }

    /// What client `number` binds to before, if anything.
    pub(crate) fn source(&self, number: u32) -> Option<SocketAddrV4> {
        let count = self.sources.len();
        if count == 0 {
            return None;
        }
        Some(SocketAddrV4::new(self.sources[(number / CONNS_PER_SOURCE) as usize % count], 0))
    }

    /// True if server and swarm share this host's kernel.
    pub(crate) fn are_local(&self) -> bool {
        self.targets.iter().all(|target| target.ip().is_loopback())
    }
}

fn loopback(number: u32) -> Ipv4Addr {
    // 254 hosts in each of 32,768 networks: 127.128.0.1 to 127.255.255.254.
    let host = (number % 254) as u8 + 1;
    let network = (number / 254) % 32_768;
    Ipv4Addr::new(127, 128 + (network >> 8) as u8, network as u8, host)
}

/// `host:port` of `http://host:port/…`, `ws://…`, `host:port` or `host` (port 8000).
pub(crate) fn host_and_port(target: &str) -> Result<String, LoadError> {
    if target.starts_with("https://") || target.starts_with("wss://") {
        return Err(LoadError::Argument(format!("{target}: TLS is not spoken here")));
    }
    let rest = target.strip_prefix("http://").or_else(|| target.strip_prefix("ws://")).unwrap_or(target);
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() {
        return Err(LoadError::Argument(format!("{target}: no host")));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { authority.to_owned() } else { format!("{authority}:8000") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_url_or_host_and_port() {
        for (given, wanted) in [
            ("http://a:1/x", "a:1"),
            ("ws://a/", "a:8000"),
            ("a", "a:8000"),
            ("127.0.0.1:9", "127.0.0.1:9"),
            ("[::1]:9", "[::1]:9"),
        ] {
            assert_eq!(host_and_port(given).unwrap(), wanted);
        }
        assert!(host_and_port("wss://a").is_err());
        assert!(host_and_port("http:///x").is_err());
    }

    #[test]
    fn sources_stay_on_loopback_and_change_with_the_client() {
        let addresses = Addresses::new(&["127.0.0.1:8000".to_owned()], &[], 3).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for number in (0..1_200_000).step_by(1_000) {
            let source = addresses.source(number).unwrap();
            assert!(source.ip().is_loopback());
            assert_eq!(source.port(), 0);
            seen.insert(*source.ip());
        }
        assert_eq!(seen.len(), 100);
        assert!(addresses.are_local());
    }
}
