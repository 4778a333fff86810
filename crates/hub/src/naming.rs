//! What a channel's name says by itself: its namespace, that it is private, and whose it is.
use alloc::boxed::Box;

/// The marks in names of channels. Each is Centrifugo's option of the same name and has its default; an empty mark means nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naming {
    /// Begins the name of a channel that nobody subscribes to without a token.
    pub private_prefix: Box<str>,
    /// Ends the namespace's name, where it comes first.
    pub namespace_boundary: Box<str>,
    /// Begins the list of users that may subscribe, where it comes last.
    pub user_boundary: Box<str>,
    /// Stands between users.
    pub user_separator: Box<str>,
}

impl Default for Naming {
    fn default() -> Self {
        Self {
            private_prefix: "$".into(),
            namespace_boundary: ":".into(),
            user_boundary: "#".into(),
            user_separator: ",".into(),
        }
    }
}

impl Naming {
    /// Whether only a token opens the channel.
    #[must_use]
    pub fn is_private(&self, channel: &str) -> bool {
        !self.private_prefix.is_empty() && channel.starts_with(&*self.private_prefix)
    }

    /// The namespace that the name names, if it names one, and what comes behind it.
    #[must_use]
    pub fn split<'a>(&self, channel: &'a str) -> (Option<&'a str>, &'a str) {
        let bare = match &*self.private_prefix {
            "" => channel,
            prefix => channel.strip_prefix(prefix).unwrap_or(channel),
        };
        match &*self.namespace_boundary {
            "" => (None, bare),
            boundary => bare.split_once(boundary).map_or((None, bare), |(namespace, rest)| (Some(namespace), rest)),
        }
    }

    /// Whether the name ends in a list of users.
    #[must_use]
    pub fn is_limited(&self, channel: &str) -> bool {
        self.users(channel).is_some()
    }

    /// Whether the name lists the user. Nobody is listed by an empty entry: who has no user is not.
    #[must_use]
    pub fn lists(&self, channel: &str, user: &str) -> bool {
        let Some(users) = self.users(channel) else { return false };
        let listed = match &*self.user_separator {
            "" => users == user,
            separator => users.split(separator).any(|listed| listed == user),
        };
        listed && !user.is_empty()
    }

    fn users<'a>(&self, channel: &'a str) -> Option<&'a str> {
        match &*self.user_boundary {
            "" => None,
            boundary => channel.rsplit_once(boundary).map(|(_, users)| users),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_ends_at_the_first_boundary_and_the_private_prefix_is_none_of_it() {
        let naming = Naming::default();
        for (channel, namespace, rest) in [
            ("news", None, "news"),
            ("$news", None, "news"),
            ("a:b", Some("a"), "b"),
            ("a:b:c", Some("a"), "b:c"),
            ("$a:b", Some("a"), "b"),
            ("$$a:b", Some("$a"), "b"),
            (":b", Some(""), "b"),
            ("", None, ""),
        ] {
            assert_eq!(naming.split(channel), (namespace, rest), "{channel}");
        }
        assert!(naming.is_private("$a") && !naming.is_private("a$") && !naming.is_private(""));
    }

    #[test]
    fn users_are_listed_behind_the_last_boundary() {
        let naming = Naming::default();
        assert!(naming.lists("chat#ann", "ann") && naming.lists("chat#bob,ann", "ann"));
        assert!(!naming.lists("chat#ann#bob", "ann") && naming.lists("chat#ann#bob", "bob"));
        assert!(!naming.lists("chat#annabel", "ann") && !naming.lists("chat", "chat"));
        assert!(!naming.lists("chat#", "") && !naming.lists("chat#ann,", ""), "an empty entry is nobody");
        assert!(naming.is_limited("chat#") && !naming.is_limited("chat"));
    }

    #[test]
    fn an_empty_mark_means_nothing() {
        let naming = Naming { private_prefix: "".into(), namespace_boundary: "".into(), ..Naming::default() };
        assert!(!naming.is_private("$a") && naming.split("$a:b") == (None, "$a:b"));
        let naming = Naming { user_boundary: "".into(), ..Naming::default() };
        assert!(!naming.is_limited("a#b") && !naming.lists("a#b", "b"));
        let naming = Naming { user_separator: "".into(), ..Naming::default() };
        assert!(naming.lists("a#b", "b") && !naming.lists("a#b,c", "b"));
    }
}
