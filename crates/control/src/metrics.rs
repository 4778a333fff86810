//! Gathers samples, and writes them down as `/metrics` in the form that the scraper asks for.
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::Instant;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;

use crate::answer::refuse;
use crate::app::App;
use crate::metric::{self, Histogram, MetricKind, Sample};
use crate::{DataPlane, process};

/// However many ask, shards are asked at most this often.
const SAMPLES_AGE: Duration = Duration::from_millis(200);

const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Labels of an exemplar; there are none.
type NoLabels = [(&'static str, &'static str); 0];

/// All samples of one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) taken: Instant,
    pub(crate) samples: Arc<Vec<Sample>>,
}

/// The newest snapshot.
#[derive(Default, Debug)]
pub(crate) struct Snapshots(Mutex<Option<Snapshot>>);

impl Snapshots {
    /// A snapshot at most [`SAMPLES_AGE`] old. Who comes while one is being taken waits for that one.
    pub(crate) async fn take<P: DataPlane>(&self, app: &App<P>) -> Snapshot {
        let mut newest = self.0.lock().await;
        if let Some(snapshot) = &*newest
            && app.clock.now().since(snapshot.taken) < SAMPLES_AGE
        {
            return snapshot.clone();
        }
        let mut samples = app.samples();
        samples.extend(app.plane.samples().await);
        samples.extend(process::samples());
        newest.insert(Snapshot { taken: app.clock.now(), samples: Arc::new(samples) }).clone()
    }
}

/// `GET /metrics`: OpenMetrics for who accepts it, else the text format that everything reads.
pub(crate) async fn metrics<P: DataPlane>(State(app): State<Arc<App<P>>>, headers: HeaderMap) -> Response {
    let snapshot = app.snapshots.take(&app).await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { samples: snapshot.samples, histograms: app.plane.histograms() }));
    let mut body = String::new();
    if text::encode(&mut body, &registry).is_err() {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written");
    }
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepted.into_iter().any(|value| value.contains("application/openmetrics-text")) {
        return ([(header::CONTENT_TYPE, OPEN_METRICS)], body).into_response();
    }
    ([(header::CONTENT_TYPE, CLASSIC)], classic(&body)).into_response()
}

#[derive(Debug)]
struct Scrape {
    samples: Arc<Vec<Sample>>,
    histograms: Vec<Histogram>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        for metric in metric::ALL {
            let mut samples = self.samples.iter().filter(|sample| std::ptr::eq(sample.metric, *metric)).peekable();
            if samples.peek().is_none() {
                continue;
            }
            let (name, kind) = match metric.kind {
                // The encoder adds the suffix back.
                MetricKind::Counter => (metric.name.trim_end_matches("_total"), MetricType::Counter),
                MetricKind::Gauge => (metric.name, MetricType::Gauge),
                MetricKind::Histogram => continue,
            };
            let mut family = encoder.encode_descriptor(name, metric.help, None, kind)?;
            for sample in samples {
                if sample.labels.is_empty() {
                    encode(&mut family, metric.kind, sample.value)?;
                } else {
                    encode(&mut family.encode_family(&sample.labels)?, metric.kind, sample.value)?;
                }
            }
        }
        self.encode_histograms(encoder)
    }
}

impl Scrape {
    fn encode_histograms(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        for metric in metric::ALL.iter().filter(|metric| metric.kind == MetricKind::Histogram) {
            let mut all = self.histograms.iter().filter(|one| std::ptr::eq(one.metric, *metric)).peekable();
            if all.peek().is_none() {
                continue;
            }
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, MetricType::Histogram)?;
            for Histogram { labels, buckets, sum, .. } in all {
                let count = buckets.iter().map(|(_, count)| count).sum();
                family.encode_family(labels)?.encode_histogram::<NoLabels>(*sum, count, buckets, None)?;
            }
        }
        Ok(())
    }
}

fn encode(to: &mut MetricEncoder<'_>, kind: MetricKind, value: f64) -> std::fmt::Result {
    match (kind, whole(value)) {
        (MetricKind::Counter, Some(value)) => to.encode_counter::<NoLabels, _, u64>(&value, None),
        (MetricKind::Counter, None) => to.encode_counter::<NoLabels, _, u64>(&value, None),
        (MetricKind::Gauge | MetricKind::Histogram, Some(value)) => to.encode_gauge(&value),
        (MetricKind::Gauge | MetricKind::Histogram, None) => to.encode_gauge(&value),
    }
}

/// The value as a whole number if it is one: `5` instead of `5.0`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole, and within 2^53")]
fn whole(value: f64) -> Option<u64> {
    (value.fract() == 0.0 && (0.0..9.0e15).contains(&value)).then_some(value as u64)
}

/// OpenMetrics in the older text format: there a counter's family is named as its samples are, and nothing marks the end.
fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + 1_024);
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        if let (Some("#"), Some(word @ ("HELP" | "TYPE")), Some(name), Some(rest)) =
            (words.next(), words.next(), words.next(), words.next())
        {
            let is_counter = metric::ALL
                .iter()
                .any(|metric| metric.kind == MetricKind::Counter && metric.name.strip_suffix("_total") == Some(name));
            let suffix = if is_counter { "_total" } else { "" };
            text.extend(["# ", word, " ", name, suffix, " ", rest]);
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}
