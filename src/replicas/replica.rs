//! One replica among others, from its start to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::credentials::Credentials;
use super::follow::Listening;
use super::hand_over::HandOver;
use super::intake::Intake;
use super::lease::{Presence, State};
use super::metrics::Metrics;
use super::presence::Leases;
use super::sharing::{Sharing, Standing};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::{Pod, Service};
use crate::readiness::Readiness;
use crate::store::Store;

/// From the moment that the cluster is known: a start without others takes no longer than this.
const HAND_OVER: Duration = Duration::from_secs(5);
/// How soon the end of the first list is noticed.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// While we start, others learn within this time that we are ready.
const START_BEAT: Duration = Duration::from_secs(1);
/// Renewals are no rarer, so that who dies is missed within a quarter of a minute, and no more frequent.
const BEAT: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(5);
/// Renewals that may fail in a row before the others take us for gone.
const MISSED_BEATS: u32 = 3;
/// Where scrapes are shared, who dies is missed within half a resolution: time is left for the next
/// scrape of its nodes, and some to spare.
const BEATS_WHEN_SHARING: u32 = 6;
/// Where we have no rights that does not change soon. After any other failure we are back before the
/// others, who may be able to look already, take us for gone.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// From a second to beyond the longest pause.
const MOST_DOUBLINGS: u32 = 6;
/// The end waits no longer for the API server; a leftover Lease is collected by the others.
const LEAVE: Duration = Duration::from_secs(2);

/// What samples are taken for, and where they are kept.
#[derive(Clone, Debug)]
pub struct Memory {
    /// What exists.
    pub cluster: Arc<Cluster>,
    /// What was measured.
    pub store: Arc<Store>,
}

/// This replica, built but not running.
pub struct Replica {
    own: Presence,
    service: Service,
    memory: Memory,
    leases: Leases,
    hand_over: HandOver,
    readiness: Readiness,
    credentials: watch::Receiver<Option<Credentials>>,
    beat: Duration,
    resolution: Duration,
    intake: Arc<Intake>,
    metrics: Metrics,
    sharing: Option<Sharing>,
}

/// How often a replica that shares scrapes renews its Lease, and says that it is there.
pub(super) fn beat_when_sharing(resolution: Duration) -> Duration {
    (resolution / BEATS_WHEN_SHARING).clamp(*BEAT.start(), *BEAT.end())
}

impl Replica {
    /// The replica in `pod` behind `service`, which answers at `port`. `credentials` come as soon as
    /// there is a certificate.
    pub fn new(
        pod: &Pod,
        port: u16,
        (service, client): (Service, Client),
        (memory, clock, readiness): (Memory, Clock, Readiness),
        credentials: watch::Receiver<Option<Credentials>>,
        (resolution, max_sample_age): (Duration, Duration),
        metrics: Metrics,
    ) -> Self {
        let beat = (resolution / MISSED_BEATS).clamp(*BEAT.start(), *BEAT.end());
        let own = Presence {
            name: pod.name.clone(),
            address: SocketAddr::new(pod.address, port),
            state: State::Starting,
            lasts: beat * MISSED_BEATS,
            shares: false,
        };
        let leases = Leases::new(client, &service, clock.clone(), metrics.clone());
        let intake = Arc::new(Intake { memory: memory.clone(), clock, resolution, max_sample_age });
        let hand_over = HandOver::new(Arc::clone(&intake), metrics.clone());
        let sharing = None;
        Self {
            own,
            service,
            memory,
            leases,
            hand_over,
            readiness,
            credentials,
            beat,
            resolution,
            intake,
            metrics,
            sharing,
        }
    }

    /// Also divides the nodes with other replicas that do.
    #[must_use]
    pub fn sharing(mut self, sharing: Sharing) -> Self {
        self.beat = beat_when_sharing(self.resolution);
        (self.own.lasts, self.own.shares) = (self.beat * MISSED_BEATS, true);
        Self { sharing: Some(sharing), ..self }
    }

    /// Takes samples from a replica that is ready, cancels `filled` when that is over, and is seen by
    /// the others until `ending`; from `stop` on as one that leaves.
    pub async fn run(mut self, filled: CancellationToken, stop: CancellationToken, ending: CancellationToken) {
        // Whatever happens here: the scrapes begin.
        let filled = filled.drop_guard();
        if ending.run_until_cancelled(self.begin()).await.is_some() {
            let (standing, seen) = watch::channel(Standing { own: State::Starting, others: self.leases.sharing() });
            let sharing = self.sharing.take();
            let (own, listening) = (self.own.name.clone(), self.listening());
            let dividing = async {
                match sharing {
                    Some(sharing) => sharing.run(own, listening, seen, stop.clone(), filled).await,
                    None => drop(filled),
                }
            };
            ending.run_until_cancelled(async { tokio::join!(self.keep(&stop, &standing), dividing) }).await;
        }
        let left = tokio::time::timeout(LEAVE, self.leases.leave(&self.own.name)).await;
        if left.is_err() {
            tracing::debug!("our Lease is left behind: the API server does not answer");
        }
    }

    async fn begin(&mut self) {
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        // Before that nobody knows which samples are of any use.
        while !self.memory.cluster.view().is_complete() {
            looks.tick().await;
        }
        let deadline = Instant::now() + HAND_OVER;
        let others = tokio::time::timeout_at(deadline, self.leases.look(&self.own.name)).await;
        let others = if others == Ok(true) { self.leases.ready() } else { Vec::new() };
        let credentials = if others.is_empty() { None } else { self.credentials_by(deadline).await };
        self.hand_over.take(&others, credentials.as_ref(), &self.service.dns_name(), deadline).await;
    }

    async fn credentials_by(&mut self, deadline: Instant) -> Option<Credentials> {
        let received = tokio::time::timeout_at(deadline, self.credentials.wait_for(Option::is_some)).await;
        received.ok()?.ok()?.clone()
    }

    fn listening(&self) -> Listening {
        Listening {
            name: self.service.dns_name(),
            credentials: self.credentials.clone(),
            intake: Arc::clone(&self.intake),
            metrics: self.metrics.clone(),
        }
    }

    async fn keep(&mut self, stop: &CancellationToken, standing: &watch::Sender<Standing>) {
        let (mut failures, mut was_refused) = (0, false);
        loop {
            self.own.state = match (stop.is_cancelled(), self.readiness.is_ready()) {
                (true, _) => State::Stopping,
                (false, true) => State::Ready,
                (false, false) => State::Starting,
            };
            // An API server that hangs is one that does not let us.
            let beat = tokio::time::timeout(self.own.lasts, self.leases.beat(&self.own)).await;
            let is_refused = self.leases.is_refused();
            // An API server that comes back refuses everybody for a moment: what failed before counts for nothing.
            failures = match beat {
                Ok(true) => 0,
                _ if is_refused && !was_refused => 1,
                _ => failures + 1,
            };
            was_refused = is_refused;
            standing.send_replace(Standing { own: self.own.state, others: self.leases.sharing() });
            if failures == 1 && self.own.shares {
                let namespace = &self.service.namespace;
                tracing::warn!(
                    namespace,
                    "--scrape-sharing needs create, patch, list and delete on leases there (deploy/base/rbac.yaml); \
                     until others see us by one, each replica asks nodes by itself"
                );
            }
            let beat = match self.own.state {
                State::Starting => START_BEAT.min(self.beat),
                State::Ready | State::Stopping => self.beat,
            };
            let longest = if is_refused { LONGEST_PAUSE } else { self.own.lasts / 2 };
            let pause = pause(beat, failures, longest);
            let is_told = self.own.state == State::Stopping;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled(), if !is_told => {}
            }
        }
    }
}

/// From one beat to the next, after so many failures in a row.
fn pause(beat: Duration, failures: u32, longest: Duration) -> Duration {
    beat.saturating_mul(1 << failures.min(MOST_DOUBLINGS)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMillis;
    use crate::replicas::fixtures::{LeaseServer, memory};

    /// How often a replica asks for its Lease in the three minutes in which it is refused so.
    async fn beats_while_refused(code: u16) -> usize {
        beats_while(&[(code, Duration::from_mins(3))]).await
    }

    /// The same in the last of some periods, one after the other.
    async fn beats_while(periods: &[(u16, Duration)]) -> usize {
        let server = LeaseServer::default();
        let pod = Pod { name: "one".to_owned(), address: [10, 0, 0, 1].into() };
        let service = Service { namespace: "custom-api".to_owned(), name: "custom-api".to_owned() };
        let (_credentials, seen) = watch::channel(None);
        let outside = (memory(), Clock::manual(UnixMillis(0)).0, Readiness::default());
        let times = (Duration::from_secs(15), Duration::from_mins(2));
        let replica = Replica::new(&pod, 8080, (service, server.client()), outside, seen, times, Metrics::default());
        let [filled, stop, ending] = std::array::from_fn(|_| CancellationToken::new());
        let running = tokio::spawn(replica.run(filled, stop, ending.clone()));
        tokio::time::sleep(Duration::from_secs(20)).await;
        for (code, lasting) in periods {
            server.0.lock().refusal = Some(*code);
            server.0.lock().requests.clear();
            tokio::time::sleep(*lasting).await;
        }
        let renewals = server.0.lock().requests.iter().filter(|(method, _)| *method == http::Method::PATCH).count();
        ending.cancel();
        running.await.unwrap();
        renewals
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_renew_tries_again_before_others_take_him_for_gone_but_without_rights_rarely() {
        let most_seldom = 180 * 2 / 15;
        for code in [500, 429, 404] {
            let beats = beats_while_refused(code).await;
            assert!((most_seldom..=most_seldom + 3).contains(&beats), "{beats} for {code}");
        }
        for code in [401, 403] {
            assert!(beats_while_refused(code).await < 10);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_refusal_after_an_outage_costs_two_beats_and_no_minute() {
        let (outage, moment) = (Duration::from_mins(2), Duration::from_secs(25));
        assert!(beats_while(&[(503, outage), (403, moment)]).await >= 2);
    }
}
