//! Looks at the store every few seconds, and hands what is new to every engine's queue.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::export::ledger::Ledger;
use crate::export::live::Now;
use crate::export::metrics::{Dropped, TargetMetrics};
use crate::export::point::Point;
use crate::export::queue::{Batch, Queue};
use crate::store::Store;

/// A sample is passed on at most this long after it was stored. A store that is asked for the last
/// minute has most of it; requests are large enough to be worth their overhead.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Points of one batch, of three samples at most: requests of any size are put together from them,
/// the smallest that may be configured is one.
const POINTS_PER_BATCH: usize = 100;

/// What is looked at, what was handed over, and to whom.
pub(super) struct Collector {
    pub(super) cluster: Arc<Cluster>,
    pub(super) store: Arc<Store>,
    pub(super) clock: Clock,
    pub(super) max_sample_age: Duration,
    pub(super) ledger: Ledger,
    pub(super) ledger_entries: Gauge,
    pub(super) queues: Vec<(Arc<Queue>, TargetMetrics)>,
}

impl Collector {
    /// Never ends.
    pub(super) async fn run(mut self) {
        let mut turn = interval(LOOK_EVERY);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turn.tick().await;
            self.look().await;
        }
    }

    /// One look, node by node: others get their turn in between.
    pub(super) async fn look(&mut self) {
        let (view, snapshot) = (self.cluster.view(), self.store.snapshot());
        // What is not listed yet is not gone.
        if !view.is_complete() {
            return;
        }
        let oldest = self.clock.now() - self.max_sample_age;
        let mut points = Vec::with_capacity(POINTS_PER_BATCH);
        for node in self.ledger.nodes(&snapshot) {
            self.ledger.advance(&node, &snapshot, Now { view: &view, oldest }, &mut points);
            while points.len() >= POINTS_PER_BATCH {
                let rest = points.split_off(POINTS_PER_BATCH);
                self.hand_over(std::mem::replace(&mut points, rest));
            }
            tokio::task::yield_now().await;
        }
        if !points.is_empty() {
            self.hand_over(points);
        }
        self.ledger_entries.set(i64::try_from(self.ledger.len()).unwrap_or(i64::MAX));
    }

    fn hand_over(&self, points: Vec<Point>) {
        let batch = Batch::new(points);
        for (queue, metrics) in &self.queues {
            metrics.dropped(Dropped::QueueFull, queue.push(batch.clone()));
            metrics.waiting(queue.len());
        }
    }
}

#[cfg(test)]
mod tests;
