//! Members of a JSON object or a YAML mapping that come twice. Their readers take the last one and say nothing; TOML's refuses.
use std::collections::BTreeSet;
use std::fmt;

use figment::providers::Format;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// The first member that is there twice, by its path, such as `channel.namespaces[1].name`. What can't be read has none.
pub(super) fn twice<F: Format>(text: &str) -> Option<String> {
    F::from_str::<Twice>(text).ok()?.0
}

/// What was found in a value.
#[derive(Default)]
struct Twice(Option<String>);

impl<'de> Deserialize<'de> for Twice {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Values)
    }
}

struct Values;

/// What has no members.
macro_rules! plain {
    ($($visit:ident($type:ty)),*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Twice, E> {
            Ok(Twice::default())
        })*
    };
}

impl<'de> Visitor<'de> for Values {
    type Value = Twice;

    plain!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Twice, E> {
        Ok(Twice::default())
    }

    fn visit_none<E>(self) -> Result<Twice, E> {
        Ok(Twice::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Twice, D::Error> {
        Twice::deserialize(from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Twice, A::Error> {
        let (mut found, mut at) = (None, 0);
        while let Some(Twice(within)) = items.next_element()? {
            let path = |within: String| match within.starts_with('[') {
                true => format!("[{at}]{within}"),
                false => format!("[{at}].{within}"),
            };
            found = found.or(within.map(path));
            at += 1;
        }
        Ok(Twice(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Twice, A::Error> {
        let (mut found, mut names) = (None, BTreeSet::new());
        while let Some((name, Twice(within))) = members.next_entry::<String, Twice>()? {
            let path = |within: String| match within.starts_with('[') {
                true => format!("{name}{within}"),
                false => format!("{name}.{within}"),
            };
            found = found.or(within.map(path));
            if names.contains(&name) {
                found = found.or(Some(name));
            } else {
                names.insert(name);
            }
        }
        Ok(Twice(found))
    }
}

#[cfg(test)]
mod tests {
    use figment::providers::{Json, Yaml};

    use super::*;

    #[test]
    fn what_is_there_twice_is_named_by_its_path() {
        for (text, found) in [
            (r#"{"a":{"b":1,"c":[1,null,2.5,"x",true,-1]},"b":2}"#, None),
            (r#"{"a":{"b":1,"b":2}}"#, Some("a.b")),
            (r#"{"a":1,"b":2,"a":{}}"#, Some("a")),
            (r#"{"a":[{"b":1},{"b":1,"c":2,"b":3}]}"#, Some("a[1].b")),
            (r#"{"a":[[{"b":1,"b":3}]]}"#, Some("a[0][0].b")),
            (r#"{"a":1,"a":2"#, None),
        ] {
            assert_eq!(twice::<Json>(text).as_deref(), found, "{text}");
        }
        assert_eq!(twice::<Yaml>("a:\n  - b: 1\n    b: 2\n").as_deref(), Some("a[0].b"));
        assert_eq!(twice::<Yaml>("a: {b: 1}\nc: ~\n"), None);
    }
}
