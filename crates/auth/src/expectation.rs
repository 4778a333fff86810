//! From and for whom a token has to be, and where the keys of its issuer are published.
use regex::{Captures, Regex};

use crate::claims::Claims;
use crate::fault::Fault;
use crate::keys::{KeyError, Keys};

/// What `aud` and `iss` have to be, and the address that they lead to.
#[derive(Debug)]
pub(crate) struct Expectation {
    audience: String,
    issuer: String,
    audience_pattern: Option<Regex>,
    issuer_pattern: Option<Regex>,
    endpoint: String,
}

impl Expectation {
    pub(crate) fn new(keys: &Keys) -> Result<Self, KeyError> {
        let regex = |text: &String| (!text.is_empty()).then(|| Regex::new(text)).transpose();
        let expectation = Self {
            audience: keys.audience.clone(),
            issuer: keys.issuer.clone(),
            audience_pattern: regex(&keys.audience_pattern)
                .map_err(|error| KeyError::AudiencePattern(error.to_string()))?,
            issuer_pattern: regex(&keys.issuer_pattern).map_err(|error| KeyError::IssuerPattern(error.to_string()))?,
            endpoint: keys.endpoint.clone(),
        };
        let endpoint = &expectation.endpoint;
        if !(endpoint.is_empty() || endpoint.starts_with("http://") || endpoint.starts_with("https://")) {
            return Err(KeyError::Endpoint(format!("'{endpoint}' is no address that begins with http:// or https://")));
        }
        let patterns = [&expectation.audience_pattern, &expectation.issuer_pattern];
        let is_caught = |name: &str| {
            patterns.iter().copied().flatten().any(|regex| regex.capture_names().flatten().any(|one| one == name))
        };
        if let Some(name) = names(endpoint).find(|name| !is_caught(name)) {
            let reason = format!("no group of audience_regex or issuer_regex is named '{name}'");
            return Err(KeyError::Endpoint(reason));
        }
        Ok(expectation)
    }

    /// The address of the keys, if it is the same for every token.
    pub(crate) fn fixed_endpoint(&self) -> Option<&str> {
        (!self.endpoint.is_empty() && names(&self.endpoint).next().is_none()).then_some(&self.endpoint)
    }

    /// The address of the keys for a token that says this, if there is one; whether that is true is not known yet.
    pub(crate) fn endpoint(&self, claims: &Claims) -> Result<Option<String>, Fault> {
        let mut audience = None;
        if let Some(pattern) = &self.audience_pattern {
            let caught = claims.audiences().find_map(|one| pattern.captures(one));
            audience = Some(caught.ok_or(Fault::Audience)?);
        }
        let mut issuer = None;
        if let Some(pattern) = &self.issuer_pattern {
            let caught = claims.iss.as_deref().and_then(|iss| pattern.captures(iss));
            issuer = Some(caught.ok_or(Fault::Issuer)?);
        }
        if self.endpoint.is_empty() {
            return Ok(None);
        }
        let mut endpoint = self.endpoint.clone();
        for name in names(&self.endpoint) {
            let of = |caught: &Option<Captures<'_>>| Some(caught.as_ref()?.name(name)?.as_str().to_owned());
            let value = of(&issuer).or_else(|| of(&audience)).unwrap_or_default();
            endpoint = endpoint.replace(&format!("{{{{{name}}}}}"), &value);
        }
        Ok(Some(endpoint))
    }

    /// Whether what is signed is from and for whom it should be.
    pub(crate) fn meets(&self, claims: &Claims) -> Result<(), Fault> {
        if !self.audience.is_empty() && !claims.audiences().any(|one| one == self.audience) {
            return Err(Fault::Audience);
        }
        if !self.issuer.is_empty() && claims.iss.as_deref() != Some(self.issuer.as_str()) {
            return Err(Fault::Issuer);
        }
        Ok(())
    }
}

/// The names in double braces.
fn names(endpoint: &str) -> impl Iterator<Item = &str> {
    endpoint.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0))
}
