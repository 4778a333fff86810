//! A question as a message.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;

use super::message::{Common, Connect, Publish, Refresh, SubRefresh, Subscribe};
use crate::{About, Ask};

impl About {
    /// What the call is called.
    pub(super) const fn method(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "Connect",
            Self::Refresh => "Refresh",
            Self::Subscribe { .. } => "Subscribe",
            Self::Publish { .. } => "Publish",
            Self::Rpc { .. } => "RPC",
            Self::SubRefresh { .. } => "SubRefresh",
        }
    }
}

impl Ask {
    /// The message, with the client's meta if that is wanted. Data is bytes, whatever they are; `is_binary` has them in base64 all the same.
    pub(super) fn message(&self, is_binary: bool, wants_meta: bool) -> Vec<u8> {
        let common = Common {
            client: self.client.clone(),
            transport: self.transport.to_owned(),
            protocol: self.protocol.to_owned(),
            encoding: if is_binary { "binary" } else { "json" }.to_owned(),
            user: self.user.clone().unwrap_or_default(),
        };
        let meta = self.meta.as_deref().filter(|_| wants_meta).unwrap_or_default().to_vec();
        let (data, b64data) = match is_binary {
            true => (Vec::new(), STANDARD.encode(&self.data)),
            false => (self.data.clone(), String::new()),
        };
        let mut message = common.encode_to_vec();
        // Each is said behind what is common to all: a vector has room for it.
        message.extend(match self.about.clone() {
            About::Connect { name, version, channels } => {
                Connect { data, b64data, name, version, channels }.encode_to_vec()
            }
            About::Refresh => Refresh { meta }.encode_to_vec(),
            About::Subscribe { channel } => Subscribe { channel, meta, data, b64data }.encode_to_vec(),
            About::Publish { channel } | About::Rpc { method: channel } => {
                Publish { channel, data, b64data, meta }.encode_to_vec()
            }
            About::SubRefresh { channel } => SubRefresh { channel, meta }.encode_to_vec(),
        });
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Of;

    fn ask(about: About, user: Option<&str>) -> Ask {
        Ask {
            of: Of { shard: 0, conn: 1, generation: 1 },
            proxy: "p".into(),
            number: 0,
            client: "c".into(),
            transport: "websocket",
            protocol: "json",
            user: user.map(Into::into),
            about,
            data: b"\xFF{}".to_vec(),
            fields: Vec::new(),
            emulated: Vec::new(),
            meta: Some(b"{}"[..].into()),
        }
    }

    /// A field of bytes, as the wire has it.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    fn wanted(fields: &[(u8, &str)]) -> Vec<u8> {
        let common = [(1, "c"), (2, "websocket"), (3, "json")];
        common.iter().chain(fields).flat_map(|(number, text)| field(*number, text.as_bytes())).collect()
    }

    #[test]
    fn a_question_has_centrifugos_numbers() {
        let base64 = "/3t9";
        let binary = |about, user| ask(about, user).message(true, true);
        let channel = || "ch".to_owned();
        let about = About::Connect { name: "n".into(), version: "v".into(), channels: vec!["a".into(), "b".into()] };
        assert_eq!(
            binary(about, None),
            wanted(&[(4, "binary"), (11, base64), (12, "n"), (13, "v"), (14, "a"), (14, "b")]),
            "who connects has neither user nor meta"
        );
        let ours = |fields: &[(u8, &'static str)]| wanted(&[&[(4, "binary"), (10, "ann")], fields].concat());
        let ann = Some("ann");
        assert_eq!(binary(About::Refresh, ann), ours(&[(11, "{}")]));
        assert_eq!(binary(About::Subscribe { channel: channel() }, ann), ours(&[(11, "ch"), (13, "{}"), (15, base64)]));
        let with_data = ours(&[(11, "ch"), (13, base64), (14, "{}")]);
        assert_eq!(binary(About::Publish { channel: channel() }, ann), with_data);
        assert_eq!(binary(About::Rpc { method: channel() }, ann), with_data);
        assert_eq!(binary(About::SubRefresh { channel: channel() }, ann), ours(&[(11, "ch"), (12, "{}")]));
    }

    #[test]
    fn data_is_bytes_unless_it_is_base64() {
        let message = ask(About::Publish { channel: "ch".into() }, Some("")).message(false, false);
        let mut bytes = wanted(&[(4, "json"), (11, "ch")]);
        bytes.extend(field(12, b"\xFF{}"));
        assert_eq!(message, bytes);
    }
}
