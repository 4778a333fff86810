//! A Centrifugo message in Protobuf: reading ends, says what is left, and reads on from there as if it had not stopped; what
//! was read can be sent on, and prost reads it back.
#![no_main]
use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use protocol::centrifugo::{Data, Publication, Request};
use protocol::centrifugo_protobuf::message::Reply;
use protocol::centrifugo_protobuf::{commands, push_publication};

fuzz_target!(|message: &[u8]| {
    let mut row = commands(message);
    let mut before = 0;
    while let Some(command) = row.next() {
        let Ok(command) = command else {
            assert!(row.next().is_none(), "nothing follows an error");
            break;
        };
        assert!(row.consumed() > before && row.consumed() + row.rest().len() == message.len());
        before = row.consumed();
        if !row.rest().is_empty() {
            assert_eq!(commands(row.rest()).next(), row.clone().next(), "what waited is what follows");
        }
        if let Request::Publish(publish) = command.request {
            let mut pushed = Vec::new();
            let publication = Publication {
                data: Data::Bytes(&publish.data),
                offset: 1,
                info: None,
                tags: &[],
                channel: "",
                delta: false,
            };
            push_publication(&mut pushed, &publish.channel, &publication);
            let push =
                Reply::decode_length_delimited(&*pushed).expect("what is written is read").push.unwrap_or_default();
            assert_eq!(push.channel, publish.channel);
            assert_eq!(push.publication.unwrap_or_default().data, &*publish.data);
        }
    }
});
