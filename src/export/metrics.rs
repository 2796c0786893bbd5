//! What passing on tells of itself, by the configured name of each engine.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::clock::UnixMillis;

/// From a store next door to the longest time-out in use.
const DURATION_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0];

/// The families of the room.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    /// Nodes, pods and containers whose last sample handed over is remembered.
    pub(super) ledger_entries: Gauge,
    taken: Family<TargetLabel, Counter>,
    dropped: Family<DropLabels, Counter>,
    retries: Family<TargetLabel, Counter>,
    waiting: Family<TargetLabel, Gauge>,
    last_success_seconds: Family<TargetLabel, Gauge<f64, AtomicU64>>,
    duration_seconds: Family<TargetLabel, Histogram, fn() -> Histogram>,
}

/// One engine's part of them.
#[derive(Clone, Debug)]
pub(super) struct TargetMetrics {
    families: Metrics,
    label: TargetLabel,
}

/// Why samples were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Dropped {
    /// They were the oldest in a full queue.
    QueueFull,
    /// The engine does not want them.
    Refused,
    /// No answer came; they may have been taken, and are not sent twice.
    Unanswered,
    /// The engine was away for too long.
    GaveUp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabel {
    target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DropLabels {
    target: String,
    reason: &'static str,
}

impl Metrics {
    /// Registers all of them; the registry adds the product's prefix.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            ledger_entries: Gauge::default(),
            taken: Family::default(),
            dropped: Family::default(),
            retries: Family::default(),
            waiting: Family::default(),
            last_success_seconds: Family::default(),
            duration_seconds: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
        };
        let Self { taken, dropped, retries, waiting, last_success_seconds, duration_seconds, .. } = metrics.clone();
        registry.register("export_samples", "Samples that the engine has taken", taken);
        registry.register("export_dropped_samples", "Samples that did not reach the engine, by reason", dropped);
        registry.register("export_retries", "Requests to the engine that were repeated", retries);
        registry.register("export_queue_samples", "Samples that wait for the engine", waiting);
        let help = "When the engine last took samples, in seconds since 1970";
        registry.register("export_last_success_timestamp_seconds", help, last_success_seconds);
        let help = "Time of one request to the engine, connection to answer, in seconds";
        registry.register("export_request_duration_seconds", help, duration_seconds);
        let help = "Nodes, pods and containers of which the last sample handed over is remembered";
        registry.register("export_ledger_entries", help, metrics.ledger_entries.clone());
        metrics
    }

    /// Those of the engine that is called `target`; all of its counters are there from the start.
    pub(super) fn of(&self, target: &str) -> TargetMetrics {
        let label = TargetLabel { target: target.to_owned() };
        let metrics = TargetMetrics { families: self.clone(), label };
        metrics.taken(0);
        for reason in [Dropped::QueueFull, Dropped::Refused, Dropped::Unanswered, Dropped::GaveUp] {
            metrics.dropped(reason, 0);
        }
        self.retries.get_or_create(&metrics.label).inc_by(0);
        metrics.waiting(0);
        metrics
    }
}

impl TargetMetrics {
    pub(super) fn taken(&self, samples: usize) {
        self.families.taken.get_or_create(&self.label).inc_by(samples as u64);
    }

    pub(super) fn dropped(&self, reason: Dropped, samples: usize) {
        let labels = DropLabels { target: self.label.target.clone(), reason: reason.word() };
        self.families.dropped.get_or_create(&labels).inc_by(samples as u64);
    }

    pub(super) fn retried(&self) {
        self.families.retries.get_or_create(&self.label).inc();
    }

    pub(super) fn waiting(&self, samples: usize) {
        self.families.waiting.get_or_create(&self.label).set(i64::try_from(samples).unwrap_or(i64::MAX));
    }

    pub(super) fn succeeded(&self, now: UnixMillis) {
        #[expect(clippy::cast_precision_loss, reason = "seconds with milliseconds need 41 bits")]
        let seconds = now.0 as f64 / 1000.0;
        self.families.last_success_seconds.get_or_create(&self.label).set(seconds);
    }

    pub(super) fn took(&self, time: Duration) {
        self.families.duration_seconds.get_or_create(&self.label).observe(time.as_secs_f64());
    }
}

impl Dropped {
    /// The word in the label `reason`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
            Self::GaveUp => "gave_up",
        }
    }
}
