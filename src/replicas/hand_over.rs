//! The taking side of a hand-over: from one replica after the other, until one gave all it had.

use std::time::Duration;

use tokio::time::Instant;

use super::credentials::Credentials;
use super::fetch::fetch;
use super::lease::Presence;
use super::message::{Bounds, NodeSamples};
use super::metrics::{Metrics, Outcome};
use super::replica::Memory;
use crate::clock::Clock;
use crate::cluster::View;
use crate::telemetry::causes;

/// Kubelets whose clocks are further off than this are refused by the scrapes as well.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(1);

/// Where samples go, and what may be believed of them.
pub(super) struct HandOver {
    memory: Memory,
    clock: Clock,
    max_sample_age: Duration,
    metrics: Metrics,
}

/// What was taken so far.
#[derive(Debug, Default)]
struct Taken {
    nodes: usize,
    runs: usize,
    dropped: usize,
    bytes: u64,
}

impl HandOver {
    pub(super) fn new(memory: Memory, clock: Clock, max_sample_age: Duration, metrics: Metrics) -> Self {
        Self { memory, clock, max_sample_age, metrics }
    }

    /// Asks `others`, who show the certificate of `name`, until one has given all, at most until
    /// `deadline`. What came by then counts: each node's samples are whole in themselves.
    pub(super) async fn take(&self, others: &[Presence], credentials: &Credentials, name: &str, deadline: Instant) {
        let started = Instant::now();
        let mut taken = Taken::default();
        let asked = self.ask_all(others, credentials, name, &mut taken);
        let is_whole = tokio::time::timeout_at(deadline, asked).await.unwrap_or_else(|_| {
            tracing::warn!("the hand-over took too long");
            false
        });
        let outcome = match (is_whole, taken.nodes) {
            (true, _) => Outcome::Taken,
            (false, 1..) => Outcome::Partial,
            (false, 0) if others.is_empty() => Outcome::Alone,
            (false, 0) => Outcome::Failed,
        };
        self.settle(outcome, &taken, started.elapsed());
    }

    async fn ask_all(&self, others: &[Presence], credentials: &Credentials, name: &str, taken: &mut Taken) -> bool {
        for other in others {
            let view = self.memory.cluster.view();
            let Taken { nodes, runs, dropped, bytes } = &mut *taken;
            let take = |samples: NodeSamples| {
                let told = samples.runs();
                let adopted = self.adopt(samples, &view);
                *nodes += usize::from(adopted.is_some());
                *runs += adopted.unwrap_or_default();
                *dropped += told - adopted.unwrap_or_default();
            };
            match fetch(credentials, name, other.address, take, bytes).await {
                Ok(()) => return true,
                Err(error) => {
                    let error = causes(&error);
                    tracing::warn!(replica = other.name, address = %other.address, error, "no samples from a replica");
                }
            }
        }
        false
    }

    /// How many runs were taken of one node; `None` if it is not taken.
    pub(super) fn adopt(&self, samples: NodeSamples, view: &View) -> Option<usize> {
        let told = samples.runs();
        let (node, handed, dropped) = samples.checked(view, &self.bounds())?;
        self.memory.store.adopt(&node, handed).then(|| told.saturating_sub(dropped))
    }

    fn bounds(&self) -> Bounds {
        let now = self.clock.now();
        Bounds {
            oldest: now - self.max_sample_age,
            newest: now + self.max_sample_age.max(CLOCK_TOLERANCE),
            longest_window: self.max_sample_age * 2,
        }
    }

    fn settle(&self, outcome: Outcome, taken: &Taken, took: Duration) {
        let &Taken { nodes, runs, dropped, bytes } = taken;
        self.metrics.handed_over(outcome, took);
        self.metrics.received(bytes);
        self.metrics.took(runs, dropped);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(outcome = outcome.word(), nodes, samples = runs, dropped, bytes, millis, "hand-over");
    }
}
