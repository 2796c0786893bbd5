//! The taking side of a hand-over: from one replica after the other, until one gave all it had.

use std::time::Duration;

use tokio::time::Instant;

use super::credentials::Credentials;
use super::error::Error;
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
            let view = self.memory.cluster.view();
            let Taken { nodes, runs, dropped, bytes } = &mut *taken;
            let take = |samples: NodeSamples| {
                let told = samples.runs();
                let adopted = self.adopt(samples, &view);
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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use tokio::net::TcpListener;

    use super::*;
    use crate::replicas::fixtures::{NOW, memory};
    use crate::replicas::lease::State;

    fn hand_over() -> HandOver {
        HandOver::new(memory(), Clock::manual(NOW).0, Duration::from_mins(2), Metrics::default())
    }

    fn credentials() -> Credentials {
        let key = KeyPair::generate().unwrap();
        let pem = CertificateParams::new(vec!["svc.test".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        Credentials { authority: pem.clone(), certificate: pem, key: key.serialize_pem() }
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
