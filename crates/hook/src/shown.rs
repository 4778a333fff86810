//! URLs as people and metrics are shown them: what may be a secret is left out.

/// The URL without user and password, query and fragment: `scheme://host:port/path`. What is no URL is cut by the same rules.
pub(crate) fn without_secrets(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (scheme, rest) = url[..end].split_once("://").map_or(("", &url[..end]), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let between = if scheme.is_empty() { "" } else { "://" };
    [scheme, between, host, path].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_left_out() {
        for (url, shown) in [
            ("http://127.0.0.1:9/hooks", "http://127.0.0.1:9/hooks"),
            ("https://ann:p@ss@back.example:1/a/b?key=x#y", "https://back.example:1/a/b"),
            ("http://u:p@a", "http://a"),
            ("http://a?key=x/y@z", "http://a"),
            ("http://a/x@y", "http://a/x@y"),
            ("http://[::1]:9/x", "http://[::1]:9/x"),
            ("ann:secret@a/x?y", "a/x"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(url), shown, "{url}");
        }
    }
}
