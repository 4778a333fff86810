//! What the engine counts, as metrics.
use std::borrow::Cow;

use control::metric::{self, Histogram, Metric, Sample};
use hook::{Engine, Figures};

/// Of whom figures are: the names of what tells them apart, and the metrics that they are.
struct Kind {
    of: &'static str,
    purpose: &'static str,
    requests: &'static Metric,
    latency: &'static Metric,
    in_flight: &'static Metric,
    waiting: &'static Metric,
}

const HOOK: Kind = Kind {
    of: "prefix",
    purpose: "purpose",
    requests: &metric::HOOK_REQUESTS,
    latency: &metric::HOOK_LATENCY,
    in_flight: &metric::HOOK_IN_FLIGHT,
    waiting: &metric::HOOK_WAITING,
};

const PROXY: Kind = Kind {
    of: "proxy",
    purpose: "event",
    requests: &metric::PROXY_REQUESTS,
    latency: &metric::PROXY_LATENCY,
    in_flight: &metric::PROXY_IN_FLIGHT,
    waiting: &metric::PROXY_WAITING,
};

/// Adds the engine's samples.
pub(crate) fn add(samples: &mut Vec<Sample>, engine: &Engine) {
    engine.figures().for_each(|(prefix, url, figures)| HOOK.add(samples, (prefix, url), figures));
    engine.proxy_figures().for_each(|(name, url, figures)| PROXY.add(samples, (name, url), figures));
    for (prefix, url, hook::Condition { is_down, times_down, requests_max }) in engine.conditions() {
        let mut add = |metric, value| {
            samples.push(Sample { metric, labels: vec![("prefix", owned(prefix)), ("backend", owned(url))], value });
        };
        add(&metric::HOOK_LIMIT, whole(requests_max as u64));
        add(&metric::HOOK_CIRCUIT, f64::from(u8::from(is_down)));
        add(&metric::HOOK_OPENINGS, whole(times_down));
    }
    for (prefix, waiting, lost) in engine.ends() {
        let labels = || vec![("prefix", owned(prefix))];
        samples.push(Sample { metric: &metric::HOOK_ENDS, labels: labels(), value: whole(waiting) });
        samples.push(Sample { metric: &metric::HOOK_LOST, labels: labels(), value: whole(lost) });
    }
}

/// The latencies of back ends.
pub(crate) fn histograms(engine: &Engine) -> Vec<Histogram> {
    let hooks = engine.figures().flat_map(|(prefix, url, figures)| HOOK.histograms((prefix, url), figures));
    let proxies = engine.proxy_figures().flat_map(|(name, url, figures)| PROXY.histograms((name, url), figures));
    hooks.chain(proxies).collect()
}

impl Kind {
    fn add(&self, samples: &mut Vec<Sample>, (name, url): (&str, &str), figures: &Figures) {
        let mut add = |metric, more: &[(&'static str, &'static str)], value| {
            let mut labels = vec![(self.of, owned(name)), ("backend", owned(url))];
            labels.extend(more.iter().map(|(label, text)| (*label, Cow::Borrowed(*text))));
            samples.push(Sample { metric, labels, value });
        };
        add(self.in_flight, &[], whole(figures.in_flight.read()));
        add(self.waiting, &[], whole(figures.waiting.read()));
        for (purpose, outcome, count) in figures.ended() {
            add(self.requests, &[(self.purpose, purpose), ("outcome", outcome)], whole(count));
        }
    }

    fn histograms(&self, (name, url): (&str, &str), figures: &Figures) -> Vec<Histogram> {
        let of = |(purpose, buckets, sum)| {
            let labels = vec![(self.of, owned(name)), ("backend", owned(url)), (self.purpose, Cow::Borrowed(purpose))];
            Histogram { metric: self.latency, labels, buckets, sum }
        };
        // A back end is asked for some purposes only.
        let is_used = |(_, buckets, _): &(_, Vec<(f64, u64)>, f64)| buckets.iter().any(|(_, count)| *count > 0);
        figures.latencies().filter(is_used).map(of).collect()
    }
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, as metrics are")]
fn whole(count: u64) -> f64 {
    count as f64
}
