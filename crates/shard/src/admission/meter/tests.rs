use super::*;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use base::Prng;

fn seconds(count: u64) -> Instant {
    Instant::from_nanos(count * 1_000_000_000)
}

fn rate(interval_s: u64, count: u64) -> Rate {
    Rate::new(Duration::from_secs(interval_s), count)
}

/// So many of `tries` get a token.
fn taken(meter: &Meter, bucket: u64, rate: &Rate, now: Instant, tries: usize) -> usize {
    (0..tries).filter(|_| meter.take(bucket, rate, now) != Taken::No).count()
}

#[test]
fn as_many_as_the_rate_at_once_and_then_evenly() {
    let meter = Meter::new(0);
    let ten = rate(1, 10);
    let mut now = seconds(7);
    assert_eq!(taken(&meter, 1, &ten, now, 100), 10);
    assert!(!meter.has(1, &ten, now) && meter.has(2, &ten, now));
    for _ in 0..3 {
        let mut count = 0;
        for _ in 0..1_000 {
            now = now + Duration::from_millis(1);
            count += taken(&meter, 1, &ten, now, 1);
        }
        assert_eq!(count, 10);
    }
    now = now + Duration::from_secs(60);
    assert_eq!(taken(&meter, 1, &ten, now, 100), 10);
    assert_eq!(taken(&meter, 2, &ten, now, 100), 10, "another one's is another");
    let hourly = rate(3_600, 1);
    assert_eq!(taken(&meter, 3, &hourly, now, 5), 1);
    assert_eq!(taken(&meter, 3, &hourly, now + Duration::from_secs(3_500), 5), 0);
    assert_eq!(taken(&meter, 3, &hourly, now + Duration::from_secs(3_600), 5), 1);
}

#[test]
fn what_was_used_long_ago_is_full_however_long_the_server_runs() {
    let meter = Meter::new(0);
    let one = rate(1, 1);
    let day = 86_400;
    // Twice around.
    for days in (0..500).step_by(7) {
        let now = seconds(days * day + 5);
        assert_eq!(taken(&meter, 9 << 50, &one, now, 3), 1, "day {days}");
    }
}

#[test]
fn when_there_is_no_room_the_bucket_nearest_to_full_is_forgotten() {
    let meter = Meter::new(0);
    let slow = rate(3_600, 4);
    let now = seconds(1);
    // The same set: the marks differ in the upper bits only.
    let buckets: Vec<u64> = (0..9).map(|number| number << DUE_BITS).collect();
    for (at, bucket) in buckets[..8].iter().enumerate() {
        let tokens = if at == 5 { 1 } else { 3 };
        assert_eq!(taken(&meter, *bucket, &slow, now, tokens), tokens);
    }
    assert_eq!(meter.take(buckets[8], &slow, now), Taken::Instead);
    assert_eq!(taken(&meter, buckets[0], &slow, now, 9), 1, "who owes more is remembered");
    assert_eq!(taken(&meter, buckets[8], &slow, now, 9), 3);
}

#[test]
fn shards_that_take_at_once_take_no_more_than_there_is() {
    extern crate std;
    let meter = alloc::sync::Arc::new(Meter::new(0));
    let thousand = rate(3_600, 1_000);
    let counts: Vec<_> = (0..4)
        .map(|_| {
            let meter = alloc::sync::Arc::clone(&meter);
            std::thread::spawn(move || taken(&meter, 77, &thousand, seconds(3), 2_000))
        })
        .collect();
    let total: usize = counts.into_iter().map(|count| count.join().unwrap()).sum();
    // A thread that is passed by too often gives up a token, never takes one too many.
    assert!((900..=1_000).contains(&total), "{total}");
}

/// A twin that counts: how many tokens each bucket has, and when the next one comes.
struct Naive {
    /// Tokens, and when they were counted.
    buckets: BTreeMap<u64, (u64, u64)>,
}

impl Naive {
    fn take(&mut self, bucket: u64, emission: u64, burst: u64, now: u64) -> bool {
        let (tokens, since) = self.buckets.entry(bucket).or_insert((burst, now));
        while *tokens < burst && now - *since >= emission {
            *tokens += 1;
            *since += emission;
        }
        if *tokens == burst {
            *since = now;
        }
        if *tokens == 0 {
            return false;
        }
        *tokens -= 1;
        true
    }
}

#[test]
fn tokens_are_given_as_by_a_naive_twin() {
    let (mut given, mut refused) = (0, 0);
    for seed in 0..40 {
        let mut random = Prng::new(seed, "meter");
        let meter = Meter::new(BUCKETS_MIN);
        let mut twin = Naive { buckets: BTreeMap::new() };
        let (interval_s, burst) = (1 + random.below(20), 1 + random.below(30));
        let rate = rate(interval_s, burst);
        let mut now = seconds(1 + random.below(1 << 20));
        for _ in 0..3_000 {
            // Whole units, as the table has them.
            let step = match random.below(4) {
                0 => 0,
                1 => random.below(2 * rate.emission),
                _ => random.below(rate.emission / 16 + 1),
            };
            now = now + Duration::from_nanos(step << UNIT_SHIFT);
            let bucket = random.below(4);
            let bucket = (bucket + 1) << 50 | bucket;
            let has = meter.has(bucket, &rate, now);
            let got = meter.take(bucket, &rate, now) != Taken::No;
            assert_eq!(has, got, "seed {seed}");
            let wanted = twin.take(bucket, rate.emission, burst, units(now));
            assert_eq!(got, wanted, "seed {seed}, {burst} in {interval_s} s");
            if got { given += 1 } else { refused += 1 }
        }
    }
    assert!(given > 10_000 && refused > 1_000, "both are tried: {given} {refused}");
}
