//! The namespaces: Ringcast's, which name subjects by patterns and come first, and Centrifugo's, whose names channels carry.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hub::{Access, DataFormat, HistoryBounds, NameRule, Names, Namespace, Naming, Offer, Pattern};
use regex::Regex;
use shard::ProxyName;

use super::SettingsError;
use super::build::policy;
use super::proxies::Wanted;
use super::reading::{Reading, Section};
use super::values::Values;

/// How long Ringcast's own namespaces keep what they keep, unless they say it.
const HISTORY_TTL: Duration = Duration::from_secs(3_600);

/// All namespaces, in the order in which they are looked at.
pub(super) fn build(
    reading: &Reading,
    naming: &Arc<Naming>,
    proxies: &mut Wanted<'_>,
    dev: bool,
) -> Result<Vec<Namespace>, SettingsError> {
    let format = reading.server.text("channel.publication_data_format");
    let history_bytes_max = reading.server.number("limits.history_bytes");
    let position_age = reading.server.time("channel.history_meta_ttl");
    let options = |values, is_own| Options { values, is_own, format: &format, position_age, history_bytes_max };
    let mut namespaces = Vec::new();
    let mut patterns = BTreeSet::new();
    for Section { spelled, values } in &reading.patterns {
        let text = values.text("pattern");
        if !patterns.insert(text.clone()) {
            let reason = format!("there are two namespaces of '{text}', and the second names nothing");
            return Err(SettingsError::Malformed { key: format!("{spelled}.pattern"), reason });
        }
        let pattern = Pattern::parse(&text).map_err(|error| SettingsError::Malformed {
            key: format!("{spelled}.pattern"),
            reason: format!("'{text}': {error}"),
        })?;
        namespaces.push(options(values, true).namespace(pattern, proxies)?);
    }
    let mut names = BTreeSet::new();
    for Section { spelled, values } in &reading.namespaces {
        let name = values.text("name");
        let wrong = |reason: String| SettingsError::Malformed { key: format!("{spelled}.name"), reason };
        if !is_name(&name) {
            return Err(wrong(format!("'{name}' is no name: two characters at least, of a-z A-Z 0-9 - _ .")));
        }
        if !names.insert(name.clone()) {
            return Err(wrong(format!("there are two namespaces '{name}'")));
        }
        let pattern = Pattern::carrying(Some(&name), naming);
        namespaces.push(options(values, false).namespace(pattern, proxies)?);
    }
    // Who names subjects by patterns, and says nothing of channels, has named all that there are.
    let is_bare = reading.has_bare || !reading.namespaces.is_empty() || reading.patterns.is_empty() && !dev;
    if is_bare || reading.server.flag("client.insecure") {
        namespaces.push(options(&reading.bare, false).namespace(Pattern::carrying(None, naming), proxies)?);
    }
    Ok(namespaces)
}

fn is_name(name: &str) -> bool {
    name.len() >= 2 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// What was said of one namespace.
struct Options<'a> {
    values: &'a Values,
    /// Ringcast's, not Centrifugo's.
    is_own: bool,
    /// The format of publications where it does not name one.
    format: &'a str,
    /// How long positions are kept where it does not say it.
    position_age: Duration,
    /// What all histories together may take.
    history_bytes_max: usize,
}

impl Options<'_> {
    fn namespace(&self, pattern: Pattern, proxies: &mut Wanted<'_>) -> Result<Namespace, SettingsError> {
        let values = self.values;
        let flag = |name: &str| values.flag(name);
        let access = |of: &str| Access {
            client: flag(&format!("allow_{of}_for_client")),
            subscriber: of != "subscribe" && flag(&format!("allow_{of}_for_subscriber")),
            anonymous: flag(&format!("allow_{of}_for_anonymous")),
        };
        let history = self.history()?;
        Ok(Namespace {
            pattern,
            subscribe: if flag("subscribe") { Access::ALL } else { access("subscribe") },
            publish: if flag("publish") { Access::ALL } else { access("publish") },
            user_limited: flag("allow_user_limited_channels"),
            names: self.names(),
            format: self.format(),
            history_access: access("history"),
            presence: flag("presence"),
            presence_access: access("presence"),
            join_leave: flag("join_leave"),
            force_push_join_leave: flag("force_push_join_leave"),
            positioning: offer(flag("force_positioning"), flag("allow_positioning")),
            recovery: self.recovery(history.is_some())?,
            history,
            cache: values.text("force_recovery_mode") == "cache",
            auto_cache: self.auto_cache()?,
            position_age: self.position_age(),
            tags_filter: flag("allow_tags_filter"),
            delta: self.delta()?,
            delta_publish: flag("delta_publish"),
            wildcards: flag("allow_wildcards"),
            subscribe_proxy: self.proxy("subscribe", "channel.proxy.subscribe", proxies)?,
            publish_proxy: self.proxy("publish", "channel.proxy.publish", proxies)?,
            conflate: Duration::from_millis(values.number("conflate_ms")),
            outbox: policy(&values.text("outbox")),
        })
    }

    /// Who is asked about an event, if anybody is; `section` has the default proxy.
    fn proxy(
        &self,
        event: &str,
        section: &'static str,
        proxies: &mut Wanted<'_>,
    ) -> Result<Option<ProxyName>, SettingsError> {
        if !self.values.flag(&format!("{event}_proxy_enabled")) {
            return Ok(None);
        }
        proxies.named(self.values, &format!("{event}_proxy_name"), section).map(Some)
    }

    fn names(&self) -> Names {
        let text = self.values.text("channel_regex");
        match Regex::new(&text) {
            Ok(regex) if !text.is_empty() => Names::Fitting(Arc::new(Fitting(regex))),
            // It was read as one before: only the empty one comes here.
            Ok(_) | Err(_) if self.is_own => Names::Any,
            Ok(_) | Err(_) => Names::Ascii,
        }
    }

    fn format(&self) -> DataFormat {
        let own = self.values.text("publication_data_format");
        match if own.is_empty() { self.format } else { &own } {
            "json" => DataFormat::Json,
            "json_object" => DataFormat::JsonObject,
            "binary" => DataFormat::Binary,
            _ => DataFormat::NotEmpty,
        }
    }

    fn history(&self) -> Result<Option<HistoryBounds>, SettingsError> {
        let values = self.values;
        let count: u32 = values.number("history_size");
        let mut age = values.time("history_ttl");
        if self.is_own && !values.has("history_ttl") {
            age = HISTORY_TTL;
        }
        if count == 0 && (age.is_zero() || self.is_own) {
            return Ok(None);
        }
        if age.is_zero() {
            return Err(values.malformed("history_size", "it wants a history_ttl: how long they are kept"));
        }
        if count == 0 {
            return Err(values.malformed("history_ttl", "it wants a history_size: how many are kept"));
        }
        let meta = values.time("history_meta_ttl");
        if !meta.is_zero() && meta < age {
            return Err(values.malformed("history_meta_ttl", "it has to be as long as history_ttl at least"));
        }
        let bytes: usize = values.number("history.bytes");
        if bytes > self.history_bytes_max && values.has("history.bytes") {
            let all = self.history_bytes_max;
            return Err(values.malformed("history.bytes", format!("{bytes} is more than limits.history_bytes, {all}")));
        }
        Ok(Some(HistoryBounds { count, bytes, age }))
    }

    fn auto_cache(&self) -> Result<bool, SettingsError> {
        let values = self.values;
        let is_cache = values.flag("force_recovery") && values.text("force_recovery_mode") == "cache";
        if values.flag("auto_cache_recover") && !is_cache {
            return Err(
                values.malformed("auto_cache_recover", "it wants force_recovery and force_recovery_mode = cache")
            );
        }
        Ok(values.flag("auto_cache_recover"))
    }

    fn position_age(&self) -> Duration {
        match self.values.time("history_meta_ttl") {
            Duration::ZERO if !self.is_own => self.position_age,
            own => own,
        }
    }

    fn delta(&self) -> Result<bool, SettingsError> {
        let kinds = self.values.words("allowed_delta_types");
        match kinds.iter().find(|kind| *kind != "fossil") {
            Some(other) => {
                let reason = format!("'{other}': there is one kind, fossil");
                Err(self.values.malformed("allowed_delta_types", reason))
            }
            None => Ok(!kinds.is_empty()),
        }
    }

    fn recovery(&self, has_history: bool) -> Result<Offer, SettingsError> {
        let values = self.values;
        if values.flag("force_recovery") && !has_history {
            return Err(
                values.malformed("force_recovery", "there is no history to recover from: it wants history_size")
            );
        }
        let is_forced = values.flag("force_recovery") || self.is_own && !values.has("force_recovery");
        Ok(offer(is_forced, values.flag("allow_recovery")))
    }
}

fn offer(is_forced: bool, is_allowed: bool) -> Offer {
    match (is_forced, is_allowed) {
        (true, _) => Offer::Always,
        (false, true) => Offer::OnRequest,
        (false, false) => Offer::Withheld,
    }
}

/// `channel_regex`. The crate matches in time linear in the name.
#[derive(Debug)]
struct Fitting(Regex);

impl NameRule for Fitting {
    fn admits(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}
