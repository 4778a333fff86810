//! Who may use the API.
use axum::extract::Query;
use axum::http::{HeaderMap, Uri, header};
use serde::Deserialize;
use subtle::{Choice, ConstantTimeEq as _};

#[derive(Deserialize)]
struct KeyInQuery {
    api_key: Option<String>,
}

/// True if the request carries one of the keys. As in Centrifugo, `X-API-Key` goes before `Authorization`, and
/// `?api_key=` is looked at in any case.
pub(crate) fn admits(keys: &[String], headers: &HeaderMap, uri: &Uri) -> bool {
    let in_headers = match headers.get("x-api-key") {
        Some(key) => Some(key.as_bytes()),
        None => headers.get(header::AUTHORIZATION).and_then(|value| after_scheme(value.as_bytes())),
    };
    if in_headers.is_some_and(|key| is_one_of(keys, key)) {
        return true;
    }
    let in_query = Query::<KeyInQuery>::try_from_uri(uri).ok().and_then(|query| query.0.api_key);
    in_query.is_some_and(|key| is_one_of(keys, key.as_bytes()))
}

/// The credentials of `apikey KEY`. A scheme's case does not count (RFC 9110 section 11.1).
fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(b"apikey ".len())?;
    scheme.eq_ignore_ascii_case(b"apikey ").then(|| key.trim_ascii())
}

/// Takes as long for a key that is nearly right as for one that is all wrong. An empty key is none.
fn is_one_of(keys: &[String], offered: &[u8]) -> bool {
    let mut found = Choice::from(0);
    for key in keys.iter().filter(|key| !key.is_empty()) {
        found |= key.as_bytes().ct_eq(offered);
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(headers: &[(&'static str, &'static str)], uri: &'static str) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        admits(&["secret".into(), "other".into(), String::new()], &headers, &Uri::from_static(uri))
    }

    #[test]
    fn a_key_is_looked_for_where_clients_put_it() {
        assert!(admitted(&[("x-api-key", "secret")], "/api/publish"));
        assert!(admitted(&[("x-api-key", "other")], "/api/publish"));
        assert!(admitted(&[("authorization", "apikey secret")], "/api/publish"));
        assert!(admitted(&[("authorization", "ApiKey  secret")], "/api/publish"));
        assert!(admitted(&[], "/api/publish?api_key=secret"));
        assert!(admitted(&[("x-api-key", "wrong")], "/api/publish?api_key=secret"));
    }

    #[test]
    fn nothing_else_gets_in() {
        assert!(!admitted(&[], "/api/publish"));
        assert!(!admitted(&[], "/api/publish?api_key="));
        assert!(!admitted(&[("x-api-key", "")], "/api/publish"));
        assert!(!admitted(&[("x-api-key", "secre")], "/api/publish"));
        assert!(!admitted(&[("x-api-key", "secret2")], "/api/publish"));
        assert!(!admitted(&[("authorization", "Bearer secret")], "/api/publish"));
        assert!(!admitted(&[("authorization", "secret")], "/api/publish"));
        assert!(!admitted(&[("x-api-key", "wrong"), ("authorization", "apikey secret")], "/api/publish"));
    }
}
