//! The simulation over many seeds, and the promise that a seed is a history.
use sim::{Options, Tally, run};

/// Each seed is a server of its own with its own clients; what is checked is said in the crate's head.
#[test]
fn the_promises_hold_for_many_seeds() {
    let mut all = Tally::default();
    for seed in 0..400 {
        let tally = run(seed, Options::default()).tally;
        all.published += tally.published;
        all.seen += tally.seen;
        all.confirmed += tally.confirmed;
        all.connections += tally.connections;
        all.resumed += tally.resumed;
        all.reset += tally.reset;
        all.accepted += tally.accepted;
        for (code, count) in tally.closes {
            *all.closes.entry(code).or_default() += count;
        }
    }
    // A simulation in which nothing happens proves nothing.
    assert!(all.published > 10_000 && all.confirmed > 5_000 && all.seen > 20_000, "{all:?}");
    assert!(all.connections > 3_000 && all.resumed > 300 && all.reset > 50, "{all:?}");
    assert!(all.closes.len() > 5 && all.accepted > 200, "{all:?}");
}

#[test]
fn longer_runs_hold_too() {
    for seed in 1_000..1_040 {
        let _outcome = run(seed, Options { steps: 5_000, trace: false });
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..20 {
        let (once, again) = (run(seed, Options::default()), run(seed, Options::default()));
        assert_eq!((once.hash, once.events), (again.hash, again.events), "seed {seed}");
    }
    assert_ne!(run(1, Options::default()).hash, run(2, Options::default()).hash);
}
