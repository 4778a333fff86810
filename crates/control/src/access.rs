//! Who may use the API. It may change while the server runs.
use std::sync::{Arc, PoisonError, RwLock};

/// The rules of the API.
#[derive(Clone, Default, Debug)]
pub struct ApiRules {
    /// Its keys. Empty: nobody gets in, unless it is open or the server is for development.
    pub keys: Vec<String>,
    /// Whether no key is wanted.
    pub open: bool,
    /// Whether an error is an HTTP status too; a request can ask for it by itself.
    pub errors_as_status: bool,
}

/// The rules as they are now, shared by all who have a clone.
#[derive(Clone, Default, Debug)]
pub struct ApiAccess(Arc<RwLock<ApiRules>>);

impl ApiAccess {
    /// Begins with these rules.
    #[must_use]
    pub fn new(rules: ApiRules) -> Self {
        Self(Arc::new(RwLock::new(rules)))
    }

    /// From now on these rules hold.
    pub fn change(&self, rules: ApiRules) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    /// Looks at the rules.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&ApiRules) -> T) -> T {
        // Rules are whole whoever panicked over them.
        at(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
