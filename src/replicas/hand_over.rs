//! The taking side of a hand-over: from one replica after the other, until one gave all it had.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::credentials::Credentials;
use super::error::Error;
use super::fetch::fetch;
use super::intake::Intake;
use super::lease::Presence;
use super::message::NodeSamples;
use super::metrics::{Metrics, Outcome};
use crate::telemetry::causes;

/// Takes all samples at the start.
pub(super) struct HandOver {
    intake: Arc<Intake>,
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
    pub(super) fn new(intake: Arc<Intake>, metrics: Metrics) -> Self {
        Self { intake, metrics }
    }

    /// Asks `others`, who show the certificate of `name`, until one has given all, at most until
    /// `deadline`. What came by then counts: each node's samples are whole in themselves.
    pub(super) async fn take(
        &self,
        others: &[Presence],
        credentials: Option<&Credentials>,
        name: &str,
        deadline: Instant,
    ) {
        let started = Instant::now();
        let mut taken = Taken::default();
        let is_whole = match credentials {
            Some(credentials) => self.ask_all(others, credentials, name, deadline, &mut taken).await,
            None if others.is_empty() => false,
            None => {
                tracing::warn!("there is no certificate to show to other replicas");
                false
            }
        };
        let outcome = match (is_whole, taken.nodes) {
            (true, _) => Outcome::Taken,
            (false, 1..) => Outcome::Partial,
            (false, 0) if others.is_empty() => Outcome::Alone,
            (false, 0) => Outcome::Failed,
        };
        self.settle(outcome, &taken, started.elapsed());
    }

    async fn ask_all(
        &self,
        others: &[Presence],
        credentials: &Credentials,
        name: &str,
        deadline: Instant,
        taken: &mut Taken,
    ) -> bool {
        let mut left = others.len();
        for other in others {
            left -= 1;
            // One that hangs leaves half of the time to those after it.
            let now = Instant::now();
            let until = if left == 0 { deadline } else { now + deadline.saturating_duration_since(now) / 2 };
            let Taken { nodes, runs, dropped, bytes } = &mut *taken;
            let take = |samples: NodeSamples| {
                let told = samples.runs();
                // Of this moment: nodes may leave while the samples come.
                let adopted = self.intake.adopt(samples, &self.intake.memory.cluster.view());
                *nodes += usize::from(adopted.is_some());
                *runs += adopted.unwrap_or_default();
                *dropped += told - adopted.unwrap_or_default();
            };
            let fetched = tokio::time::timeout_at(until, fetch(credentials, name, other.address, take, bytes)).await;
            match fetched.unwrap_or(Err(Error::Slow)) {
                Ok(()) => return true,
                Err(error) => {
                    let error = causes(&error);
                    tracing::warn!(replica = other.name, address = %other.address, error, "no samples from a replica");
                }
            }
        }
        false
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::replicas::fixtures::{credentials, intake, memory};
    use crate::replicas::lease::State;

    fn hand_over() -> HandOver {
        HandOver::new(Arc::new(intake(memory())), Metrics::default())
    }

    #[tokio::test]
    async fn those_who_hang_or_are_gone_are_asked_in_turn_and_hold_nobody_up() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let [hanging, gone] =
            [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
        let others = [&hanging, &gone, &hanging].map(|listener| Presence {
            name: "other".to_owned(),
            address: listener.local_addr().unwrap(),
            state: State::Ready,
            lasts: Duration::from_secs(15),
            shares: false,
        });
        drop(gone);
        let (started, deadline) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut taken = Taken::default();
        assert!(!hand_over().ask_all(&others, &credentials(), "svc.test", deadline, &mut taken).await);
        assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
        let mut dialled = 0;
        while tokio::time::timeout(Duration::from_millis(50), hanging.accept()).await.is_ok() {
            dialled += 1;
        }
        assert_eq!((dialled, taken.nodes), (2, 0));
    }
}
