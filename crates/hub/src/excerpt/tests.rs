use super::*;
use crate::{Draft, HistoryBounds, Kind, Namespace, Pattern};
use base::SubjectKey;
use core::time::Duration;

fn hub(count: u32) -> Hub {
    let history = HistoryBounds { count, bytes: 1 << 20, age: Duration::from_secs(60) };
    let kept = Namespace { history: Some(history), ..Namespace::closed(Pattern::parse("kept.>").unwrap()) };
    let bare = Namespace::closed(Pattern::parse("bare.>").unwrap());
    Hub::new(SubjectKey([7, 9]), alloc::vec![kept, bare], 1 << 20, 100)
}

/// A subject with publications of 10 bytes, the first of `count` being 1.
fn filled(hub: &mut Hub, count: u64) -> u32 {
    let row = hub.enter("kept.a");
    for _ in 0..count {
        let draft = Draft { payload: b"0123456789".as_slice().into(), kind: Kind::Text, extra: None };
        hub.publish(row, draft, Instant::ORIGIN);
    }
    row
}

fn offsets(hub: &mut Hub, row: u32, since: Option<u64>, reverse: bool, publications: u32, bytes: usize) -> Vec<u64> {
    let epoch = hub.top(row).epoch;
    let since = since.map(|offset| Position { epoch, offset });
    let query = ExcerptQuery { since, reverse, bounds: RecoveryBounds { publications, bytes, newest_only: false } };
    let excerpt = hub.excerpt(row, &query, Instant::ORIGIN).unwrap();
    assert_eq!(excerpt.top, hub.top(row));
    excerpt.publications.iter().map(|publication| publication.position.offset).collect()
}

#[test]
fn an_excerpt_is_what_was_asked_for_in_that_order() {
    let mut hub = hub(5);
    let row = filled(&mut hub, 8);
    for (since, reverse, limit, want) in [
        (None, false, 100, &[4, 5, 6, 7, 8][..]),
        (None, false, 2, &[4, 5]),
        (None, true, 2, &[8, 7]),
        (None, true, 100, &[8, 7, 6, 5, 4]),
        (None, false, 0, &[]),
        (Some(6), false, 100, &[7, 8]),
        (Some(6), false, 1, &[7]),
        (Some(6), true, 100, &[5, 4]),
        (Some(1), false, 100, &[4, 5, 6, 7, 8]),
        (Some(1), true, 100, &[]),
        (Some(8), false, 100, &[]),
        (Some(u64::MAX), false, 100, &[]),
        (Some(u64::MAX), true, 2, &[8, 7]),
        (Some(0), false, 1, &[4]),
    ] {
        assert_eq!(offsets(&mut hub, row, since, reverse, limit, 1 << 20), want, "{since:?} {reverse} {limit}");
    }
}

#[test]
fn bytes_bound_an_excerpt_but_never_to_nothing() {
    let mut hub = hub(5);
    let row = filled(&mut hub, 5);
    assert_eq!(offsets(&mut hub, row, None, false, 100, 25), [1, 2]);
    assert_eq!(offsets(&mut hub, row, None, true, 100, 25), [5, 4]);
    assert_eq!(offsets(&mut hub, row, Some(2), false, 100, 1), [3]);
}

#[test]
fn another_epoch_is_told() {
    let mut hub = hub(5);
    let row = filled(&mut hub, 1);
    let bounds = RecoveryBounds { publications: 9, bytes: 99, newest_only: false };
    let of = |epoch| ExcerptQuery { since: Some(Position { epoch, offset: 0 }), reverse: false, bounds };
    for epoch in [hub.top(row).epoch + 1, Position::NO_EPOCH] {
        assert_eq!(hub.excerpt(row, &of(epoch), Instant::ORIGIN).unwrap_err(), ExcerptError::OtherEpoch);
    }
    assert_eq!(hub.excerpt(row, &of(Position::ANY_EPOCH), Instant::ORIGIN).unwrap().publications.len(), 1);
    assert_eq!(hub.keeps_history("kept.a"), Ok(()));
    assert_eq!(hub.keeps_history("bare.a"), Err(ExcerptError::NotKept));
    assert_eq!(hub.keeps_history("else"), Err(ExcerptError::NoNamespace));
}

#[test]
fn a_removed_history_keeps_its_position() {
    let mut hub = hub(5);
    let row = filled(&mut hub, 3);
    let epoch = hub.top(row).epoch;
    hub.remove_history(row);
    assert_eq!(hub.history_publications(), 0);
    assert_eq!(hub.top(row), Position { epoch, offset: 3 });
    assert!(!hub.release(row), "a subject with a position to remember is not forgotten");
    assert!(offsets(&mut hub, row, None, false, 9, 99).is_empty());
    let bounds = RecoveryBounds { publications: 9, bytes: 99, newest_only: false };
    assert!(hub.recover(row, Some(Position { epoch, offset: 3 }), bounds, Instant::ORIGIN).gapless);
    assert!(!hub.recover(row, Some(Position { epoch, offset: 2 }), bounds, Instant::ORIGIN).gapless);
    filled(&mut hub, 1);
    assert_eq!(offsets(&mut hub, row, None, false, 9, 99), [4]);
    hub.expire_histories(Instant::ORIGIN + Duration::from_secs(60), 9);
    assert_eq!(hub.subjects(), 0);
}
