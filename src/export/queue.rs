//! What waits for one engine: bounded by samples; when it is full, the oldest make room.
//!
//! The newest are worth more to somebody who looks at graphs after an outage than the first minutes
//! of it. Batches are shared by all engines, so that a second one costs no second copy.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::export::family::{Family, families_of};
use crate::export::point::Point;

/// Points that are handed over together.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// In the order in which they have to arrive.
    pub(super) points: Arc<[Point]>,
    /// How many samples they make: one for each family that has a value, or ends.
    pub(super) samples: usize,
}

impl Batch {
    pub(super) fn new(points: Vec<Point>) -> Self {
        let samples = points.iter().map(samples_of).sum();
        Self { points: points.into(), samples }
    }
}

/// All points of some batches, in their order.
pub(super) fn points(batches: &[Batch]) -> impl Iterator<Item = &Point> {
    batches.iter().flat_map(|batch| batch.points.iter())
}

/// How many samples a point makes.
fn samples_of(point: &Point) -> usize {
    let has_value = |level| move |family: &&Family| family.value.of(level).is_some();
    match &point.level {
        Some(level) => families_of(point.subject.kind()).filter(has_value(level)).count(),
        None => families_of(point.subject.kind()).count(),
    }
}

/// The queue of one engine.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    samples: usize,
}

impl Queue {
    /// For at most `capacity` samples.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Mutex::default(), filled: Notify::new() }
    }

    /// Never waits. Returns how many samples were dropped to make room.
    pub(super) fn push(&self, batch: Batch) -> usize {
        let mut waiting = self.waiting.lock();
        let mut dropped = 0;
        while waiting.samples + batch.samples > self.capacity {
            let Some(oldest) = waiting.batches.pop_front() else { return dropped + batch.samples };
            waiting.samples -= oldest.samples;
            dropped += oldest.samples;
        }
        waiting.samples += batch.samples;
        waiting.batches.push_back(batch);
        drop(waiting);
        self.filled.notify_one();
        dropped
    }

    /// The oldest batches that make up to `limit` samples together, and always one. Has one caller.
    pub(super) async fn next(&self, limit: usize) -> Vec<Batch> {
        loop {
            let batches = self.take(limit);
            if !batches.is_empty() {
                return batches;
            }
            self.filled.notified().await;
        }
    }

    /// Samples that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.lock().samples
    }

    fn take(&self, limit: usize) -> Vec<Batch> {
        let mut waiting = self.waiting.lock();
        let (mut taken, mut samples) = (Vec::new(), 0);
        while let Some(batch) = waiting.batches.front() {
            if !taken.is_empty() && samples + batch.samples > limit {
                break;
            }
            samples += batch.samples;
            taken.extend(waiting.batches.pop_front());
        }
        waiting.samples -= samples;
        taken
    }
}

#[cfg(test)]
mod tests;
