//! The event proxies: who is asked about Centrifugo clients, and about what.
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hook::{Said, StatusMeans, speaks_grpc};
use shard::{Calls, Field, Methods, Proxies, ProxyName};

use super::SettingsError;
use super::hooks::is_forwardable;
use super::reading::{Reading, Section};
use super::tls::tls;
use super::value::Means;
use super::values::Values;

/// All of them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ProxySettings {
    /// What shards are told: who is asked about what.
    pub shard: Arc<Proxies>,
    /// What the engine is told: whom to ask, and how.
    pub engine: Vec<hook::ProxySettings>,
}

/// What is asked about a connect, in the words of its section.
const CONNECT: &str = "client.proxy.connect";
/// What is asked about a session whose time is over.
const REFRESH: &str = "client.proxy.refresh";
/// The section of a proxy that answers calls.
const RPC: &str = "rpc.proxy";

/// Those that somebody wants, as they are asked for.
#[derive(Debug)]
pub(super) struct Wanted<'r> {
    reading: &'r Reading,
    engine: BTreeMap<String, hook::ProxySettings>,
}

impl<'r> Wanted<'r> {
    pub(super) fn new(reading: &'r Reading) -> Result<Self, SettingsError> {
        let mut names = BTreeSet::new();
        for Section { spelled, values } in &reading.proxies {
            let name = values.text("name");
            let wrong = |reason: String| SettingsError::Malformed { key: format!("{spelled}.name"), reason };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
                return Err(wrong(format!("'{name}' is no name: one of a-z A-Z 0-9 - _ . at least")));
            }
            if name == DEFAULT || !names.insert(name.clone()) {
                return Err(wrong(format!("there are two proxies '{name}'")));
            }
        }
        Ok(Self { reading, engine: BTreeMap::new() })
    }

    /// The proxy of an option of a namespace, such as `subscribe_proxy_name`: the default one of `section`, or a named one.
    pub(super) fn named(
        &mut self,
        values: &Values,
        option: &str,
        section: &'static str,
    ) -> Result<ProxyName, SettingsError> {
        let name = values.text(option);
        if name == DEFAULT {
            return self.default(section);
        }
        let Some(Section { spelled, values: own }) = self.find(&name) else {
            let known: Vec<_> = self.reading.proxies.iter().map(|one| one.values.text("name")).collect();
            let reason = format!("there is no proxy '{name}': 'default', or one of proxies ({})", known.join(", "));
            return Err(values.malformed(option, reason));
        };
        self.add(format!("proxies.{name}"), own, "", spelled)
    }

    fn find(&self, name: &str) -> Option<&'r Section> {
        self.reading.proxies.iter().find(|one| one.values.text("name") == name)
    }

    /// The proxy of a section.
    pub(super) fn default(&mut self, section: &'static str) -> Result<ProxyName, SettingsError> {
        self.add(section.to_owned(), &self.reading.server, &format!("{section}."), section)
    }

    fn add(&mut self, name: String, values: &Values, before: &str, spelled: &str) -> Result<ProxyName, SettingsError> {
        let known = ProxyName::from(&*name);
        if let Entry::Vacant(free) = self.engine.entry(name) {
            let settings = proxy(free.key(), values, before, spelled)?;
            free.insert(settings);
        }
        Ok(known)
    }

    /// Puts them together.
    pub(super) fn build(mut self) -> Result<ProxySettings, SettingsError> {
        let server = &self.reading.server;
        let connect = if server.flag("client.proxy.connect.enabled") { Some(self.default(CONNECT)?) } else { None };
        let refresh = if server.flag("client.proxy.refresh.enabled") { Some(self.default(REFRESH)?) } else { None };
        let calls = self.calls()?;
        let mut fields = BTreeMap::<_, bool>::new();
        for (name, proxy) in &self.engine {
            for (names, is_emulated) in [(&proxy.fields, false), (&proxy.emulated, true)] {
                for field in names {
                    *fields.entry((field.clone(), is_emulated)).or_default() |= name != CONNECT;
                }
            }
        }
        let field = |((name, is_emulated), is_kept)| Field { name, is_emulated, is_kept };
        let fields = fields.into_iter().map(field).collect();
        // Who connects has none yet.
        let meta = self.engine.iter().any(|(name, proxy)| proxy.meta && name != CONNECT);
        let shard = Arc::new(Proxies { connect, refresh, calls, fields, meta });
        Ok(ProxySettings { shard, engine: self.engine.into_values().collect() })
    }

    fn calls(&mut self) -> Result<Calls, SettingsError> {
        let reading = self.reading;
        let server = &reading.server;
        let bare = if server.flag("rpc.without_namespace.proxy_enabled") {
            Some(self.named(server, "rpc.without_namespace.proxy_name", RPC)?)
        } else {
            None
        };
        let mut namespaces = BTreeMap::new();
        for Section { spelled, values } in &reading.methods {
            let name = values.text("name");
            let proxy = if values.flag("proxy_enabled") { Some(self.named(values, "proxy_name", RPC)?) } else { None };
            let wrong = |reason: String| SettingsError::Malformed { key: format!("{spelled}.name"), reason };
            if name.is_empty() {
                return Err(wrong("it has to have a name".into()));
            }
            if namespaces.insert(Box::from(&*name), Methods { proxy }).is_some() {
                return Err(wrong(format!("there are two namespaces '{name}'")));
            }
        }
        let ping = server.flag("rpc.ping.enabled").then(|| server.text("rpc.ping.method").into());
        let boundary = server.text("rpc.namespace_boundary").into();
        Ok(Calls { bare: Methods { proxy: bare }, namespaces, boundary, ping })
    }
}

/// What names the proxy of the section of the event.
const DEFAULT: &str = "default";

/// One proxy; its keys begin with `before`, and are called by `spelled`.
fn proxy(name: &str, values: &Values, before: &str, spelled: &str) -> Result<hook::ProxySettings, SettingsError> {
    let of = |key: &str| format!("{before}{key}");
    let malformed = |key: &str, reason: String| match values.has(&of(key)) {
        true => values.malformed(&of(key), reason),
        false => SettingsError::Malformed { key: format!("{spelled}.{key}"), reason },
    };
    let fields = |mut fields: Vec<String>, key: &str| {
        fields.iter_mut().for_each(|field| field.make_ascii_lowercase());
        match fields.iter().find(|field| !is_forwardable(field)) {
            Some(field) => Err(malformed(key, format!("'{field}' is no field that is passed on"))),
            None => Ok(fields.into_iter().map(Box::from).collect::<Vec<Box<str>>>()),
        }
    };
    let endpoint = values.text(&of("endpoint"));
    let is_grpc = speaks_grpc(&endpoint);
    let (language, constant) = if is_grpc { ("grpc", "grpc.static_metadata") } else { ("http", "http.static_headers") };
    let (names, texts) = values.pairs(&of(constant)).into_iter().unzip();
    let names = fields(names, constant)?;
    let credentials = values.text(&of("grpc.credentials_key"));
    let credentials: Vec<_> = Some(credentials).filter(|key| is_grpc && !key.is_empty()).into_iter().collect();
    let credentials = fields(credentials, "grpc.credentials_key")?.into_iter().next();
    let tls = tls(values, &of(&format!("{language}.tls.")))
        .map_err(|(key, error)| malformed(&format!("{language}.tls.{key}"), error))?;
    let settings = hook::ProxySettings {
        name: name.to_owned(),
        endpoint,
        timeout: values.time(&of("timeout")),
        fields: fields(values.words(&of("http_headers")), "http_headers")?,
        emulated: fields(values.words(&of("emulated_headers")), "emulated_headers")?,
        constant: names.into_iter().zip::<Vec<String>>(texts).collect(),
        statuses: values.statuses(&of("http.status_to_code_transforms")).into_iter().map(means).collect(),
        binary: values.flag(&of("binary_encoding")),
        meta: values.flag(&of("include_connection_meta")),
        tls,
        credentials: credentials.map(|key| (key, values.text(&of("grpc.credentials_value")))),
        compresses: values.flag(&of("grpc.compression")),
    };
    settings.check().map_err(|(key, error)| malformed(&key, error))?;
    Ok(settings)
}

fn means(of: super::value::StatusMeans) -> StatusMeans {
    let said = match of.means {
        Means::Error { code, message, temporary } => Said::Error { code, message, temporary },
        Means::Disconnect { code, reason } => Said::Disconnect { code, reason },
    };
    StatusMeans { status: of.status, said }
}
