//! How requests are answered, in numbers. Labels are of fixed sets: what a client makes up is
//! counted without being named.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::telemetry::exemplar::{Trace, TracedHistogram};

/// From a cached answer to a long list.
const DURATION_BUCKETS_SECONDS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 60.0];
/// From one object to a list of 150,000 pods.
const SIZE_BUCKETS_BYTES: [f64; 6] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
const OK: u16 = 200;

/// The room's metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<TargetLabels, TracedHistogram, fn() -> TracedHistogram>,
    sizes: Family<TargetLabels, Histogram, fn() -> Histogram>,
    cut_off: Family<VerbLabel, Counter>,
    /// Requests for resources under way, watches apart.
    pub(crate) in_flight: Gauge,
    /// Watches under way.
    pub(crate) watches: Gauge,
    /// Watches ended because their client fell behind.
    pub(crate) watches_behind: Counter,
    /// Differences that watches share.
    pub(crate) watch_steps: Gauge,
    /// Addresses whose refused requests are remembered.
    pub(crate) refused_addresses: Gauge,
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

/// The series of requests for one thing, looked up once.
#[derive(Debug)]
pub(crate) struct Target {
    /// Of Kubernetes; `other` for what is none.
    pub(crate) verb: &'static str,
    labels: TargetLabels,
    ok: Counter,
    durations: TracedHistogram,
    sizes: Histogram,
    cut_off: Counter,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// HTTP status; 499 if the client left first.
    pub(crate) code: u16,
    /// From its arrival to the last byte.
    pub(crate) seconds: f64,
    /// Of the body.
    pub(crate) bytes: u64,
    /// Whether the whole body was made and taken.
    pub(crate) is_complete: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    #[prometheus(flatten)]
    target: TargetLabels,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerbLabel {
    verb: &'static str,
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
            durations: Family::new_with_constructor(|| TracedHistogram::new(DURATION_BUCKETS_SECONDS.into_iter())),
            sizes: Family::new_with_constructor(|| Histogram::new(SIZE_BUCKETS_BYTES)),
            cut_off: Family::default(),
            in_flight: Gauge::default(),
            watches: Gauge::default(),
            watches_behind: Counter::default(),
            watch_steps: Gauge::default(),
            refused_addresses: Gauge::default(),
            shed: Family::default(),
        };
        registry.register("requests", "Requests answered; code 499: the client left first", metrics.requests.clone());
        let help = "Time from a request's arrival to the last byte of its answer";
        registry.register("request_duration_seconds", help, metrics.durations.clone());
        registry.register("response_size_bytes", "Bytes of a body as sent", metrics.sizes.clone());
        let help = "Answers that ended before their last byte, because the client left or read too slowly; \
                    for watches this is usual";
        registry.register("responses_cut_off", help, metrics.cut_off.clone());
        registry.register("requests_in_flight", "Requests for resources being answered now", metrics.in_flight.clone());
        registry.register("watches_open", "Watches being answered now", metrics.watches.clone());
        let help = "Watches that were ended because their client fell behind what is kept";
        registry.register("watches_behind", help, metrics.watches_behind.clone());
        let help = "Differences between two moments that watches share, those included that the next one pushes out";
        registry.register("watch_steps_kept", help, metrics.watch_steps.clone());
        let help = "Addresses of which it is remembered how often they were refused";
        registry.register("refused_addresses_kept", help, metrics.refused_addresses.clone());
        let help = "Requests refused with 429, by the limit that was reached";
        registry.register("requests_shed", help, metrics.shed.clone());
        metrics
    }

    /// Requests refused with 429 because of `limit`; told as 0 from here on.
    pub(crate) fn shed(&self, limit: &'static str) -> Counter {
        self.shed.get_or_create_owned(&LimitLabels { limit })
    }

    /// The series of requests for `labels`; told from here on.
    pub(crate) fn target(&self, labels: TargetLabels) -> Target {
        Target {
            verb: labels.verb,
            ok: self.requests.get_or_create_owned(&RequestLabels { target: labels.clone(), code: OK }),
            durations: self.durations.get_or_create_owned(&labels),
            sizes: self.sizes.get_or_create_owned(&labels),
            cut_off: self.cut_off.get_or_create_owned(&VerbLabel { verb: labels.verb }),
            labels,
        }
    }

    /// Counts one finished request, of the trace that is sent to the collector, if one is.
    pub(crate) fn count(&self, target: &Target, answered: Answered, trace: Option<Trace>) {
        let Answered { code, seconds, bytes, is_complete } = answered;
        if code == OK {
            target.ok.inc();
        } else {
            self.requests.get_or_create(&RequestLabels { target: target.labels.clone(), code }).inc();
        }
        // Without a time: the trace tells it better.
        target.durations.observe(seconds, trace, None);
        #[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
        target.sizes.observe(bytes as f64);
        if !is_complete {
            target.cut_off.inc();
        }
    }
}
