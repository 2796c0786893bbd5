//! What replicas see of each other, in numbers.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::error::Error;
use super::lease::State;

/// The room's metrics.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    others: Family<StateLabel, Gauge>,
    lease_failures: Family<OperationLabel, Counter>,
    outcomes: Family<OutcomeLabel, Counter>,
    seconds: Gauge<f64, AtomicU64>,
    bytes: Family<DirectionLabel, Counter>,
    samples: Family<VerdictLabel, Counter>,
    shared: Shared,
}

/// What is told and heard of shared scrapes.
#[derive(Clone, Debug, Default)]
struct Shared {
    streams: Gauge,
    ends: Family<ReasonLabel, Counter>,
    cut: Counter,
    messages: Family<DirectionLabel, Counter>,
    bytes: Family<DirectionLabel, Counter>,
    samples: Family<VerdictLabel, Counter>,
}

/// Counted as open until dropped.
#[derive(Debug)]
pub(super) struct OpenStream(Gauge);

/// What came of asking others for samples at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All that one of them had.
    Taken,
    /// Some, until it broke off or time was over.
    Partial,
    /// Nobody else is ready.
    Alone,
    /// Those who are ready gave nothing.
    Failed,
}

/// What is done with Leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Our own is written.
    Renew,
    /// Those of all are read.
    List,
    /// One is deleted: our own at the end, or a leftover.
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabel {
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabel {
    verdict: &'static str,
}

impl Metrics {
    /// Registers all of them, each series there from the start.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let Self { others, lease_failures, outcomes, seconds, bytes, samples, shared } = metrics.clone();
        let help = "Other replicas that show themselves by their Leases, by the state they tell";
        registry.register("replicas", help, others);
        let help = "Requests about Leases that the API server did not grant";
        registry.register("replica_lease_failures", help, lease_failures);
        let help = "What came of asking other replicas for samples at the start";
        registry.register("hand_overs", help, outcomes);
        let help = "How long the hand-over at the start took, in seconds";
        registry.register("hand_over_duration_seconds", help, seconds);
        let help = "Bytes of samples that replicas handed over, to us or by us";
        registry.register("hand_over_bytes", help, bytes);
        let help = "Runs of nodes and containers that were handed to us, and whether they could be used";
        registry.register("hand_over_samples", help, samples);
        shared.register(registry);
        metrics.touch();
        metrics
    }

    pub(super) fn see(&self, state: State, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.others.get_or_create(&StateLabel { state: state.word() }).set(count);
    }

    pub(super) fn lease_failed(&self, operation: Operation) {
        self.lease_failures.get_or_create(&operation.label()).inc();
    }

    pub(super) fn handed_over(&self, outcome: Outcome, took: Duration) {
        self.outcomes.get_or_create(&outcome.label()).inc();
        self.seconds.set(took.as_secs_f64());
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes.get_or_create(&DirectionLabel { direction: "sent" }).inc_by(count(bytes));
    }

    pub(super) fn received(&self, bytes: u64) {
        self.bytes.get_or_create(&DirectionLabel { direction: "received" }).inc_by(bytes);
    }

    pub(super) fn took(&self, taken: usize, dropped: usize) {
        for (verdict, number) in [("taken", taken), ("dropped", dropped)] {
            self.samples.get_or_create(&VerdictLabel { verdict }).inc_by(count(number));
        }
    }

    /// A message about shared scrapes went out.
    pub(super) fn told(&self, bytes: usize) {
        self.shared.count("sent", 1, bytes);
    }

    /// Bytes of such messages came in.
    pub(super) fn heard(&self, bytes: usize) {
        self.shared.count("received", 0, bytes);
    }

    /// A message about a node came in, of whose runs so many were taken.
    pub(super) fn shared(&self, taken: usize, dropped: usize) {
        self.shared.count("received", 1, 0);
        for (verdict, number) in [("taken", taken), ("dropped", dropped)] {
            self.shared.samples.get_or_create(&VerdictLabel { verdict }).inc_by(count(number));
        }
    }

    /// Another replica is listened to, until this is dropped.
    pub(super) fn listening(&self) -> OpenStream {
        self.shared.streams.inc();
        OpenStream(self.shared.streams.clone())
    }

    /// Listening to another replica ended, or did not begin.
    pub(super) fn stream_ended(&self, error: Option<&Error>) {
        let reason = error.map_or(ENDED, Error::word);
        self.shared.ends.get_or_create(&ReasonLabel { reason }).inc();
    }

    #[cfg(test)]
    pub(super) fn ends(&self, reason: &str) -> u64 {
        let reason = Error::WORDS.into_iter().chain([ENDED]).find(|known| *known == reason).unwrap();
        self.shared.ends.get_or_create(&ReasonLabel { reason }).get()
    }

    /// A listener did not read what we told.
    pub(super) fn cut(&self) {
        self.shared.cut.inc();
    }

    fn touch(&self) {
        for state in State::ALL {
            self.see(state, 0);
        }
        for operation in [Operation::Renew, Operation::List, Operation::Delete] {
            drop(self.lease_failures.get_or_create(&operation.label()));
        }
        for outcome in [Outcome::Taken, Outcome::Partial, Outcome::Alone, Outcome::Failed] {
            drop(self.outcomes.get_or_create(&outcome.label()));
        }
        self.sent(0);
        self.received(0);
        self.took(0, 0);
        self.shared.touch();
    }
}

/// A stream that the other side ended properly.
const ENDED: &str = "ended";

impl Shared {
    fn register(self, registry: &mut Registry) {
        let Self { streams, ends, cut, messages, bytes, samples } = self;
        let help = "Other replicas that we listen to, as they tell their scrapes";
        registry.register("shared_scrape_streams", help, streams);
        let help = "Ends of listening to another replica, and attempts that failed, by the reason";
        registry.register("shared_scrape_stream_ends", help, ends);
        let help = "Listeners that did not read what we told, and were cut";
        registry.register("shared_scrape_listeners_cut", help, cut);
        let help = "Messages of shared scrapes: one for each scrape, and signs of life where we send them";
        registry.register("shared_scrape_messages", help, messages);
        let help = "Bytes of messages of shared scrapes";
        registry.register("shared_scrape_bytes", help, bytes);
        let help = "Runs of nodes and containers that other replicas told of, and whether they could be used";
        registry.register("shared_scrape_samples", help, samples);
    }

    fn count(&self, direction: &'static str, messages: u64, bytes: usize) {
        let label = DirectionLabel { direction };
        self.messages.get_or_create(&label).inc_by(messages);
        self.bytes.get_or_create(&label).inc_by(count(bytes));
    }

    fn touch(&self) {
        for direction in ["sent", "received"] {
            self.count(direction, 0, 0);
        }
        for verdict in ["taken", "dropped"] {
            drop(self.samples.get_or_create(&VerdictLabel { verdict }));
        }
        for reason in Error::WORDS.into_iter().chain([ENDED]) {
            drop(self.ends.get_or_create(&ReasonLabel { reason }));
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Outcome {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Partial => "partial",
            Self::Alone => "alone",
            Self::Failed => "failed",
        }
    }

    const fn label(self) -> OutcomeLabel {
        OutcomeLabel { outcome: self.word() }
    }
}

impl Operation {
    const fn label(self) -> OperationLabel {
        let operation = match self {
            Self::Renew => "renew",
            Self::List => "list",
            Self::Delete => "delete",
        };
        OperationLabel { operation }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
