//! What must be true before the process calls itself ready, and how it shows that it lives.
//!
//! Each part takes a [`Latch`] while the process is put together and releases it when its own
//! condition holds; the process is ready when the last latch is gone and no stop has begun, so no
//! part can be forgotten. Trouble upstream (an API server away) takes no readiness back: the last known
//! state is still served, and a [`Notice`] says so. What must not be served any longer without a word
//! from upstream is a [`Condition`], which can be lost again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Clock, UnixMillis};

/// The state of one named check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// As shown by `/readyz?verbose` and asked by `/readyz/NAME`.
    pub name: &'static str,
    /// What is wrong, for the log and for `healthz`; `None` when the check holds.
    pub failure: Option<String>,
}

/// The shared register of latches. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    latches: Mutex<Vec<(&'static str, Arc<LatchState>)>>,
    notices: Mutex<Vec<Notice>>,
    stopping: AtomicBool,
}

#[derive(Debug)]
struct LatchState {
    released: AtomicBool,
    waiting_for: Mutex<String>,
}

/// Held by a part that is not ready yet.
#[derive(Debug)]
#[must_use = "a latch that is dropped at once was never held"]
pub struct Latch(Arc<LatchState>);

/// What held when a [`Latch`] was released.
#[derive(Debug)]
pub struct Condition(Arc<LatchState>);

/// Something that operators want to know and that costs no readiness.
#[derive(Clone, Debug)]
pub struct Notice {
    text: &'static str,
    applies: Arc<AtomicBool>,
}

impl Readiness {
    /// Registers the check `name`, failing with `waiting_for` until its latch is released.
    pub fn latch(&self, name: &'static str, waiting_for: &str) -> Latch {
        let state =
            Arc::new(LatchState { released: AtomicBool::new(false), waiting_for: Mutex::new(waiting_for.to_owned()) });
        self.shared.latches.lock().push((name, Arc::clone(&state)));
        Latch(state)
    }

    /// Registers `text`, shown by `/readyz?verbose` while it applies. It does not yet.
    pub fn notice(&self, text: &'static str) -> Notice {
        let notice = Notice { text, applies: Arc::default() };
        self.shared.notices.lock().push(notice.clone());
        notice
    }

    /// The notices that apply, in the order of registration.
    pub fn notices(&self) -> Vec<&'static str> {
        let notices = self.shared.notices.lock();
        notices.iter().filter(|notice| notice.applies.load(Ordering::Acquire)).map(|notice| notice.text).collect()
    }

    /// Fails the check `shutdown` from now on.
    pub fn begin_stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
    }

    /// Every check, in the order of registration, `shutdown` last.
    pub fn checks(&self) -> Vec<Check> {
        let mut checks: Vec<Check> = self.shared.latches.lock().iter().map(|(name, latch)| latch.check(name)).collect();
        let stopping = self.shared.stopping.load(Ordering::Acquire);
        checks.push(Check { name: "shutdown", failure: stopping.then(|| "the process is stopping".to_owned()) });
        checks
    }

    /// Whether every check holds.
    pub fn is_ready(&self) -> bool {
        !self.shared.stopping.load(Ordering::Acquire)
            && self.shared.latches.lock().iter().all(|(_, latch)| latch.released.load(Ordering::Acquire))
    }
}

impl LatchState {
    fn check(&self, name: &'static str) -> Check {
        let released = self.released.load(Ordering::Acquire);
        Check { name, failure: (!released).then(|| self.waiting_for.lock().clone()) }
    }
}

impl Notice {
    /// Whether it applies from now on.
    pub fn set(&self, applies: bool) {
        self.applies.store(applies, Ordering::Release);
    }
}

impl Latch {
    /// Says anew what is being waited for, e.g. the last error met.
    pub fn explain(&self, waiting_for: String) {
        *self.0.waiting_for.lock() = waiting_for;
    }

    /// The condition holds from now on.
    pub fn release(self) -> Condition {
        self.0.released.store(true, Ordering::Release);
        Condition(self.0)
    }
}

impl Condition {
    /// It does not hold for now; `why` is told.
    pub fn lose(&self, why: String) {
        *self.0.waiting_for.lock() = why;
        self.0.released.store(false, Ordering::Release);
    }

    /// It holds again.
    pub fn regain(&self) {
        self.0.released.store(true, Ordering::Release);
    }
}

/// A sign of life of an essential loop; `/livez` fails when it grows old.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    clock: Clock,
    last: Arc<AtomicI64>,
}

impl Heartbeat {
    /// A heart that beats now for the first time.
    pub fn new(clock: Clock) -> Self {
        let last = Arc::new(AtomicI64::new(clock.now().0));
        Self { clock, last }
    }

    /// The loop went round.
    pub fn beat(&self) {
        self.last.store(self.clock.now().0, Ordering::Relaxed);
    }

    /// Time since the last beat. A clock that was set back tells as much as one that leapt ahead, until
    /// the next beat: else a loop that stands still would look alive until the clock has caught up.
    pub fn age(&self) -> Duration {
        self.clock.now().distance(UnixMillis(self.last.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_the_last_latch_is_released() {
        let readiness = Readiness::default();
        let nodes = readiness.latch("node-sync", "nodes are being listed");
        let pods = readiness.latch("pod-sync", "pods are being listed");
        nodes.release();
        pods.explain("pods: connection refused".to_owned());
        assert!(!readiness.is_ready());
        assert_eq!(readiness.checks()[1].failure.as_deref(), Some("pods: connection refused"));
        pods.release();
        assert!(readiness.is_ready());
    }

    #[test]
    fn a_notice_is_told_while_it_applies_and_costs_no_readiness() {
        let readiness = Readiness::default();
        let notice = readiness.notice("the API server is away");
        assert!(readiness.notices().is_empty());
        notice.set(true);
        assert_eq!(readiness.notices(), ["the API server is away"]);
        assert!(readiness.is_ready());
        notice.set(false);
        assert!(readiness.notices().is_empty());
    }

    #[test]
    fn a_heart_that_stands_still_is_told_though_the_clock_was_set_back() {
        let (clock, hand) = Clock::manual(UnixMillis(7_200_000));
        let heartbeat = Heartbeat::new(clock);
        hand.set(UnixMillis(3_600_000));
        assert_eq!(heartbeat.age(), Duration::from_hours(1));
        heartbeat.beat();
        assert_eq!(heartbeat.age(), Duration::ZERO);
    }

    #[test]
    fn a_condition_that_is_lost_costs_readiness_until_it_is_regained() {
        let readiness = Readiness::default();
        let condition = readiness.latch("serving-certificate", "it is being made").release();
        assert!(readiness.is_ready());
        condition.lose("the API server is away".to_owned());
        assert!(!readiness.is_ready());
        assert_eq!(readiness.checks()[0].failure.as_deref(), Some("the API server is away"));
        condition.regain();
        assert!(readiness.is_ready());
    }

    #[test]
    fn a_dropped_latch_stays_closed() {
        let readiness = Readiness::default();
        drop(readiness.latch("node-sync", "the watch died"));
        assert!(!readiness.is_ready());
    }

    #[test]
    fn stopping_fails_the_shutdown_check() {
        let readiness = Readiness::default();
        assert!(readiness.is_ready());
        readiness.begin_stop();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.checks().last().map(|check| check.name), Some("shutdown"));
    }
}
