//! One task per node, as nodes come and go.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, UnixMillis};
use crate::cluster::{Cluster, Node, View};
use crate::config::Scraping;
use crate::readiness::{Heartbeat, Latch};
use crate::scrape::bound::Bound;
use crate::scrape::intake::Intake;
use crate::scrape::kubelet::Kubelets;
use crate::scrape::live_tls::LiveTls;
use crate::scrape::metrics::Metrics;
use crate::scrape::node_task::{NodeTask, Shared};
use crate::scrape::others::Others;
use crate::scrape::plan::Rhythm;
use crate::scrape::{Error, KubeletAccess};
use crate::store::{Snapshot, Store};
use crate::telemetry::expiry;
use crate::usage::{NodeName, Share, Uid};

/// How soon the first list and the end of the first round are noticed.
const START_LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How soon a new node is noticed. In a small cluster nothing else wakes us as often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The scraper, built but not running.
pub struct Scraper {
    shared: Arc<Shared>,
}

impl Scraper {
    /// Reads certificates and token, registers metrics.
    ///
    /// # Errors
    /// When the settings or the files they name cannot be used.
    pub fn build(
        settings: &Scraping,
        max_sample_age: Duration,
        access: KubeletAccess,
        cluster: Arc<Cluster>,
        store: Arc<Store>,
        clock: Clock,
        registry: &mut Registry,
    ) -> Result<Self, Error> {
        let kubelets = Kubelets::build(settings, access)?;
        register_expirations(registry, &kubelets.tls);
        let metrics = Metrics::register(registry);
        let bound = Arc::new(Bound::new(metrics.nodes_changed.clone()));
        let shared = Shared {
            settings: settings.clone(),
            kubelets,
            intake: Intake { cluster, store, clock, max_sample_age, bound },
            permits: Semaphore::new(settings.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            metrics,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Scrapes the nodes of `share` until `stop`, from `filled` on: others may write to the store before.
    /// `first_round` is released when every such node known at the start has been tried once, or after
    /// one resolution.
    pub async fn run(
        self,
        heartbeat: Heartbeat,
        first_round: Latch,
        filled: CancellationToken,
        share: watch::Receiver<Share>,
        stop: CancellationToken,
    ) {
        let following = Arc::clone(&self.shared.kubelets.tls).follow();
        let supervised = self.supervise(heartbeat, first_round, filled, share);
        // Tasks are aborted when their set is dropped, which is here.
        stop.run_until_cancelled(async { tokio::join!(supervised, following) }).await;
    }

    async fn supervise(
        self,
        heartbeat: Heartbeat,
        first_round: Latch,
        filled: CancellationToken,
        mut share: watch::Receiver<Share>,
    ) {
        let mut starts = self.shared.intake.cluster.subscribe_starts();
        let mut look = looks(START_LOOK_INTERVAL);
        // Before all pods are known, a scrape's containers would belong to nobody.
        while !(self.shared.intake.cluster.view().is_complete() && filled.is_cancelled()) {
            look.tick().await;
            heartbeat.beat();
        }
        let rhythm = Rhythm { epoch: Instant::now(), resolution: self.shared.settings.resolution };
        let mut nodes = Nodes::new(self.shared, rhythm, share.borrow_and_update().clone());
        let (first_tries, all_tried) = mpsc::channel(1);
        nodes.follow(Some(&first_tries));
        drop(first_tries);
        let deadline = Instant::now() + rhythm.resolution;
        let mut first_round = FirstRound { latch: Some(first_round), all_tried, deadline };
        loop {
            tokio::select! {
                _ = look.tick() => {
                    heartbeat.beat();
                    nodes.follow(None);
                    if first_round.ends() {
                        look = looks(LOOK_INTERVAL);
                    }
                }
                Ok(()) = share.changed() => nodes.divide(share.borrow_and_update().clone()),
                start = starts.recv() => nodes.poke(start),
                Some(ended) = nodes.tasks.join_next_with_id() => nodes.ended(ended),
            }
        }
    }
}

fn register_expirations(registry: &mut Registry, tls: &Arc<LiveTls>) {
    let (shown, believed) = (Arc::clone(tls), Arc::clone(tls));
    let shown: Vec<(_, expiry::Ending)> = vec![("kubelet_client", Box::new(move || shown.identity_ending()))];
    expiry::register(registry, "kubelet_client_certificate_expiration_timestamp_seconds", shown);
    let believed: Vec<(_, expiry::Ending)> =
        vec![("kubelet_authority", Box::new(move || believed.authorities_ending()))];
    expiry::register(registry, "kubelet_authority_certificate_expiration_timestamp_seconds", believed);
}

fn looks(every: Duration) -> Interval {
    let mut looks = tokio::time::interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// Over when every first try has dropped its sender, or at the deadline.
struct FirstRound {
    latch: Option<Latch>,
    all_tried: mpsc::Receiver<Infallible>,
    deadline: Instant,
}

impl FirstRound {
    /// Releases the latch if the round is over; true when it does.
    fn ends(&mut self) -> bool {
        let all_tried = self.all_tried.try_recv() == Err(mpsc::error::TryRecvError::Disconnected);
        let over = all_tried || Instant::now() >= self.deadline;
        self.latch.take_if(|_| over).map(Latch::release).is_some()
    }
}

/// The tasks that run.
struct Nodes {
    shared: Arc<Shared>,
    rhythm: Rhythm,
    running: HashMap<NodeName, Running>,
    tasks: JoinSet<()>,
    share: Share,
    /// The nodes without a task, because another replica asks them.
    others: Others,
    /// The revision of the cluster's nodes that the tasks follow.
    seen: Option<u64>,
}

struct Running {
    uid: Uid,
    /// Else we ask in another's place, or until it begins to.
    is_ours: bool,
    /// A good scrape that another tells of ends the task from here on.
    since: UnixMillis,
    poke: Arc<Notify>,
    task: AbortHandle,
}

impl Nodes {
    fn new(shared: Arc<Shared>, rhythm: Rhythm, share: Share) -> Self {
        let others = Others::new(rhythm.resolution);
        Self { shared, rhythm, running: HashMap::new(), tasks: JoinSet::new(), share, others, seen: None }
    }

    /// Another part of the nodes is ours from now on.
    fn divide(&mut self, share: Share) {
        self.share = share;
        let now = self.shared.intake.clock.now();
        for (name, running) in &mut self.running {
            let is_ours = self.share.has(name.as_str());
            if std::mem::replace(&mut running.is_ours, is_ours) && !is_ours {
                running.since = now;
            }
        }
        self.seen = None;
        self.follow(None);
    }

    /// Begins and ends tasks so that each node of the cluster has one, here or at another replica.
    fn follow(&mut self, first_tries: Option<&mpsc::Sender<Infallible>>) {
        // In this order: what was told of a node that has just come is not swept away.
        let (snapshot, view) = (self.shared.intake.store.snapshot(), self.shared.intake.cluster.view());
        self.look_at_others(&view);
        if self.seen == Some(view.nodes_revision()) {
            return;
        }
        self.seen = Some(view.nodes_revision());
        for (name, running) in &self.running {
            // A task that ends is taken off when it has ended, and its node begun anew if it came back.
            if view.node(name.as_str()).is_none_or(|node| node.uid != running.uid) {
                running.task.abort();
            }
        }
        for gone in self.others.leave(&view) {
            self.shared.intake.store.forget(&gone);
        }
        self.begin_missing(&view, first_tries);
        self.sweep(&snapshot, &view);
    }

    /// Forgets what came of nodes that had left: from another replica, or from a body that was still read.
    fn sweep(&self, snapshot: &Snapshot, view: &View) {
        let is_left = |name: &NodeName| view.node(name.as_str()).is_none() && !self.running.contains_key(name);
        for name in snapshot.nodes().map(|(name, _)| name).filter(|name| is_left(name)) {
            self.shared.intake.store.forget(name);
        }
    }

    fn begin_missing(&mut self, view: &View, first_tries: Option<&mpsc::Sender<Infallible>>) {
        let missing = view.nodes().filter(|node| !self.running.contains_key(node.name.as_str()));
        let (missing, of_others): (Vec<_>, Vec<_>) = missing.partition(|node| self.share.has(node.name.as_str()));
        for node in of_others {
            self.others.add(node, self.shared.intake.clock.now(), &self.shared.metrics);
        }
        for node in &missing {
            let wait = match self.others.take_over(&node.name, &self.shared) {
                Some(wait) => wait,
                None => self.rhythm.first_contact(node.name.as_str(), missing.len()),
            };
            self.begin(node, wait, first_tries);
        }
    }

    fn begin(&mut self, node: &Node, wait: Duration, first_tries: Option<&mpsc::Sender<Infallible>>) {
        let (name, poke) = (node.name.clone(), Arc::new(Notify::new()));
        let first = Instant::now() + wait;
        let task = NodeTask::new(Arc::clone(&self.shared), self.rhythm, name.clone(), first, Arc::clone(&poke));
        let task = self.tasks.spawn(task.run(first_tries.cloned()));
        let (is_ours, since) = (self.share.has(name.as_str()), self.shared.intake.clock.now());
        self.running.insert(name, Running { uid: node.uid, is_ours, since, poke, task });
    }

    /// Nodes that another replica was to ask, and did not or in vain, are asked by us. Those of our tasks
    /// end that are not ours and of whose node another replica tells a good scrape: that it fails there
    /// says nothing of what we can do.
    fn look_at_others(&mut self, view: &View) {
        for name in self.others.look(&self.shared) {
            if let Some(node) = view.node(name.as_str()) {
                self.begin(node, Duration::ZERO, None);
            }
        }
        let (snapshot, now) = (self.shared.intake.store.snapshot(), self.shared.intake.clock.now());
        for (name, running) in self.running.iter_mut().filter(|(_, running)| !running.is_ours) {
            // What is yet to come was before our clock was set back.
            running.since = running.since.min(now);
            let told = snapshot.node(name).and_then(|record| record.last_told_good?.if_past(now));
            if told > Some(running.since) {
                running.task.abort();
            }
        }
        self.shared.metrics.divide(self.running.len(), self.others.count());
    }

    /// A container began to run somewhere. Pokes that were lost cost early scrapes only.
    fn poke(&self, start: Result<NodeName, broadcast::error::RecvError>) {
        if let Some(running) = start.ok().and_then(|node| self.running.get(node.as_str())) {
            running.poke.notify_one();
        }
    }

    /// A task is over: aborted because its node left, or by a panic, after which it begins anew.
    fn ended(&mut self, ended: Result<(tokio::task::Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(name) = self.running.iter().find(|(_, running)| running.task.id() == id).map(|(name, _)| name.clone())
        else {
            return;
        };
        let Some(running) = self.running.remove(name.as_str()) else { return };
        // Looked at again with the next tick, whatever the revision.
        self.seen = None;
        if ended.is_err_and(|error| error.is_panic()) {
            tracing::error!(node = %name, "the node's task panicked; it begins anew");
        } else if self.shared.intake.cluster.view().node(name.as_str()).is_none_or(|node| node.uid != running.uid) {
            self.shared.intake.store.forget(&name);
        }
    }
}

#[cfg(test)]
mod tests;
