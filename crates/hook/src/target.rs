//! The URL of a back end, and those of its clients. Nothing is normalized: what a client wrote is what the back end gets.
use hyper::Uri;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};

/// A back end's URL in parts.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// Ends without a slash.
    path: String,
}

impl Target {
    /// Reads it; says what is wrong with it.
    pub(crate) fn read(url: &str) -> Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "it is no URL")?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let scheme = scheme.ok_or("it begins with http:// or https://")?;
        let authority = parts.authority.filter(|authority| !authority.host().is_empty()).ok_or("a host is missing")?;
        if authority.as_str().contains('@') {
            return Err("a user and a password in a URL are not sent");
        }
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::as_str);
        if path.contains('?') || url.contains('#') {
            return Err("a ClientID is appended to it: it has neither query nor fragment");
        }
        Ok(Self { scheme, authority, path: path.trim_end_matches('/').to_owned() })
    }

    /// The URL of a client; `None` if the id has what a URL can't have.
    pub(crate) fn client(&self, id: &str, query: Option<&str>) -> Option<Uri> {
        let path = match query {
            Some(query) => format!("{}/{id}?{query}", self.path),
            None => format!("{}/{id}", self.path),
        };
        self.at(&path)
    }

    fn at(&self, path: &str) -> Option<Uri> {
        let path = PathAndQuery::try_from(path).ok()?;
        Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path).build().ok()
    }

    /// Where a redirect leads, if it stays with this host: an absolute URL, or a path from the root.
    pub(crate) fn redirected(&self, location: &str) -> Option<Uri> {
        if location.starts_with('/') && !location.starts_with("//") {
            return self.at(location.split('#').next().unwrap_or_default());
        }
        let uri: Uri = location.parse().ok()?;
        let same = uri.scheme() == Some(&self.scheme) && uri.authority() == Some(&self.authority);
        same.then_some(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_appended_as_it_is() {
        let target = Target::read("http://127.0.0.1:9/hooks/").unwrap();
        for id in ["a", "%41", "a%2Fb", "%3F%23", "%25zz", "a|b^~", "+;,=", "%c3%a4"] {
            assert_eq!(target.client(id, None).unwrap().to_string(), format!("http://127.0.0.1:9/hooks/{id}"));
        }
        assert_eq!(target.client("a", Some("b=%20c")).unwrap().path_and_query().unwrap(), "/hooks/a?b=%20c");
        assert!(target.client("a b", None).is_none() && target.client("a\r\nb", None).is_none());
    }

    #[test]
    fn what_is_no_back_end() {
        for url in ["", "127.0.0.1:9", "ftp://a/", "http:///x", "http://a/?x", "http://a/#x", "http://u:p@a/", "/x"] {
            assert!(Target::read(url).is_err(), "{url}");
        }
        assert!(Target::read("https://back.example").is_ok());
    }

    #[test]
    fn a_redirect_stays_with_its_host() {
        let target = Target::read("http://a:1/x").unwrap();
        assert_eq!(target.redirected("/y?z#f").unwrap().to_string(), "http://a:1/y?z");
        assert!(target.redirected("http://a:1/y").is_some());
        for elsewhere in ["http://b:1/y", "https://a:1/y", "http://a/y", "//b/y", "y", "", "http://[", "/a b"] {
            assert!(target.redirected(elsewhere).is_none(), "{elsewhere}");
        }
    }
}
