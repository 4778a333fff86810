//! Reading the sources in their order: what each says of each key, what is unknown and what is missing.
use figment::value::{Dict, Value as Written};

use super::key::{Key, Kind, State};
use super::keys::{
    HOOK, HOOKS, METHOD, METHODS, NAMESPACE, NAMESPACES, PATTERNS, PROXIES, PROXY, SERVER, Table, WITHOUT_NAMESPACE,
};
use super::twice::twice;
use super::value::is_off;
use super::values::Values;
use super::warning::{Warning, nearest};
use super::{SettingsError, older};

/// What all sources have said so far.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) server: Values,
    /// Options of `channel.without_namespace`.
    pub(crate) bare: Values,
    /// Whether anything was said of them.
    pub(crate) has_bare: bool,
    /// `channel.namespaces`.
    pub(crate) namespaces: Vec<Section>,
    /// `namespace`: patterns of subjects.
    pub(crate) patterns: Vec<Section>,
    /// `ws2api`: prefixes whose WebSockets are a back end's.
    pub(crate) hooks: Vec<Section>,
    /// `proxies`: event proxies that namespaces may name.
    pub(crate) proxies: Vec<Section>,
    /// `rpc.namespaces`.
    pub(crate) methods: Vec<Section>,
    pub(crate) warnings: Vec<Warning>,
    source: u32,
}

/// What was said of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// What it was called: `channel.namespaces[0]`.
    pub(crate) spelled: String,
    pub(crate) values: Values,
}

impl Reading {
    pub(crate) fn new() -> Self {
        Self {
            server: Values::new(&SERVER),
            bare: Values::new(&NAMESPACE),
            has_bare: false,
            namespaces: Vec::new(),
            patterns: Vec::new(),
            hooks: Vec::new(),
            proxies: Vec::new(),
            methods: Vec::new(),
            warnings: Vec::new(),
            source: 0,
        }
    }

    /// The source that comes now says everything anew; it wins over those before it.
    pub(crate) fn next_source(&mut self) {
        self.source += 1;
    }

    /// Takes a file.
    pub(crate) fn file(&mut self, file: &Dict) -> Result<(), SettingsError> {
        self.next_source();
        for (name, written) in file {
            self.tree(name, written)?;
        }
        Ok(())
    }

    fn tree(&mut self, path: &str, written: &Written) -> Result<(), SettingsError> {
        if let (WITHOUT_NAMESPACE, Written::Dict(_, options)) = (path, written) {
            self.has_bare = true;
            return self.options(Target::Bare, "", options);
        }
        let is_node = path == WITHOUT_NAMESPACE || SERVER.find(path).is_none() && !is_list(path);
        if let Written::Dict(_, section) = written
            && is_node
            && SERVER.has_section(path)
        {
            return section.iter().try_for_each(|(name, written)| self.tree(&format!("{path}.{name}"), written));
        }
        self.put(path, written, path.to_owned())
    }

    /// Takes one value of a key that is written with its sections.
    pub(crate) fn put(&mut self, path: &str, written: &Written, spelled: String) -> Result<(), SettingsError> {
        if matches!(written, Written::Empty(..)) {
            return Ok(());
        }
        if is_list(path) {
            return self.list(path, written, &spelled);
        }
        if let Some(option) = path.strip_prefix(WITHOUT_NAMESPACE).and_then(|rest| rest.strip_prefix('.')) {
            self.has_bare = true;
            return self.option(Target::Bare, option, written, spelled);
        }
        let Some(key) = SERVER.find(path) else {
            self.unknown(&SERVER, path, spelled);
            return Ok(());
        };
        let is_news = if is_opaque(key) {
            !is_off(written)
        } else {
            self.server.put(key, written, spelled.clone(), self.source)?
        };
        self.warn_if_missing(key, is_news, spelled);
        Ok(())
    }

    fn unknown(&mut self, table: &'static Table, path: &str, spelled: String) {
        if let Some(meant) = older::meant(table, path) {
            self.warnings.push(Warning::Older { key: spelled, meant });
            return;
        }
        let nearest = nearest(table, path).map(str::to_owned);
        self.warnings.push(Warning::Unknown { key: spelled, nearest });
    }

    fn warn_if_missing(&mut self, key: &Key, is_news: bool, spelled: String) {
        if let State::Missing(reason) = key.state
            && is_news
        {
            self.warnings.push(Warning::Missing { key: spelled, reason });
        }
    }

    // ---- namespaces ----

    /// A list of namespaces replaces the one of an earlier source.
    fn list(&mut self, path: &str, written: &Written, spelled: &str) -> Result<(), SettingsError> {
        let malformed = |reason: &str| SettingsError::Malformed { key: spelled.to_owned(), reason: reason.to_owned() };
        let list = match written {
            Written::Array(_, list) => list.clone(),
            Written::String(_, text) if text.trim_start().starts_with('[') => {
                list_of_text(text).map_err(|reason| malformed(&reason))?
            }
            Written::String(_, names) if matches!(path, NAMESPACES | PROXIES | METHODS) => {
                names.split_whitespace().map(named).collect()
            }
            Written::String(..)
            | Written::Char(..)
            | Written::Bool(..)
            | Written::Num(..)
            | Written::Empty(..)
            | Written::Dict(..) => return Err(malformed("a list is wanted")),
        };
        let target = |at| match path {
            PATTERNS => Target::Pattern(at),
            HOOKS => Target::Hook(at),
            PROXIES => Target::Proxy(at),
            METHODS => Target::Methods(at),
            _ => Target::Namespace(at),
        };
        self.sections(target(0)).clear();
        for (at, item) in list.iter().enumerate() {
            let spelled = format!("{spelled}[{at}]");
            let Written::Dict(_, options) = item else {
                return Err(SettingsError::Malformed {
                    key: spelled,
                    reason: "options in a section are wanted".into(),
                });
            };
            self.sections(target(at)).push(Section { spelled, values: Values::new(target(at).table()) });
            self.options(target(at), "", options)?;
        }
        Ok(())
    }

    fn sections(&mut self, of: Target) -> &mut Vec<Section> {
        match of {
            Target::Bare | Target::Namespace(_) => &mut self.namespaces,
            Target::Pattern(_) => &mut self.patterns,
            Target::Hook(_) => &mut self.hooks,
            Target::Proxy(_) => &mut self.proxies,
            Target::Methods(_) => &mut self.methods,
        }
    }

    fn options(&mut self, target: Target, prefix: &str, options: &Dict) -> Result<(), SettingsError> {
        for (name, written) in options {
            let option = format!("{prefix}{name}");
            if let Written::Dict(_, section) = written
                && target.table().find(&option).is_none()
                && target.table().has_section(&option)
            {
                self.options(target, &format!("{option}."), section)?;
            } else {
                let spelled = format!("{}.{option}", self.spelled(target));
                self.option(target, &option, written, spelled)?;
            }
        }
        Ok(())
    }

    /// Takes one option of one namespace.
    pub(crate) fn option(
        &mut self,
        target: Target,
        option: &str,
        written: &Written,
        spelled: String,
    ) -> Result<(), SettingsError> {
        if matches!(written, Written::Empty(..)) {
            return Ok(());
        }
        let Some(key) = target.table().find(option) else {
            self.unknown(target.table(), option, spelled);
            return Ok(());
        };
        let source = self.source;
        let values = match target {
            Target::Bare => &mut self.bare,
            Target::Namespace(at) => &mut self.namespaces[at].values,
            Target::Pattern(at) => &mut self.patterns[at].values,
            Target::Hook(at) => &mut self.hooks[at].values,
            Target::Proxy(at) => &mut self.proxies[at].values,
            Target::Methods(at) => &mut self.methods[at].values,
        };
        let is_news =
            if is_opaque(key) { !is_off(written) } else { values.put(key, written, spelled.clone(), source)? };
        self.warn_if_missing(key, is_news, spelled);
        Ok(())
    }

    fn spelled(&self, target: Target) -> &str {
        match target {
            Target::Bare => WITHOUT_NAMESPACE,
            Target::Namespace(at) => &self.namespaces[at].spelled,
            Target::Pattern(at) => &self.patterns[at].spelled,
            Target::Hook(at) => &self.hooks[at].spelled,
            Target::Proxy(at) => &self.proxies[at].spelled,
            Target::Methods(at) => &self.methods[at].spelled,
        }
    }
}

/// Whose an option is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Bare,
    Namespace(usize),
    Pattern(usize),
    Hook(usize),
    Proxy(usize),
    Methods(usize),
}

impl Target {
    pub(crate) fn table(self) -> &'static Table {
        match self {
            Self::Bare | Self::Namespace(_) | Self::Pattern(_) => &NAMESPACE,
            Self::Hook(_) => &HOOK,
            Self::Proxy(_) => &PROXY,
            Self::Methods(_) => &METHOD,
        }
    }
}

fn is_list(path: &str) -> bool {
    matches!(path, NAMESPACES | PATTERNS | HOOKS | PROXIES | METHODS)
}

/// True for what is not looked into: sections that don't work.
fn is_opaque(key: &Key) -> bool {
    matches!(key.kind, Kind::Anything) && matches!(key.state, State::Missing(_) | State::Idle(_))
}

fn named(name: &str) -> Written {
    Written::from(Dict::from([("name".to_owned(), Written::from(name.to_owned()))]))
}

/// A list of objects as variables write it: JSON, or figment's notation, `[{name=chat}]`.
pub(crate) fn list_of_text(text: &str) -> Result<Vec<Written>, String> {
    use figment::providers::{Format as _, Json};
    let wrapped = format!("{{\"list\":{text}}}");
    if let Some(key) = twice::<Json>(&wrapped) {
        return Err(format!("{} is there twice", key.strip_prefix("list").unwrap_or(&key)));
    }
    let json = Json::from_str::<Dict>(&wrapped).map_err(|error| error.to_string());
    let list = match json {
        Ok(mut dict) => dict.remove("list"),
        Err(error) => match text.parse::<Written>() {
            Ok(list @ Written::Array(..)) => Some(list),
            Ok(_) | Err(_) => return Err(format!("it is neither names nor JSON: {error}")),
        },
    };
    match list {
        Some(Written::Array(_, list)) => Ok(list),
        Some(_) | None => Err("a list is wanted".to_owned()),
    }
}
