//! A governor before a back end that is simulated: workers, a queue before them, and a clock of its own.
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::*;

/// Requests arrive whenever one may; each takes a worker of `workers` for `service` × a factor that varies.
struct World {
    governor: Governor,
    workers: usize,
    service: Duration,
    /// How often a request takes ten times as long.
    slow_every: u64,
    /// Requests that clients have at a time; beyond them nobody asks.
    wanted: usize,
    now: Instant,
    /// When each worker is free again.
    free: BinaryHeap<Reverse<Instant>>,
    /// Requests under way: when they end, which one, when they were sent.
    under_way: BTreeSet<(Instant, u64, Instant)>,
    number: u64,
    random: fastrand::Rng,
    done: u64,
}

impl World {
    fn new(workers: usize, service: Duration, limit_max: usize) -> Self {
        let now = Instant::now();
        Self {
            governor: Governor::new(limit_max),
            workers,
            service,
            slow_every: u64::MAX,
            wanted: usize::MAX,
            now,
            free: (0..workers).map(|_| Reverse(now)).collect(),
            under_way: BTreeSet::new(),
            number: 0,
            random: fastrand::Rng::with_seed(7),
            done: 0,
        }
    }

    fn send(&mut self) {
        self.number += 1;
        let slow = if self.number.is_multiple_of(self.slow_every) { 10.0 } else { 1.0 };
        let service = self.service.mul_f64(slow * (0.5 + self.random.f64()));
        while self.free.len() > self.workers {
            self.free.pop();
        }
        while self.free.len() < self.workers {
            self.free.push(Reverse(self.now));
        }
        let next = self.free.pop().unwrap().0;
        let end = self.now.max(next) + service;
        self.free.push(Reverse(end));
        self.under_way.insert((end, self.number, self.now));
    }

    /// Lets so much time pass; the mean limit meanwhile.
    fn run(&mut self, time: Duration) -> f64 {
        let until = self.now + time;
        let (mut sum, mut count) = (0.0, 0.0);
        while self.now < until {
            while self.under_way.len() < self.governor.limit().min(self.wanted) {
                self.send();
            }
            let (end, _, sent) = self.under_way.pop_first().unwrap();
            self.now = end;
            self.governor.note(Purpose::Message, Ended::Ok, sent, self.under_way.len() + 1, end);
            self.done += 1;
            sum += self.governor.limit;
            count += 1.0;
        }
        sum / count
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn it_finds_the_knee_and_holds_there() {
    for workers in [4, 16, 64] {
        for service in [5, 50, 200].map(Duration::from_millis) {
            let mut world = World::new(workers, service, 1_000);
            world.run(30 * SECOND.max(service * 10));
            let before = world.done;
            let time = 30 * SECOND.max(service * 10);
            let mean = world.run(time) / workers as f64;
            let used = (world.done - before) as f64 * service.as_secs_f64() / (time.as_secs_f64() * workers as f64);
            assert!((0.9..2.6).contains(&mean), "{workers} workers, {service:?}: {mean} of them");
            assert!(used > 0.93, "{workers} workers, {service:?}: {used} of them busy");
        }
    }
}

#[test]
fn without_a_knee_it_goes_to_its_bound() {
    let mut world = World::new(10_000, Duration::from_millis(20), 256);
    world.run(10 * SECOND);
    assert!(world.run(60 * SECOND) > 240.0);
}

#[test]
fn a_few_slow_requests_do_not_move_it() {
    let mut world = World::new(10_000, Duration::from_millis(5), 256);
    world.slow_every = 10;
    world.run(10 * SECOND);
    assert!(world.run(60 * SECOND) > 240.0);
}

#[test]
fn it_follows_a_back_end_that_grows_shrinks_or_becomes_slower() {
    let mut world = World::new(64, Duration::from_millis(10), 1_000);
    world.run(60 * SECOND);
    world.workers = 16;
    world.run(60 * SECOND);
    let mean = world.run(60 * SECOND);
    assert!((14.0..42.0).contains(&mean), "fewer: {mean}");
    world.workers = 128;
    world.run(60 * SECOND);
    let mean = world.run(60 * SECOND);
    assert!((115.0..330.0).contains(&mean), "more: {mean}");
    world.service = Duration::from_millis(40);
    world.run(120 * SECOND);
    let mean = world.run(60 * SECOND);
    assert!((115.0..330.0).contains(&mean), "slower, and no less room: {mean}");
}

#[test]
fn it_learns_nothing_while_little_is_asked() {
    let mut world = World::new(64, Duration::from_millis(10), 1_000);
    world.wanted = 3;
    world.run(60 * SECOND);
    assert!(world.governor.limit() <= 8, "{}", world.governor.limit());
}

#[test]
fn a_refusal_for_want_of_room_lowers_it_and_no_further_than_its_bound() {
    let mut governor = Governor { limit: 50.0, ..Governor::new(100) };
    let mut now = Instant::now();
    for ended in [Ended::Busy, Ended::TimedOut] {
        let before = governor.limit();
        now += WINDOW;
        governor.note(Purpose::Message, ended, now - WINDOW, 1, now);
        now += WINDOW;
        governor.note(Purpose::Message, ended, now - WINDOW, 1, now);
        assert!(governor.limit() < before, "{ended:?}");
    }
    for _ in 0..1_000 {
        now += WINDOW;
        governor.note(Purpose::End, Ended::Busy, now - WINDOW, 1, now);
    }
    assert_eq!(governor.limit(), 2);
    assert_eq!(Governor::new(1).limit(), 1);
}

#[test]
fn each_purpose_has_a_baseline_of_its_own() {
    let mut governor = Governor::new(256);
    let mut now = Instant::now();
    // Cheap messages first, then dear connects: no queue, whatever the mix.
    for (purpose, millis) in [(Purpose::Message, 2), (Purpose::Connect, 50), (Purpose::Message, 2)] {
        for _ in 0..3_000 {
            let sent = now;
            now += Duration::from_millis(millis);
            governor.note(purpose, Ended::Ok, sent, 256, now);
        }
    }
    assert!(governor.limit() > 240, "{}", governor.limit());
}
