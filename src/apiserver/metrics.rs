//! How requests are answered, in numbers. Labels are of fixed sets: what a client makes up is
//! counted without being named.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// From a cached answer to a long list.
const DURATION_BUCKETS_SECONDS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 60.0];

/// The room's metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<TargetLabels, Histogram>,
    response_bytes: Counter,
    /// Requests for resources under way, watches apart.
    pub(crate) in_flight: Gauge,
    /// Watches under way.
    pub(crate) watches: Gauge,
    shed: Family<LimitLabels, Counter>,
}

/// What a request was for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TargetLabels {
    /// Of Kubernetes; `other` for what is none.
    pub(crate) verb: &'static str,
    /// Empty for what is no resource of ours.
    pub(crate) group: String,
    /// As `group`.
    pub(crate) version: &'static str,
    /// As `group`.
    pub(crate) resource: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    #[prometheus(flatten)]
    target: TargetLabels,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

impl Metrics {
    /// Registers the room's metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS_SECONDS)),
            response_bytes: Counter::default(),
            in_flight: Gauge::default(),
            watches: Gauge::default(),
            shed: Family::default(),
        };
        registry.register("requests", "Requests answered; code 499: the client left first", metrics.requests.clone());
        registry.register(
            "request_duration_seconds",
            "Time from a request's arrival to the last byte of its answer",
            metrics.durations.clone(),
        );
        registry.register("response_bytes", "Bytes of bodies sent", metrics.response_bytes.clone());
        registry.register("requests_in_flight", "Requests for resources being answered now", metrics.in_flight.clone());
        registry.register("watches_open", "Watches being answered now", metrics.watches.clone());
        registry.register(
            "requests_shed",
            "Requests refused with 429 because too many were in flight, by the limit that was reached",
            metrics.shed.clone(),
        );
        metrics
    }

    /// Requests refused with 429 because of `limit`; told as 0 from here on.
    pub(crate) fn shed(&self, limit: &'static str) -> Counter {
        self.shed.get_or_create(&LimitLabels { limit }).clone()
    }

    /// Counts one finished request.
    pub(crate) fn count(&self, target: &TargetLabels, code: u16, seconds: f64, bytes: u64) {
        self.requests.get_or_create(&RequestLabels { target: target.clone(), code }).inc();
        self.durations.get_or_create(target).observe(seconds);
        self.response_bytes.inc_by(bytes);
    }
}
