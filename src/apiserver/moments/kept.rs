//! The ring of kept moments.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::apiserver::moments::Tag;
use crate::apiserver::resources::{Ages, Moment};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::revision::Revisions;
use crate::store::Store;

/// Requests that come within this time are answered from the same moment: the watches of many
/// clients then go the same steps, and what is written for one of them serves all.
const SHARED_FOR: Duration = Duration::from_millis(100);
/// How long a list can go on, or a watch begin, from a moment. Each resolution of it costs one more
/// copy of the samples.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// The same bound in moments, should the clock stand still or go back.
const KEPT_AT_MOST: usize = 512;
/// The moments of one step: a watcher can go it even if the clock leaps over it.
const LAST_STEP: usize = 2;
/// How often watchers are shown what has changed.
const STEP: Duration = Duration::from_millis(250);
/// How often old moments are looked for while nobody watches: rarely, so that a server of which
/// nothing is asked sleeps.
const UNWATCHED_TURN: Duration = Duration::from_secs(5);

/// Gives out the moment of now, and keeps the last ones. Share it by `Arc`.
#[derive(Debug)]
pub struct Moments {
    cluster: Arc<Cluster>,
    store: Arc<Store>,
    clock: Clock,
    revisions: Revisions,
    tag: Tag,
    ages: Ages,
    /// By revision, the newest last.
    kept: Mutex<VecDeque<Arc<Moment>>>,
    newest: watch::Sender<u64>,
    /// Somebody has begun to watch.
    watched: Notify,
}

impl Moments {
    /// Keeps nothing yet. `revisions` is the counter that `cluster` and `store` draw from.
    pub fn new(
        (cluster, store): (Arc<Cluster>, Arc<Store>),
        clock: Clock,
        (revisions, tag): (Revisions, Tag),
        resolution: Duration,
        max_sample_age: Duration,
    ) -> Self {
        let ages = Ages { resolution, max_sample_age };
        let (kept, newest, watched) = (Mutex::default(), watch::Sender::new(0), Notify::new());
        Self { cluster, store, clock, revisions, tag, ages, kept, newest, watched }
    }

    /// Forgets old moments and, while anybody watches, makes new ones. Ends on `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let turns = async {
            loop {
                let pause = if self.newest.receiver_count() > 0 {
                    self.current();
                    STEP
                } else {
                    self.forget_old(&mut self.kept.lock(), 0);
                    UNWATCHED_TURN
                };
                let _ = tokio::time::timeout(pause, self.watched.notified()).await;
            }
        };
        stop.run_until_cancelled(turns).await;
    }

    /// The tag of all versions served.
    pub(crate) const fn tag(&self) -> Tag {
        self.tag
    }

    /// What an answer of now is made from.
    pub(crate) fn current(&self) -> Arc<Moment> {
        let now = self.clock.now();
        let mut kept = self.kept.lock();
        if let Some(newest) = kept.back()
            && newest.now <= now
            && now.since(newest.now) < SHARED_FOR
        {
            return Arc::clone(newest);
        }
        // The version is drawn after all that it stands for: no change in it has a later one.
        let glance = Moment { now, ..self.glance() };
        let (step, revision) = (self.revisions.next(), self.revisions.next());
        let moment = Arc::new(Moment { step, revision, ..glance });
        kept.push_back(Arc::clone(&moment));
        self.forget_old(&mut kept, LAST_STEP);
        self.newest.send_replace(revision);
        moment
    }

    /// How things are now, for who tells nobody a version of it: it has none, and is not kept.
    pub(crate) fn glance(&self) -> Moment {
        let (view, snapshot) = (self.cluster.view(), self.store.snapshot());
        Moment { view, snapshot, now: self.clock.now(), ages: self.ages, step: 0, revision: 0, tag: self.tag }
    }

    /// How many are kept.
    pub(crate) fn kept_count(&self) -> usize {
        self.kept.lock().len()
    }

    /// Forgets what is older than `age`, but for the last step: memory is needed for something else.
    /// Whoever wants to go on from it is told that it is gone, as if it had grown old.
    pub fn keep_only(&self, age: Duration) {
        self.forget_older(&mut self.kept.lock(), age, LAST_STEP);
    }

    /// The kept moment of this very revision.
    pub(crate) fn at(&self, revision: u64) -> Option<Arc<Moment>> {
        let kept = self.kept.lock();
        let index = kept.binary_search_by_key(&revision, |moment| moment.revision).ok()?;
        kept.get(index).cloned()
    }

    /// The newest kept moment that is not later than `revision`: whoever has seen anything of
    /// `revision` knows at least this much.
    pub(crate) fn not_after(&self, revision: u64) -> Option<Arc<Moment>> {
        let kept = self.kept.lock();
        let later = kept.partition_point(|moment| moment.revision <= revision);
        kept.get(later.checked_sub(1)?).cloned()
    }

    /// The oldest kept moment that is later than `revision`.
    pub(crate) fn after(&self, revision: u64) -> Option<Arc<Moment>> {
        let kept = self.kept.lock();
        kept.get(kept.partition_point(|moment| moment.revision <= revision)).cloned()
    }

    /// Tells the revision of each new moment; while anybody listens, moments are made regularly.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        let receiver = self.newest.subscribe();
        self.watched.notify_one();
        receiver
    }

    /// Forgets what is too old, but for the newest `spared`.
    fn forget_old(&self, kept: &mut VecDeque<Arc<Moment>>, spared: usize) {
        self.forget_older(kept, KEPT_FOR, spared);
    }

    fn forget_older(&self, kept: &mut VecDeque<Arc<Moment>>, age: Duration, spared: usize) {
        let now = self.clock.now();
        // A moment of the future was before the clock was set back, and is as old.
        let is_old = |moment: &Arc<Moment>| now.distance(moment.now) > age;
        while kept.len() > KEPT_AT_MOST || (kept.len() > spared && kept.front().is_some_and(is_old)) {
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
