//! What is remembered, and who sees to it that there is not too much of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::apiserver::{Moments, Tag};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::Settings;
use crate::pressure::{Budget, Guard, Level};
use crate::revision::Revisions;
use crate::store::Store;

/// How long moments are kept while memory nears its limit: a third of the shortest resolution that is
/// usual, so that hardly any has a copy of the samples to itself.
const KEPT_UNDER_PRESSURE: Duration = Duration::from_secs(5);

/// An allocator that returns freed pages only while it is asked for others keeps what a burst of work has
/// freed for as long as it is quiet after it. What is free now and asked for again costs less than a
/// thousandth of a core.
const GIVE_BACK_PERIOD: Duration = Duration::from_secs(5);

/// What exists, what was measured, and the moments of both, under a name that no other process has; and
/// who sees to it that there is not too much of it.
pub(super) struct Memory {
    pub(super) cluster: Arc<Cluster>,
    pub(super) store: Arc<Store>,
    pub(super) moments: Arc<Moments>,
    pub(super) guard: Guard,
    /// Returns free memory to the system, if it can be told to.
    pub(super) give_back: fn(),
}

impl Memory {
    pub(super) fn empty(settings: &Settings, clock: &Clock) -> Self {
        // Changes are fewer than milliseconds, so that versions grow over restarts too.
        let revisions = Revisions::after(u64::try_from(clock.now().0).unwrap_or_default());
        let cluster = Arc::new(Cluster::new(revisions.clone()));
        let store = Arc::new(Store::new(revisions.clone()));
        let world = (Arc::clone(&cluster), Arc::clone(&store));
        let tag = Tag::from_random(Uuid::new_v4().as_u64_pair().1);
        let (resolution, max_sample_age) = (settings.scraping.resolution, settings.max_sample_age);
        let moments = Moments::new(world, clock.clone(), (revisions, tag), resolution, max_sample_age);
        let guard = Guard::new(Budget::of_process(settings.memory_limit_bytes));
        Self { cluster, store, moments: Arc::new(moments), guard, give_back: || {} }
    }
}

/// Gives up what is kept for clients to go on from. Where memory is short for long, a client still has
/// the time to go from its list to its watch.
pub(super) fn relief(moments: &Arc<Moments>, give_back: fn()) -> impl Fn(Level) + use<> {
    let moments = Arc::clone(moments);
    move |level| {
        moments.keep_only(if level == Level::Critical { Duration::ZERO } else { KEPT_UNDER_PRESSURE });
        give_back();
    }
}

/// Gives free memory back all the time.
pub(super) async fn give_back_freed(give_back: fn(), stop: CancellationToken) {
    let mut turns = tokio::time::interval(GIVE_BACK_PERIOD);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let turns = async {
        loop {
            turns.tick().await;
            give_back();
        }
    };
    stop.run_until_cancelled(turns).await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn free_memory_is_given_back_every_five_seconds_until_the_end() {
        static TIMES: AtomicUsize = AtomicUsize::new(0);
        let stop = CancellationToken::new();
        let task = tokio::spawn(give_back_freed(|| _ = TIMES.fetch_add(1, Ordering::Relaxed), stop.clone()));
        tokio::time::sleep(Duration::from_secs(22)).await;
        assert_eq!(TIMES.load(Ordering::Relaxed), 5, "at 0, 5, 10, 15 and 20 s");
        stop.cancel();
        task.await.unwrap();
    }
}
