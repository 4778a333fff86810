//! WHATWG HTML, section 9.2: event streams, read by an interpreter that follows its steps.
use base::Prng;
use wire::sse::{write_comment, write_event, write_retry};

/// An event as `EventSource` dispatches it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Dispatched {
    id: String,
    event: String,
    data: String,
}

/// Section 9.2.6, "Interpreting an event stream": lines end in CR LF, LF or CR.
fn interpret(stream: &str) -> Vec<Dispatched> {
    let (mut id, mut event, mut data, mut all) = (String::new(), String::new(), String::new(), Vec::new());
    let unified = stream.replace("\r\n", "\n").replace('\r', "\n");
    for line in unified.split_terminator('\n') {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                let name = if event.is_empty() { "message" } else { &event };
                all.push(Dispatched { id: id.clone(), event: name.into(), data: data.into() });
            }
            (event, data) = (String::new(), String::new());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => id = value.into(),
            "event" => event = value.into(),
            "data" => data = data + value + "\n",
            _ => {}
        }
    }
    all
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_event_with_all_it_can_have() {
    let out = written(|out| write_event(out, Some("7.e"), Some("reset"), Some(b"one\ntwo")));
    assert_eq!(out, "id: 7.e\nevent: reset\ndata: one\ndata: two\n\n");
}

#[test]
fn an_id_alone_moves_the_position_and_dispatches_nothing() {
    let out = written(|out| {
        write_event(out, Some("1"), None, None);
        write_event(out, None, None, Some(b"x"));
    });
    assert_eq!(interpret(&out), [Dispatched { id: "1".into(), event: "message".into(), data: "x".into() }]);
}

#[test]
fn data_in_lines_of_every_kind() {
    for (data, read) in [
        ("", ""),
        ("\n", "\n"),
        ("\r\n", "\n"),
        ("\r", "\n"),
        ("\n\r", "\n\n"),
        ("a\nb", "a\nb"),
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("\n\n\n", "\n\n\n"),
        (" leading", " leading"),
        (":colon", ":colon"),
        ("data: x", "data: x"),
        ("ä\n🦀", "ä\n🦀"),
    ] {
        let out = written(|out| write_event(out, None, None, Some(data.as_bytes())));
        assert_eq!(interpret(&out).iter().map(|event| &event.data).collect::<Vec<_>>(), [read], "{data:?}: {out:?}");
    }
}

#[test]
fn comments_and_retries_are_no_events() {
    let out = written(|out| {
        write_comment(out, "");
        write_comment(out, "still here\ndata: not an event");
        write_retry(out, 1_500);
    });
    assert_eq!(out, ": \n\n: still here\n: data: not an event\n\nretry: 1500\n\n");
    assert_eq!(interpret(&out), []);
}

#[test]
fn random_data_comes_back_with_its_line_ends_unified() {
    for seed in 0..2_000 {
        let mut random = Prng::new(seed, "event stream");
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for number in 0..1 + random.below(4) {
            let letters = ["a", ":", " ", "\n", "\r", "\r\n", "data", "ä"];
            let count = random.below(12);
            let data: String = (0..count).map(|_| letters[usize::try_from(random.below(8)).unwrap()]).collect();
            let id = number.to_string();
            write_event(&mut stream, Some(&id), None, Some(data.as_bytes()));
            let data = data.replace("\r\n", "\n").replace('\r', "\n");
            expected.push(Dispatched { id, event: "message".into(), data });
        }
        assert_eq!(interpret(std::str::from_utf8(&stream).unwrap()), expected, "seed {seed}");
    }
}
