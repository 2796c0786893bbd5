//! What must not grow, and what it is at rest.

use std::fmt;

use crate::resident::Resident;
use crate::rest::Truth;
use crate::stage::QUEUE_SAMPLES;

/// One figure of the server.
pub(crate) struct Quantity {
    pub(crate) name: &'static str,
    pub(crate) source: Source,
    /// Growth over the second half of the load that is called none.
    pub(crate) slack: Slack,
    /// It is never more than this, whatever the load.
    pub(crate) most: Option<f64>,
    /// What it has to be when all is quiet.
    pub(crate) rest: Explanation,
}

/// Where it is read.
pub(crate) enum Source {
    /// Of the kernel.
    Process(fn(&Resident) -> f64),
    /// The sum of the series of `/metrics` of this name, or the one with these labels.
    Metric(&'static str),
    /// How many series there are at `/metrics`.
    SeriesCount,
}

/// What growth is called none.
#[derive(Clone, Copy)]
pub(crate) enum Slack {
    /// This much, for what comes and goes as the load does.
    UpTo(f64),
    /// A memory of bounded size that is being filled: its bound is what holds it, and in a long run
    /// it has reached it before the second half.
    Fills,
}

/// Where what is left is explained.
pub(crate) enum Explanation {
    /// By what was before the load, and so much more.
    Before(f64),
    /// By what the cluster holds, or a bound.
    By(fn(&Truth) -> Rest),
}

/// What is explained.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rest {
    Exactly(f64),
    AtMost(f64),
}

impl Quantity {
    /// What it has to be when all is quiet, having been `before` before the load.
    pub(crate) fn explained(&self, truth: &Truth, before: f64) -> Rest {
        match self.rest {
            Before(more) => AtMost(before + more),
            By(explained) => explained(truth),
        }
    }
}

impl Rest {
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Self::Exactly(wanted) => (value - wanted).abs() < 0.5,
            Self::AtMost(most) => value < most + 0.5,
        }
    }
}

use Explanation::{Before, By};
use Rest::{AtMost, Exactly};

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exactly(wanted) => write!(f, "{wanted:.0}"),
            AtMost(most) if most.is_infinite() => f.write_str("its bound"),
            AtMost(most) => write!(f, "at most {most:.0}"),
        }
    }
}

/// Below this size pools of shared texts are not swept; above, they may be twice what is in use.
const SMALLEST_SWEEP: f64 = 1024.0;
/// Connections to the API server, each a file and a task or two, that wait for the next review.
const KEPT_CONNECTIONS: f64 = 24.0;
/// Caches that are full take 8 MiB by their bounds; the rest is what the allocator does not give back.
const KEPT_MEBIBYTES: f64 = 12.0;
/// One for each kind of request that is made here and for each answer to it, times buckets: some 550.
const SERIES: f64 = 1000.0;
/// Six nodes come and go; a line through their number may rise by a little more.
const PASSING: f64 = 8.0;
/// What is first asked for late: one histogram and some counters.
const NEW_SERIES: f64 = 40.0;
/// Of who reads this, and of the aggregator, which looks whether we are there.
const STANDING_CONNECTIONS: f64 = 2.0;
/// Noise of the allocator, whose arenas fill and are swept; and, in a short run, the caches that fill.
const MEMORY_SLACK_MEBIBYTES: f64 = 4.0;

/// Each is read every five seconds; what is told of it at the end is a line of the table.
pub(crate) const ALL: &[Quantity] = &[
    memory("resident memory, MiB", |resident| resident.all),
    memory("heap, MiB", |resident| resident.heap),
    memory("stacks, MiB", |resident| resident.stacks),
    gauge("threads", "process_threads", 1.0, Before(1.0)),
    gauge("open files", "process_open_fds", 32.0, Before(KEPT_CONNECTIONS)),
    gauge("tasks", "kube_vitals_runtime_alive_tasks", 64.0, Before(KEPT_CONNECTIONS)),
    Quantity { source: Source::SeriesCount, ..gauge("series of metrics", "", NEW_SERIES, By(|_| AtMost(SERIES))) },
    gauge("nodes", "kube_vitals_cluster_objects{resource=\"nodes\"}", PASSING, By(|truth| Exactly(truth.nodes))),
    gauge("pods", "kube_vitals_cluster_objects{resource=\"pods\"}", 30.0, By(|truth| Exactly(truth.pods))),
    gauge("label sets", "kube_vitals_cluster_label_sets", 30.0, By(|truth| Exactly(truth.label_sets))),
    // A label set that waits for the next sweep still uses its texts.
    pool("shared texts", "kube_vitals_cluster_interned{kind=\"texts\"}", |truth| {
        AtMost(swept(truth.most_in_use + swept(truth.most_in_use)))
    }),
    pool("shared label sets", "kube_vitals_cluster_interned{kind=\"label_sets\"}", |truth| {
        AtMost(swept(truth.most_in_use))
    }),
    pool("container names", "kube_vitals_store_container_names", |_| AtMost(SMALLEST_SWEEP)),
    gauge("nodes to scrape", "kube_vitals_nodes", PASSING, By(|truth| Exactly(truth.nodes))),
    gauge("nodes with changed pods", "kube_vitals_scrape_nodes_changed", 30.0, By(|truth| AtMost(truth.nodes))),
    gauge("records of nodes", "kube_vitals_store_records{kind=\"nodes\"}", PASSING, By(|truth| Exactly(truth.nodes))),
    gauge("records of pods", "kube_vitals_store_records{kind=\"pods\"}", 50.0, By(|truth| AtMost(truth.pods))),
    gauge(
        "records of containers",
        "kube_vitals_store_records{kind=\"containers\"}",
        100.0,
        By(|truth| AtMost(truth.containers)),
    ),
    gauge("entries of the ledger", "kube_vitals_export_ledger_entries", 300.0, By(|truth| AtMost(truth.subjects))),
    // At rest, what is handed over at once.
    Quantity {
        rest: By(|truth| AtMost(2.0 * truth.subjects)),
        ..bounded("samples that wait", "kube_vitals_export_queue_samples", QUEUE_SAMPLES as f64)
    },
    bounded("verdicts on tokens", "kube_vitals_token_verdicts_kept", 4096.0),
    bounded("verdicts on access", "kube_vitals_access_verdicts_kept", 8192.0),
    bounded("verdicts on certificates", "kube_vitals_certificate_verdicts_kept", 4096.0),
    bounded("addresses with refusals", "kube_vitals_refused_addresses_kept", 4096.0),
    bounded("sessions of TLS", "kube_vitals_tls_sessions_kept", 256.0),
    gauge("reviews of tokens", "kube_vitals_token_reviews_under_way", 5.0, By(|_| Exactly(0.0))),
    gauge("reviews of access", "kube_vitals_access_reviews_under_way", 5.0, By(|_| Exactly(0.0))),
    gauge("connections", "kube_vitals_connections_open", 20.0, By(|_| AtMost(STANDING_CONNECTIONS))),
    gauge("addresses with connections", "kube_vitals_connection_addresses", 5.0, By(|_| AtMost(1.0))),
    gauge("requests under way", "kube_vitals_requests_in_flight", 5.0, By(|_| Exactly(0.0))),
    gauge("watches", "kube_vitals_watches_open", 12.0, By(|_| Exactly(0.0))),
    gauge("steps of watches", "kube_vitals_watch_steps_kept", 20.0, By(|_| AtMost(20.0))),
    // As many as there are requests in half a minute, 120 to 200 by how busy the machine is; 512 at most.
    gauge("kept moments", "kube_vitals_kept_moments", 100.0, By(|_| Exactly(0.0))),
];

const fn memory(name: &'static str, of: fn(&Resident) -> f64) -> Quantity {
    Quantity { source: Source::Process(of), ..gauge(name, "", MEMORY_SLACK_MEBIBYTES, Before(KEPT_MEBIBYTES)) }
}

/// What follows the load and the cluster.
const fn gauge(name: &'static str, line: &'static str, slack: f64, rest: Explanation) -> Quantity {
    Quantity { name, source: Source::Metric(line), slack: Slack::UpTo(slack), most: None, rest }
}

/// Copies that are swept where they are twice as many as are in use.
const fn pool(name: &'static str, line: &'static str, rest: fn(&Truth) -> Rest) -> Quantity {
    Quantity { slack: Slack::Fills, ..gauge(name, line, 0.0, By(rest)) }
}

/// The most that a pool holds of which so many were in use at its last sweep.
fn swept(in_use: f64) -> f64 {
    SMALLEST_SWEEP.max(2.0 * in_use)
}

/// A memory that is filled up to `most`.
const fn bounded(name: &'static str, line: &'static str, most: f64) -> Quantity {
    Quantity { slack: Slack::Fills, most: Some(most), ..gauge(name, line, 0.0, By(|_| AtMost(f64::INFINITY))) }
}
