//! From one engine's queue to the engine, one request at a time: so samples arrive in order.
//!
//! A request is repeated only if the engine has certainly not taken it: it could not be reached, or
//! said so. One that was sent and not answered may have been taken; its samples are dropped and
//! counted, never sent twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;
use crate::export::backoff::{Backoff, retry_after};
use crate::export::metrics::{Dropped, TargetMetrics};
use crate::export::queue::{Batch, Queue};
use crate::export::wire::{Answer, Failed, Transport, Verdict, Wire};
use crate::telemetry::causes;

/// Samples older than this are worth little, and engines begin to refuse them.
const RETRY_FOR: Duration = Duration::from_mins(5);

/// Serves one engine.
pub(super) struct Sender {
    pub(super) name: String,
    pub(super) queue: Arc<Queue>,
    pub(super) wire: Box<dyn Wire>,
    pub(super) transport: Box<dyn Transport>,
    /// Most samples of one request.
    pub(super) samples_per_request: usize,
    pub(super) metrics: TargetMetrics,
    pub(super) clock: Clock,
    /// What was told last: each change of it is one line in the log.
    pub(super) is_failing: bool,
}

/// What became of one attempt.
enum Attempt {
    /// It is over, in whatever way.
    Done,
    /// The same again, in another form.
    Rewrite,
    /// The same again, after what the engine asked for.
    Again(Option<Duration>),
}

impl Sender {
    /// Never ends.
    pub(super) async fn run(mut self) {
        loop {
            let batches = self.queue.next(self.samples_per_request).await;
            self.metrics.waiting(self.queue.len());
            self.deliver(&batches).await;
        }
    }

    async fn deliver(&mut self, batches: &[Batch]) {
        let samples = batches.iter().map(|batch| batch.samples).sum();
        let mut message = self.wire.write(batches);
        let (mut backoff, begun) = (Backoff::default(), Instant::now());
        loop {
            let asked_at = Instant::now();
            let answer = self.transport.post(&message).await;
            self.metrics.took(asked_at.elapsed());
            let asked = match self.attempt(answer, samples) {
                Attempt::Done => return,
                Attempt::Rewrite => {
                    message = self.wire.write(batches);
                    continue;
                }
                Attempt::Again(asked) => asked,
            };
            let wait = backoff.next(asked);
            // Also before the next one, if this is given up: the engine has asked for it.
            tokio::time::sleep(wait).await;
            if begun.elapsed() > RETRY_FOR {
                return self.metrics.dropped(Dropped::GaveUp, samples);
            }
            self.metrics.retried();
        }
    }

    fn attempt(&mut self, answer: Result<Answer, Failed>, samples: usize) -> Attempt {
        let answer = match answer {
            Ok(answer) => answer,
            Err(failed) => {
                self.failing(&causes(&failed));
                return match failed {
                    Failed::NotSent(_) => Attempt::Again(None),
                    Failed::Unanswered(_) => {
                        self.metrics.dropped(Dropped::Unanswered, samples);
                        Attempt::Done
                    }
                };
            }
        };
        match self.wire.judge(&answer) {
            Verdict::Rewrite => {
                tracing::info!(name = self.name, "the engine does not understand remote write 2.0; 1.0 from now on");
                Attempt::Rewrite
            }
            Verdict::Later(told) => {
                self.failing(&self.wire.reason(&answer));
                Attempt::Again(told.or_else(|| retry_after(&answer.headers, self.clock.now())))
            }
            Verdict::Refused { taken } => {
                self.failing(&self.wire.reason(&answer));
                self.count(taken.min(samples), samples);
                Attempt::Done
            }
            Verdict::Taken(share) => {
                self.working();
                self.metrics.succeeded(self.clock.now());
                self.count(share.of(samples), samples);
                Attempt::Done
            }
        }
    }

    fn count(&self, taken: usize, samples: usize) {
        self.metrics.taken(taken);
        self.metrics.dropped(Dropped::Refused, samples - taken);
    }

    fn failing(&mut self, error: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(name = self.name, error, "usage cannot be passed on");
        }
    }

    fn working(&mut self) {
        if std::mem::replace(&mut self.is_failing, false) {
            tracing::info!(name = self.name, "usage is passed on again");
        }
    }
}

#[cfg(test)]
mod tests;
