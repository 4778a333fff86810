//! A Centrifugo message in JSON: reading ends, says what is left, and agrees with serde_json about what JSON is; what was
//! read can be sent on and is read back.
#![no_main]
use libfuzzer_sys::fuzz_target;
use protocol::centrifugo::{Data, Publication, Request};
use protocol::centrifugo_json::{commands, push_publication};
use protocol::is_json;
use serde_json::Value;

fuzz_target!(|message: &[u8]| {
    // serde_json's values have bounds (depth, size of numbers) that a payload need not keep.
    if serde_json::from_slice::<Value>(message).is_ok() {
        assert!(is_json(message));
    }
    let mut row = commands(message);
    let mut before = 0;
    while let Some(command) = row.next() {
        let Ok(command) = command else {
            assert!(row.next().is_none(), "nothing follows an error");
            break;
        };
        assert!(row.consumed() > before && row.consumed() + row.rest().len() == message.len());
        before = row.consumed();
        if let Request::Publish(publish) = command.request
            && !publish.data.is_empty()
        {
            assert!(is_json(&publish.data));
            let mut line = Vec::new();
            let data = Data::Json(&publish.data);
            let publication = Publication { data, offset: 1, info: None, tags: &[], channel: "", delta: false };
            push_publication(&mut line, &publish.channel, &publication);
            assert!(is_json(&line) && !line.contains(&b'\n'));
        }
    }
});
