//! When a kubelet reads what: every container, every pod and the node has a clock of its own.
//!
//! ```text
//! run starts ──live: read when asked──▶ first reading ──period + jitter──▶ next ──▶ …
//!            └──── 7 to 16 s ─────────┘
//! ```

use std::time::Duration;

use super::{SimContainer, SimNode, SimPod};
use crate::clock::UnixMillis;
use crate::sim::seed::Seed;

/// A container is answered live until its first reading, which comes between these ages.
const LIVE_FOR: (Duration, Duration) = (Duration::from_secs(7), Duration::from_secs(16));
/// A runtime tells no current rate of a container younger than this.
const RATELESS_FOR: Duration = Duration::from_secs(1);
/// What a pod's sandbox used when it was made, and what it holds.
const SANDBOX_CPU_NS: u64 = 28_000_000;
const SANDBOX_MEMORY_BYTES: u64 = 221_184;

/// What a kubelet knows of a container, a pod or the node when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct SimReading {
    /// When it was read.
    pub(in crate::sim) time: UnixMillis,
    /// When the counter began.
    pub(in crate::sim) start: UnixMillis,
    /// CPU time since then, nanoseconds.
    pub(in crate::sim) cpu_ns: u64,
    /// Working set, bytes.
    pub(in crate::sim) memory_bytes: u64,
    /// Mean CPU rate since the reading before, nanocores.
    pub(in crate::sim) rate: Option<u64>,
    /// Read from the runtime for this very answer.
    pub(in crate::sim) live: bool,
}

impl SimContainer {
    /// When the reading was made that its kubelet tells at a time; `None` while it does not run.
    pub fn read_at(&self, at: UnixMillis) -> Option<UnixMillis> {
        self.reading(at).map(|reading| reading.time)
    }

    /// The reading told at a time; `None` while the container does not run.
    pub(in crate::sim) fn reading(&self, at: UnixMillis) -> Option<SimReading> {
        let run = self.run_at(at)?;
        let clock = ReadingClock {
            start: run.start,
            period: self.reading_period,
            seed: self.seed.part(u64::MAX - u64::from(run.number)),
        };
        let scheduled = clock.last(at);
        let (before, time) = scheduled.unwrap_or((run.start, at));
        let (since, until) = (before.since(run.start), time.since(run.start));
        Some(SimReading {
            time,
            start: run.start,
            cpu_ns: self.load.cpu_ns(until),
            memory_bytes: self.load.memory(until),
            rate: (until.saturating_sub(since) >= RATELESS_FOR).then(|| self.load.mean_rate(since, until)),
            live: scheduled.is_none(),
        })
    }
}

impl SimPod {
    /// The reading of the pod as a whole, sandbox included; `None` while none of its containers
    /// runs, zeros with the sandbox's time until the first one is due.
    pub(in crate::sim) fn reading(&self, at: UnixMillis) -> Option<SimReading> {
        self.containers.iter().find_map(|container| container.run_at(at))?;
        let start = self.sandbox_start();
        let clock = ReadingClock { start, period: self.reading_period, seed: self.seed.part(u64::MAX) };
        let unread = SimReading { time: start, start, cpu_ns: 0, memory_bytes: 0, rate: None, live: false };
        let Some((before, time)) = clock.last(at) else { return Some(unread) };
        let cpu_ns = self.total_cpu_ns(time);
        let used = u128::from(cpu_ns.saturating_sub(self.total_cpu_ns(before)));
        let rate = (used * 1000).checked_div(time.since(before).as_millis());
        let rate = rate.and_then(|rate| u64::try_from(rate).ok());
        Some(SimReading { time, cpu_ns, memory_bytes: self.memory(time), rate, ..unread })
    }

    fn total_cpu_ns(&self, at: UnixMillis) -> u64 {
        SANDBOX_CPU_NS + self.containers.iter().map(|container| container.total_cpu_ns(at)).sum::<u64>()
    }

    fn memory(&self, at: UnixMillis) -> u64 {
        let running = self.containers.iter().filter_map(|container| Some((container, container.run_at(at)?)));
        SANDBOX_MEMORY_BYTES + running.map(|(container, run)| container.load.memory(at.since(run.start))).sum::<u64>()
    }
}

impl SimNode {
    /// The node's reading at a time: every period sharp.
    pub(in crate::sim) fn reading(&self, at: UnixMillis) -> SimReading {
        let periods = at.since(self.booted).as_millis().checked_div(self.reading_period.as_millis()).unwrap_or(0);
        let until = self.reading_period * u32::try_from(periods).unwrap_or(u32::MAX);
        let since = until.saturating_sub(self.reading_period);
        SimReading {
            time: self.booted + until,
            start: self.booted,
            cpu_ns: self.load.cpu_ns(until),
            memory_bytes: self.load.memory(until),
            rate: Some(self.load.mean_rate(since, until)),
            live: false,
        }
    }
}

/// Readings begin some seconds after the start and then come on a grid, each up to half a period
/// late: never two at one time, never one before the other.
struct ReadingClock {
    start: UnixMillis,
    period: Duration,
    seed: Seed,
}

impl ReadingClock {
    /// The last reading by a time, and the one before it (the start, if there is none).
    fn last(&self, at: UnixMillis) -> Option<(UnixMillis, UnixMillis)> {
        let first = self.start + self.seed.between(LIVE_FOR.0, LIVE_FOR.1);
        if at < first {
            return None;
        }
        let turns = at.since(first).as_millis().checked_div(self.period.as_millis()).unwrap_or(0);
        let turn = u32::try_from(turns).unwrap_or(u32::MAX);
        let turn = if self.reading(first, turn) <= at { turn } else { turn.saturating_sub(1) };
        let before = turn.checked_sub(1).map_or(self.start, |before| self.reading(first, before));
        Some((before, self.reading(first, turn)))
    }

    fn reading(&self, first: UnixMillis, turn: u32) -> UnixMillis {
        let jitter = match turn {
            0 => Duration::ZERO,
            _ => self.seed.part(u64::from(turn)).between(Duration::ZERO, self.period / 2),
        };
        first + self.period * turn + jitter
    }
}
