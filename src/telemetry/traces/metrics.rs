//! What became of the spans.

use std::sync::OnceLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Why a span was dropped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    /// More spans ended than the collector took.
    QueueFull,
    /// The collector could not be reached in time, or said to come again later.
    Unreachable,
    /// The collector did not want it.
    Refused,
}

/// Counts of spans that were sampled; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::telemetry) struct Metrics {
    pub(super) sent: Counter,
    pub(super) queued: Gauge,
    dropped: Family<Dropped, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Dropped {
    reason: &'static str,
}

impl Metrics {
    /// Those of the process, which has one subscriber for spans.
    pub(in crate::telemetry) fn of_process() -> &'static Self {
        static OF_PROCESS: OnceLock<Metrics> = OnceLock::new();
        OF_PROCESS.get_or_init(Self::default)
    }

    pub(in crate::telemetry) fn register(&self, registry: &mut Registry) {
        registry.register("spans_sent", "Spans that the collector took", self.sent.clone());
        registry.register("spans_queued", "Spans that wait to be sent or are being sent", self.queued.clone());
        registry.register("spans_dropped", "Spans that were not sent, by reason", self.dropped.clone());
        for reason in [Reason::QueueFull, Reason::Unreachable, Reason::Refused] {
            // Present from the start, so that a first drop is an increase.
            self.dropped(reason, 0);
        }
    }

    pub(super) fn dropped(&self, reason: Reason, spans: u64) {
        let reason = match reason {
            Reason::QueueFull => "queue_full",
            Reason::Unreachable => "unreachable",
            Reason::Refused => "refused",
        };
        self.dropped.get_or_create(&Dropped { reason }).inc_by(spans);
    }
}
