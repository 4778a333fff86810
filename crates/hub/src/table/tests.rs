use super::*;
use crate::{Access, Draft, HistoryBounds, Kind, Pattern, Position};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use base::{Instant, Prng};
use core::time::Duration;

fn hub(history: Option<HistoryBounds>, bytes_max: usize) -> Hub {
    let namespace =
        Namespace { subscribe: Access::ALL, publish: Access::ALL, history, ..Namespace::closed(Pattern::everything()) };
    Hub::new(SubjectKey([7, 9]), alloc::vec![namespace], bytes_max, 100)
}

fn bounds(count: u32) -> HistoryBounds {
    HistoryBounds { count, bytes: 1 << 20, age: Duration::from_secs(60) }
}

fn most(publications: u32) -> RecoveryBounds {
    RecoveryBounds { publications, bytes: 1 << 20, newest_only: false }
}

fn draft(text: &str) -> Draft {
    Draft { payload: text.as_bytes().into(), kind: Kind::Text, extra: None }
}

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

#[test]
fn offsets_count_from_one_and_history_keeps_the_newest() {
    let mut hub = hub(Some(bounds(3)), 1 << 20);
    let row = hub.enter("news");
    for n in 1..=5 {
        assert_eq!(hub.publish(row, draft(&format!("{n}")), at(0)).position.offset, n);
    }
    let epoch = hub.top(row).epoch;
    let offsets = |found: &Recovered| found.missed.iter().map(|p| p.position.offset).collect::<Vec<_>>();

    let found = hub.recover(row, Some(Position { epoch, offset: 3 }), most(100), at(0));
    assert_eq!((found.gapless, offsets(&found)), (true, alloc::vec![4, 5]));
    let found = hub.recover(row, Some(Position { epoch, offset: 1 }), most(100), at(0));
    assert_eq!((found.gapless, offsets(&found)), (false, alloc::vec![3, 4, 5]));
    let found = hub.recover(row, Some(Position { epoch: epoch + 1, offset: 4 }), most(2), at(0));
    assert_eq!((found.gapless, offsets(&found)), (false, alloc::vec![4, 5]));
    let found = hub.recover(row, Some(Position { epoch, offset: 9 }), most(100), at(0));
    assert!(!found.gapless, "a position from the future is none of this life");
    let found = hub.recover(row, Some(Position { epoch, offset: 5 }), most(100), at(0));
    assert!(found.gapless && found.missed.is_empty());
}

#[test]
fn a_recovery_over_its_bytes_is_a_gap_and_brings_the_newest() {
    let mut hub = hub(Some(bounds(10)), 1 << 20);
    let row = hub.enter("news");
    for _ in 0..4 {
        hub.publish(row, draft(&"x".repeat(100)), at(0));
    }
    let since = Some(Position { epoch: hub.top(row).epoch, offset: 0 });
    let found = hub.recover(row, since, RecoveryBounds { publications: 10, bytes: 250, newest_only: false }, at(0));
    assert_eq!((found.gapless, found.missed.len(), found.missed[0].position.offset), (false, 2, 3));
    let found = hub.recover(row, since, RecoveryBounds { publications: 10, bytes: 400, newest_only: false }, at(0));
    assert_eq!((found.gapless, found.missed.len()), (true, 4));
}

#[test]
fn publications_grow_old() {
    let mut hub = hub(Some(bounds(10)), 1 << 20);
    let row = hub.enter("news");
    hub.publish(row, draft("a"), at(0));
    hub.publish(row, draft("b"), at(30));
    let since = Position { epoch: hub.top(row).epoch, offset: 0 };
    assert_eq!(hub.recover(row, Some(since), most(9), at(59)).missed.len(), 2);
    let found = hub.recover(row, Some(since), most(9), at(61));
    assert_eq!((found.gapless, found.missed.len()), (false, 1));
    assert_eq!(hub.next_history_expiry(), Some(at(90)));
    hub.expire_histories(at(90), 10);
    assert_eq!((hub.subjects(), hub.history_publications(), hub.memory()[2] - hub.histories.bytes()), (0, 0, 0));
}

#[test]
fn the_quietest_history_makes_room() {
    let mut hub = hub(Some(bounds(10)), 4_000);
    for n in 0..100 {
        let row = hub.enter(&format!("s{n}"));
        hub.publish(row, draft(&"x".repeat(200)), at(0));
        assert!(hub.history_bytes <= 4_000);
    }
    assert!(hub.find("s0").is_none() && hub.find("s99").is_some());
    assert_eq!(hub.subjects(), hub.history_publications());
}

#[test]
fn one_history_is_no_more_than_all_may_be() {
    let mut hub = hub(Some(bounds(1_000)), 4_000);
    let row = hub.enter("greedy");
    for _ in 0..100 {
        hub.publish(row, draft(&"x".repeat(200)), at(0));
        assert!(hub.history_bytes <= 4_000);
    }
    assert!((2..20).contains(&hub.history_publications()), "{}", hub.history_publications());
    hub.publish(row, draft(&"x".repeat(5_000)), at(0));
    assert_eq!((hub.history_bytes, hub.history_publications()), (size_of::<History>(), 0));
    hub.publish(row, draft("small"), at(0));
    let since = Position { epoch: hub.top(row).epoch, offset: 101 };
    let found = hub.recover(row, Some(since), most(9), at(0));
    assert_eq!((found.gapless, found.missed.len()), (true, 1), "what was too large to keep is before that");
}

#[test]
fn a_subject_nobody_needs_is_forgotten_and_starts_a_new_life() {
    let mut hub = hub(None, 0);
    let row = hub.enter("a");
    hub.publish(row, draft("x"), at(0));
    let before = hub.top(row);
    assert!(hub.release(row));
    let row = hub.enter("a");
    assert_ne!(hub.top(row).epoch, before.epoch);
    hub.watch(row, ShardId(3));
    hub.watch(row, ShardId(127));
    assert!(!hub.release(row));
    assert_eq!(hub.watchers(row, 0).collect::<Vec<_>>(), [ShardId(3), ShardId(127)]);
    hub.unwatch(row, ShardId(3));
    hub.unwatch(row, ShardId(127));
    assert!(hub.release(row));
}

/// The lists against plain maps, by seed.
#[test]
fn subscriptions_agree_with_a_plain_map() {
    for seed in 0..32 {
        let mut random = Prng::new(seed, "hub");
        let mut hub = hub(None, 0);
        let mut heads: BTreeMap<u32, u32> = BTreeMap::new();
        let mut model: BTreeMap<(u32, String), ()> = BTreeMap::new();
        for _ in 0..1_500 {
            let conn = u32::try_from(random.below(20)).unwrap();
            let name = format!("subject-{}", random.below(12));
            let head = heads.entry(conn).or_insert(NONE);
            let row = hub.enter(&name);
            match hub.subscription_to(*head, row) {
                None => {
                    *head = hub.subscribe(ConnId(conn), row, *head, true);
                    model.insert((conn, name), ());
                }
                Some(subscription) => {
                    hub.unsubscribe(subscription, head);
                    hub.release(row);
                    model.remove(&(conn, name));
                }
            }
            assert_eq!(hub.subscriptions(), model.len(), "seed {seed}");
        }
        for n in 0..12 {
            let name = format!("subject-{n}");
            let mut listed = Vec::new();
            let mut at = hub.find(&name).map_or(NONE, |row| hub.first(row));
            while at != NONE {
                listed.push(hub.subscription(at).conn.0);
                at = hub.subscription(at).next();
            }
            listed.sort_unstable();
            let expected: Vec<u32> = model.keys().filter(|(_, s)| *s == name).map(|(c, _)| *c).collect();
            assert_eq!(listed, expected, "seed {seed}");
        }
    }
}

#[test]
fn a_million_subjects_come_and_go_without_growing_the_hub() {
    let mut hub = hub(None, 0);
    let mut peak = 0;
    for round in 0..50 {
        let rows: Vec<u32> = (0..20_000).map(|n| hub.enter(&format!("round-{round}-subject-{n}"))).collect();
        for row in rows {
            assert!(hub.release(row));
        }
        let held: usize = hub.memory().iter().sum();
        assert!(round == 0 || held <= peak, "round {round}: {held} bytes, {peak} before");
        peak = peak.max(held);
    }
    assert_eq!((hub.subjects(), hub.index.len()), (0, 0));
}

/// A subject that nobody has published to is the same life when it comes back; one that had a publication is not.
#[test]
fn a_subject_without_publications_keeps_its_epoch_when_it_is_forgotten() {
    let mut hub = hub(Some(bounds(100)), 1 << 20);
    let row = hub.enter("a");
    let top = hub.top(row);
    assert!(hub.release(row));
    let row = hub.enter("a");
    assert_eq!(hub.top(row), top);
    assert!(hub.recover(row, Some(top), most(100), at(0)).gapless);
}

/// A position is kept after its history, until it is too old or there is no room: then the one that is due first goes.
#[test]
fn positions_outlive_their_history_within_the_bound_of_histories() {
    let kept = |bytes_max| {
        let namespace = Namespace {
            history: Some(HistoryBounds { age: Duration::from_secs(10), ..bounds(3) }),
            position_age: Duration::from_secs(100),
            ..Namespace::closed(Pattern::everything())
        };
        let mut hub = Hub::new(SubjectKey([7, 9]), alloc::vec![namespace], bytes_max, 100);
        for number in 0..50 {
            let row = hub.enter(&format!("subject {number}"));
            hub.publish(row, draft("x"), at(number));
        }
        hub.expire_histories(at(70), 1_000);
        assert_eq!(hub.history_publications(), 0);
        hub
    };
    let mut all = kept(1 << 20);
    assert_eq!((all.subjects(), all.next_history_expiry()), (50, Some(at(100))));
    let row = all.find("subject 7").unwrap();
    assert!(all.recover(row, Some(all.top(row)), most(9), at(70)).gapless);
    all.expire_histories(at(149), 1_000);
    assert_eq!((all.subjects(), all.find("subject 7")), (1, Some(row)), "it was read at 70");
    all.publish(row, draft("y"), at(160));
    assert_eq!(all.top(row).offset, 2);
    all.expire_histories(at(171), 1_000);
    all.expire_histories(at(260), 1_000);
    assert_eq!((all.subjects(), all.next_history_expiry()), (0, None));
    let few = kept(2_000);
    assert!(few.subjects() <= 10 && few.find("subject 49").is_some() && few.find("subject 1").is_none());
}

#[test]
fn what_small_histories_take_is_what_is_counted() {
    let mut hub = hub(Some(bounds(100)), 1 << 20);
    for number in 0..30_000 {
        let row = hub.enter(&format!("subject.{number}"));
        hub.publish(row, draft("0123456789"), at(1));
        let [_, _, histories] = hub.memory();
        // Rows come in chunks.
        assert!(hub.history_bytes <= 1 << 20 && histories <= (1 << 20) + (256 << 10), "{number}: {histories}");
    }
    let counted: usize = hub.histories.iter().filter(|history| history.len() > 0).map(History::bytes).sum();
    assert_eq!(counted, hub.history_bytes);
}
