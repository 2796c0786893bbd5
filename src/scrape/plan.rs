//! When a node is asked: pure arithmetic on instants.
//!
//! ```text
//! start ├─ first contact, spread ─┤
//! grid  ·····│··············│··············│·····   beat by the node's name, one resolution apart
//! extra              ↑ a container began: at least one second later, at most one per gap
//! failing    x─│──│─────│───────────│              one retry soon, then ever more rarely
//! ```

use std::time::Duration;

use tokio::time::Instant;

use crate::usage::stable_hash;

/// First contact with a whole cluster takes no longer, so that its first usage comes in seconds.
const LONGEST_SPREAD: Duration = Duration::from_secs(2);
/// A small cluster needs no spread: this much per node keeps the load flat.
const SPREAD_PER_NODE: Duration = Duration::from_millis(2);
/// Regular scrapes begin in beats: the nodes of one beat are asked one right after the other, by code
/// that the processor still has at hand. Asked one by one, each costs twice as much.
const BEAT: Duration = Duration::from_millis(200);
/// The first retry after a failure comes no later.
const LONGEST_FIRST_RETRY: Duration = Duration::from_secs(2);
/// A rate needs a window of one second; the rest is for the container's clock and ours to differ.
const AFTER_START: Duration = Duration::from_millis(1100);
/// How often a run without a rate is chased before the regular scrapes are left to it.
const CHASES: u8 = 3;

/// What all nodes have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    /// Where the grid begins.
    pub(super) epoch: Instant,
    /// Distance of the grid.
    pub(super) resolution: Duration,
}

impl Rhythm {
    /// How long after the start a node of `nodes` is first asked.
    pub(super) fn first_contact(&self, node: &str, nodes: usize) -> Duration {
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        let spread = LONGEST_SPREAD.min(self.resolution / 4).min(SPREAD_PER_NODE.saturating_mul(nodes));
        spread.mul_f64(share(stable_hash(node, 1)))
    }

    /// The first point of the node's grid that is not before `earliest`.
    fn grid_from(&self, node: u64, earliest: Instant) -> Instant {
        let first = self.epoch + self.phase(node);
        let behind = earliest.saturating_duration_since(first).as_nanos();
        let steps = behind.div_ceil(self.resolution.as_nanos().max(1));
        first + self.resolution * u32::try_from(steps).unwrap_or(u32::MAX)
    }

    /// Where the node's beat stands in the resolution.
    fn phase(&self, node: u64) -> Duration {
        let beats = u32::try_from(self.resolution.as_millis() / BEAT.as_millis()).unwrap_or(u32::MAX).max(1);
        let beat = ((node >> 32) * u64::from(beats)) >> 32;
        self.resolution / beats * u32::try_from(beat).unwrap_or_default()
    }

    /// One extra request per node and gap at most.
    fn gap(&self) -> Duration {
        Duration::from_secs(1).max(self.resolution / 5)
    }
}

/// One node's times.
#[derive(Debug)]
pub(super) struct Agenda {
    rhythm: Rhythm,
    node: u64,
    regular: Instant,
    /// An early scrape that is wanted, and one that was asked for while that one waits.
    early: [Option<Instant>; 2],
    next_extra: Instant,
    /// Whether the scrape under way is an extra one.
    is_extra: bool,
    failures: u32,
    chases: u8,
}

impl Agenda {
    /// Begins with a first contact at `first`.
    pub(super) fn new(rhythm: Rhythm, node: &str, first: Instant) -> Self {
        Self {
            rhythm,
            node: stable_hash(node, 0),
            regular: first,
            early: [None; 2],
            next_extra: first,
            is_extra: false,
            failures: 0,
            chases: 0,
        }
    }

    /// When to scrape next. A failing node gets no extra: its back-off counts.
    pub(super) fn due(&self) -> Instant {
        let early = self.early.iter().flatten().min().filter(|_| self.failures == 0);
        early.map_or(self.regular, |early| self.regular.min((*early).max(self.next_extra)))
    }

    /// A container began to run on the node.
    pub(super) fn container_started(&mut self, now: Instant) {
        self.want_scrape(now + AFTER_START);
    }

    fn want_scrape(&mut self, at: Instant) {
        match &mut self.early {
            [first @ None, _] => *first = Some(at),
            [_, last] => *last = Some(at),
        }
    }

    /// A scrape begins: it answers every wish for one up to now.
    pub(super) fn begin(&mut self, now: Instant) {
        let [first, last] = self.early.map(|wish| wish.filter(|wish| *wish > now));
        self.early = [first.or(last), first.and(last)];
        self.is_extra = now < self.regular;
        if self.is_extra {
            self.next_extra = now + self.rhythm.gap();
        }
    }

    /// The scrape failed.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let resolution = self.rhythm.resolution;
        let wait = match self.failures {
            1 => LONGEST_FIRST_RETRY.min(resolution / 4),
            2 => resolution,
            3 => resolution * 2,
            _ => resolution * 4,
        };
        let jitter = share(self.node.rotate_left(self.failures % 64));
        self.regular = now + wait.mul_f64(1.0 - jitter / 4.0);
    }

    /// The scrape was good. `new_runs`: it saw runs begin. `awaiting`: some run has no rate yet.
    /// True if the kubelet is to be asked for its own rates at once.
    pub(super) fn succeeded(&mut self, now: Instant, new_runs: bool, awaiting: bool) -> bool {
        self.failures = 0;
        self.regular = self.rhythm.grid_from(self.node, now + self.rhythm.resolution / 4);
        if new_runs {
            self.chases = CHASES;
        }
        if !awaiting || self.chases == 0 {
            return false;
        }
        if !self.is_extra && now < self.next_extra {
            self.want_scrape(self.next_extra);
            return false;
        }
        self.chases -= 1;
        self.next_extra = now + self.rhythm.gap();
        true
    }

    /// Some run was in its first second, and has a rate once that is over. After a regular scrape it
    /// need not wait for the gap: that makes one request more per resolution at most.
    pub(super) fn first_second_seen(&mut self, now: Instant) {
        if !self.is_extra {
            self.next_extra = self.next_extra.min(now + AFTER_START);
        }
        self.want_scrape(now + AFTER_START);
    }

    /// The kubelet's own rates did not do: an early second scrape takes their place. Without any
    /// answer it need not wait for the gap, since nothing was gained from the request.
    pub(super) fn rates_missing(&mut self, now: Instant, refused: bool) {
        if refused {
            self.next_extra = now;
        }
        self.want_scrape(now + AFTER_START);
    }
}

/// A hash as a share of one.
fn share(hash: u64) -> f64 {
    f64::from(u32::try_from(hash >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests;
