//! What scraping tells of itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::telemetry::exemplar::TracedHistogram;
use crate::usage::{Failure, Outcome};

/// From one millisecond on a quiet network to the longest time-out in use.
const DURATION_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];
/// From the clock's tick to several resolutions.
const DELAY_BUCKETS: [f64; 7] = [0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];
const NEW: &str = "new";
const FRESH: &str = "fresh";
const FAILING: &str = "failing";
const STATES: [&str; 3] = [NEW, FRESH, FAILING];
/// The outcome of a good scrape, beside the reasons of failures.
const SUCCESS: &str = "Success";

/// All metrics of the room.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    /// Scrapes finished, by outcome
    scrapes: Family<OutcomeLabel, Counter>,
    /// Requests for the kubelets' own rates, by outcome
    summaries: Family<OutcomeLabel, Counter>,
    /// Time of one scrape, connection to last byte, in seconds
    pub(super) duration_seconds: TracedHistogram,
    /// How much later than planned scrapes began
    pub(super) delay_seconds: Histogram,
    /// Bytes of bodies received from kubelets
    pub(super) body_bytes: Counter,
    /// Lines refused in otherwise good bodies
    pub(super) rejected_lines: Counter,
    /// Samples dropped because they were older than what is known, or too old to be served
    pub(super) old_samples: Counter,
    /// Containers skipped because their pod does not exist on the node
    pub(super) skipped_containers: Counter,
    /// Times a node's clock was seen to have been set
    pub(super) clocks_set: Counter,
    /// Scrapes under way
    pub(super) in_flight: Gauge,
    /// Nodes with other pods than at their last scrape
    pub(super) nodes_changed: Gauge,
    /// Nodes by what came of their last scrape
    nodes: Family<StateLabel, Gauge>,
    /// Nodes by who asks them
    divided: Family<ReplicaLabel, Gauge>,
    /// Nodes that were another replica's to ask and are ours now
    taken_over: Family<CauseLabel, Counter>,
}

/// Why we ask a node that another replica did ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is ours by the replicas that are there now.
    Divided,
    /// Nothing was told of it for too long.
    Silent,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReplicaLabel {
    replica: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

impl Metrics {
    /// Registers all of them; the registry adds the product's prefix.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            scrapes: Family::default(),
            summaries: Family::default(),
            duration_seconds: TracedHistogram::new(DURATION_BUCKETS.into_iter()),
            delay_seconds: Histogram::new(DELAY_BUCKETS),
            body_bytes: Counter::default(),
            rejected_lines: Counter::default(),
            old_samples: Counter::default(),
            skipped_containers: Counter::default(),
            clocks_set: Counter::default(),
            in_flight: Gauge::default(),
            nodes_changed: Gauge::default(),
            nodes: Family::default(),
            divided: Family::default(),
            taken_over: Family::default(),
        };
        let Self { scrapes, summaries, duration_seconds, body_bytes, rejected_lines, .. } = metrics.clone();
        let Self { delay_seconds, old_samples, skipped_containers, in_flight, nodes, .. } = metrics.clone();
        let Self { nodes_changed, divided, taken_over, clocks_set, .. } = metrics.clone();
        registry.register("scrapes", "Scrapes finished, by outcome", scrapes);
        registry.register("summaries", "Requests for the kubelets' own rates, by outcome", summaries);
        let help = "Time of one scrape, connection to last byte, in seconds";
        registry.register("scrape_duration_seconds", help, duration_seconds);
        let help = "How much later than planned a scrape began, because too many were under way";
        registry.register("scrape_delay_seconds", help, delay_seconds);
        registry.register("scrape_body_bytes", "Bytes of bodies received from kubelets", body_bytes);
        registry.register("rejected_lines", "Lines refused in otherwise good bodies", rejected_lines);
        let help = "Samples dropped because they were older than what is known, or too old to be served";
        registry.register("old_samples", help, old_samples);
        let help = "Containers skipped because their pod does not exist on the node";
        registry.register("skipped_containers", help, skipped_containers);
        let help = "Times a node's clock was seen to have been set, after which its CPU rates begin anew";
        registry.register("node_clocks_set", help, clocks_set);
        registry.register("scrapes_in_flight", "Scrapes under way", in_flight);
        let help =
            "Nodes whose pods have changed since they were scraped, those included that left since the last sweep";
        registry.register("scrape_nodes_changed", help, nodes_changed);
        registry.register("nodes", "Nodes by what came of their last scrape", nodes);
        let help = "Nodes by the replica that asks them; without --scrape-sharing each asks all";
        registry.register("divided_nodes", help, divided);
        let help = "Nodes that another replica asked and we ask now, because replicas came or went, or it told of no good scrape";
        registry.register("node_take_overs", help, taken_over);
        metrics.begin();
        metrics
    }

    /// All series are there from the start, so that a first failure is an increase.
    fn begin(&self) {
        for outcome in [SUCCESS].into_iter().chain(Failure::REASONS) {
            self.scrapes.get_or_create(&OutcomeLabel { outcome }).inc_by(0);
            self.summaries.get_or_create(&OutcomeLabel { outcome }).inc_by(0);
        }
        for state in STATES {
            self.nodes.get_or_create(&StateLabel { state }).set(0);
        }
        for cause in [Cause::Divided, Cause::Silent] {
            self.taken_over.get_or_create(&cause.label()).inc_by(0);
        }
        self.divide(0, 0);
    }

    /// So many nodes are asked by us, and by others.
    pub(super) fn divide(&self, own: usize, others: usize) {
        for (replica, count) in [("own", own), ("other", others)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.divided.get_or_create(&ReplicaLabel { replica }).set(count);
        }
    }

    /// Counts so many nodes that were another's.
    pub(super) fn take_over(&self, cause: Cause, nodes: usize) {
        self.taken_over.get_or_create(&cause.label()).inc_by(u64::try_from(nodes).unwrap_or(u64::MAX));
    }

    /// Counts a finished scrape.
    pub(super) fn count_scrape(&self, outcome: &Outcome) {
        self.scrapes.get_or_create(&OutcomeLabel { outcome: word(outcome) }).inc();
    }

    /// Counts a finished request for rates.
    pub(super) fn count_summary(&self, outcome: &Outcome) {
        self.summaries.get_or_create(&OutcomeLabel { outcome: word(outcome) }).inc();
    }

    /// Counts a node as not tried yet, until it changes or is dropped.
    pub(super) fn node(&self) -> NodeState {
        let state = NodeState { nodes: self.nodes.clone(), state: NEW };
        state.gauge().inc();
        state
    }
}

impl Cause {
    const fn label(self) -> CauseLabel {
        let cause = match self {
            Self::Divided => "divided",
            Self::Silent => "silent",
        };
        CauseLabel { cause }
    }
}

/// One node's place in the gauge; leaves it when dropped.
#[derive(Debug)]
pub(super) struct NodeState {
    nodes: Family<StateLabel, Gauge>,
    state: &'static str,
}

impl NodeState {
    /// Moves the node to where `outcome` puts it.
    pub(super) fn set(&mut self, outcome: &Outcome) {
        let state = if outcome.is_ok() { FRESH } else { FAILING };
        if state != self.state {
            self.gauge().dec();
            self.state = state;
            self.gauge().inc();
        }
    }

    fn gauge(&self) -> Gauge {
        self.nodes.get_or_create_owned(&StateLabel { state: self.state })
    }
}

impl Drop for NodeState {
    fn drop(&mut self) {
        self.gauge().dec();
    }
}

fn word(outcome: &Outcome) -> &'static str {
    outcome.as_ref().err().map_or(SUCCESS, Failure::reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Failure;

    #[test]
    fn nodes_move_between_states_and_leave_them() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let mut one = metrics.node();
        let other = metrics.node();
        one.set(&Err(Failure::Unauthorized));
        one.set(&Ok(()));
        drop(other);
        metrics.count_scrape(&Err(Failure::Unauthorized));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "nodes{state=\"fresh\"} 1",
            "nodes{state=\"failing\"} 0",
            "nodes{state=\"new\"} 0",
            "scrapes_total{outcome=\"Unauthorized\"} 1",
        ] {
            assert!(text.contains(line), "{line} in:\n{text}");
        }
    }
}
