//! What the engine counts, as metrics.
use std::borrow::Cow;

use control::metric::{self, Histogram, Metric, Sample};
use hook::Engine;

/// Adds the engine's samples.
pub(crate) fn add(samples: &mut Vec<Sample>, engine: &Engine) {
    let owned = |text: &str| Cow::Owned(text.to_owned());
    let mut add = |metric: &'static Metric, labels, value| samples.push(Sample { metric, labels, value });
    for (prefix, url, figures) in engine.figures() {
        let of = || vec![("prefix", owned(prefix)), ("backend", owned(url))];
        add(&metric::HOOK_IN_FLIGHT, of(), whole(figures.in_flight.read()));
        add(&metric::HOOK_WAITING, of(), whole(figures.waiting.read()));
        for (purpose, outcome, count) in figures.ended() {
            let mut labels = of();
            labels.extend([("purpose", Cow::Borrowed(purpose)), ("outcome", Cow::Borrowed(outcome))]);
            add(&metric::HOOK_REQUESTS, labels, whole(count));
        }
        for (purpose, seconds) in figures.seconds() {
            let mut labels = of();
            labels.push(("purpose", Cow::Borrowed(purpose)));
            add(&metric::HOOK_SECONDS, labels, seconds);
        }
    }
    for (prefix, url, hook::Condition { is_down, times_down, requests_max }) in engine.conditions() {
        let of = || vec![("prefix", owned(prefix)), ("backend", owned(url))];
        add(&metric::HOOK_LIMIT, of(), whole(requests_max as u64));
        add(&metric::HOOK_CIRCUIT, of(), f64::from(u8::from(is_down)));
        add(&metric::HOOK_OPENINGS, of(), whole(times_down));
    }
    for (prefix, waiting, lost) in engine.ends() {
        add(&metric::HOOK_ENDS, vec![("prefix", owned(prefix))], whole(waiting));
        add(&metric::HOOK_LOST, vec![("prefix", owned(prefix))], whole(lost));
    }
}

/// The latencies of back ends.
pub(crate) fn histograms(engine: &Engine) -> Vec<Histogram> {
    let of = |(prefix, url, figures): (&str, &str, &hook::Figures)| {
        let labels = [("prefix", Cow::Owned(prefix.to_owned())), ("backend", Cow::Owned(url.to_owned()))];
        let all = figures.latencies().map(move |(purpose, buckets, sum)| {
            let purpose = [("purpose", Cow::Borrowed(purpose))];
            let labels = labels.iter().cloned().chain(purpose).collect();
            Histogram { metric: &metric::HOOK_LATENCY, labels, buckets, sum }
        });
        all.collect::<Vec<_>>()
    };
    engine.figures().flat_map(of).collect()
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, as metrics are")]
fn whole(count: u64) -> f64 {
    count as f64
}
